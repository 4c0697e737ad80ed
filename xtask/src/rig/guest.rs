//! One guest: its files, its command, and its results.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, anyhow, bail};

use super::arch::Arch;
use super::initramfs::Initramfs;
use super::not_started::NotStarted;
use super::params::{self, Params};
use super::unavailable::Unavailable;
use super::{cache, kernel, modules, programs, qemu};
use crate::{project, quote};

/// How often a guest is booted at most, until its command has started.
const BOOTS: u32 = 3;

/// A guest that is ready to boot. Each [`run`](Self::run) boots once.
#[derive(Clone)]
pub(crate) struct Guest {
    arch: Arch,
    /// Kernel, busybox and modules.
    prepared: PathBuf,
    /// Files of the host to be copied to `/rig`.
    files: Vec<PathBuf>,
    /// Parameters of kernel modules.
    pub(crate) params: Params,
    /// Variables for the script, over those that every guest has.
    pub(crate) env: Vec<(String, String)>,
    /// How long the guest may run, from power on.
    pub(crate) timeout: Duration,
    /// The host folder for results; `rig/out` in the target folder if not set.
    pub(crate) out: Option<PathBuf>,
}

impl Guest {
    /// Fetches and builds what a guest needs, unless the cache has it.
    pub(crate) fn prepare(arch: Arch) -> Result<Self> {
        if arch == Arch::X86_64 && !cfg!(target_arch = "x86_64") {
            let why = "the x86_64 guest runs the host's own programs: this host is not x86_64";
            return Err(anyhow!(why).context(Unavailable));
        }
        Ok(Self {
            arch,
            prepared: cache::prepared(arch)?,
            files: Vec::new(),
            params: Params::new(),
            env: Vec::new(),
            timeout: Duration::from_secs(300),
            out: None,
        })
    }

    /// Adds a file to the guest; returns its path there.
    pub(crate) fn copy(&mut self, file: &Path) -> Result<String> {
        if self.arch == Arch::X86_64 {
            bail!(
                "{}: the x86_64 guest sees the host's files, nothing needs copying",
                file.display()
            );
        }
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .with_context(|| format!("{} is not the path of a file", file.display()))?;
        let path = format!("/rig/{name}");
        if RESERVED.contains(&name)
            || self
                .files
                .iter()
                .any(|f| f != file && f.file_name() == file.file_name())
        {
            bail!("{}: the guest already has another {path}", file.display());
        }
        if !self.files.iter().any(|f| f == file) {
            self.files.push(file.to_owned());
        }
        Ok(path)
    }

    /// The shell line for a command of the user. In a guest without the host's
    /// files the first word, if it is the path of a file, is copied in.
    pub(crate) fn command(&mut self, words: &[String]) -> Result<String> {
        let mut words = words.to_vec();
        if self.arch != Arch::X86_64 {
            let path = PathBuf::from(&words[0]);
            if words[0].contains('/') && path.is_file() {
                words[0] = self.copy(&path)?;
            }
        }
        Ok(format!("exec {}", quote::line(&words)))
    }

    /// Boots, runs a shell script with its output passed on, and returns its exit status.
    pub(crate) fn run(
        &self,
        script: &str,
        out: &mut (dyn Write + Send),
        err: &mut (dyn Write + Send),
    ) -> Result<u8> {
        let scratch = tempfile::Builder::new()
            .prefix("videostream-rig.")
            .tempdir()?;
        let results = match &self.out {
            Some(dir) => dir.clone(),
            None => project::target()?.join("rig/out"),
        };
        fs::create_dir_all(&results).with_context(|| format!("create {}", results.display()))?;

        let initramfs = scratch.path().join("initramfs");
        let file = fs::File::create(&initramfs)?;
        self.pack(script, io::BufWriter::new(file))
            .context("making the guest's file system")?;
        let boot = qemu::Boot {
            arch: self.arch,
            kernel: &self.prepared.join(kernel::KERNEL),
            initramfs: &initramfs,
            results: &fs::canonicalize(&results)?,
            scratch: scratch.path(),
            timeout: self.timeout,
        };
        for _ in 1..BOOTS {
            match boot.run(out, err) {
                Err(error) if NotStarted::marks(&error) => {
                    writeln!(err, "{error:#}\nnote: it is booted again")?;
                }
                result => return result,
            }
        }
        boot.run(out, err)
    }

    fn pack(&self, script: &str, writer: impl Write) -> Result<()> {
        let mut archive = Initramfs::new(writer);
        archive.file("init", 0o755, include_bytes!("init.sh"))?;
        archive.copy("bin/busybox", 0o755, &self.prepared.join(kernel::BUSYBOX))?;
        for (path, file) in programs::list(&self.prepared.join(kernel::PROGRAMS))? {
            archive.copy(&path, 0o755, &file)?;
        }
        let modules = self.prepared.join(kernel::MODULES);
        let order = fs::read_to_string(modules.join(modules::ORDER))?;
        let list = params::load_list(&order, &self.params)?;
        archive.file("rig/modules", 0o644, list.as_bytes())?;
        for module in order.lines() {
            let name = format!("{module}.ko");
            let content = fs::read(modules.join(&name))?;
            params::check(module, &modules::parameters(&content), &self.params)?;
            archive.file(&format!("rig/modules.d/{name}"), 0o644, &content)?;
        }
        for file in &self.files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            archive.copy(&format!("rig/{name}"), 0o755, file)?;
        }
        archive.file("rig/command", 0o755, self.script(script)?.as_bytes())?;
        if self.arch == Arch::X86_64 {
            let mut shown = String::new();
            for folder in [project::root()?, project::target()?] {
                shown.push_str(folder.to_str().context("the project's path is not UTF-8")?);
                shown.push('\n');
            }
            archive.file("rig/shown", 0o644, shown.as_bytes())?;
        }
        // Flushed here, so that an error is seen.
        archive.finish()?.flush()?;
        Ok(())
    }

    /// The script with folder and environment set up before it.
    fn script(&self, script: &str) -> Result<String> {
        let root = project::root()?;
        let root = root.to_str().context("the project's path is not UTF-8")?;
        let (folder, path) = match self.arch {
            Arch::X86_64 => (root.to_owned(), env::var("PATH").unwrap_or_default()),
            Arch::Aarch64 => (
                "/rig".to_owned(),
                "/rig:/bin:/sbin:/usr/bin:/usr/sbin".to_owned(),
            ),
        };
        let arch = self.arch.to_string();
        let mut env = vec![
            ("PATH", path.as_str()),
            ("HOME", "/run/rig/home"),
            ("TMPDIR", "/tmp"),
            ("LANG", "C.UTF-8"),
            ("XDG_RUNTIME_DIR", "/run/rig/home"),
            ("VIDEOSTREAM_RIG", "1"),
            ("VIDEOSTREAM_RIG_ARCH", &arch),
            ("VIDEOSTREAM_RIG_OUT", "/run/rig/out"),
        ];
        env.extend(
            self.env
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let mut text = format!("cd {} || exit 125\n", quote::word(&folder));
        for (name, value) in env {
            text.push_str(&format!("export {name}={}\n", quote::word(value)));
        }
        text.push_str(script);
        text.push('\n');
        Ok(text)
    }
}

/// Names in the guest's `/rig` that are its own.
const RESERVED: [&str; 4] = ["modules", "modules.d", "shown", "command"];
