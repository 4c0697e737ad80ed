//! A tree into which the library was installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Run, compiler, library_folder, run};

/// Below the prefix.
pub(crate) const LIBDIR: &str = "lib/here";

/// A program that prints nothing.
pub(crate) const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/frame.c");

/// The installation, as the project's command.
pub(crate) fn xtask() -> Command {
    let mut install = Command::new(env!("CARGO"));
    install.args([
        "run",
        "--quiet",
        "--offline",
        "-p",
        "xtask",
        "--",
        "install",
    ]);
    install
}

/// What was installed into a DESTDIR that has nothing else in it.
pub(crate) struct Tree {
    pub(crate) folder: PathBuf,
    /// Below the folder.
    pub(crate) prefix: PathBuf,
}

impl Tree {
    /// An empty one; what a run before left is removed.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        let prefix = folder.join("usr");
        Self { folder, prefix }
    }

    /// What the installation of the built libraries makes.
    pub(crate) fn installed(name: &str) -> Self {
        let tree = Self::new(name);
        tree.fill(xtask().arg("--from").arg(library_folder()), "/usr");
        tree
    }

    /// Has cargo install into it.
    pub(crate) fn fill(&self, cargo: &mut Command, prefix: &str) {
        cargo
            .args(["--prefix", prefix, "--libdir", LIBDIR, "--destdir"])
            .arg(&self.folder)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        run(cargo, Run::Compiler);
    }

    /// What pkg-config says of the library, as words.
    pub(crate) fn pkg_config(&self, words: &[&str]) -> Option<Vec<String>> {
        compiler("pkg-config")?;
        let mut ask = Command::new("pkg-config");
        ask.args(words)
            .arg("videostream")
            .env("PKG_CONFIG_LIBDIR", self.libraries().join("pkgconfig"))
            .env("PKG_CONFIG_SYSROOT_DIR", &self.folder)
            .env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1")
            .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
        let answer = ask.output().unwrap();
        assert!(answer.status.success(), "{answer:?}");
        let text = String::from_utf8(answer.stdout).unwrap();
        Some(text.split_whitespace().map(str::to_owned).collect())
    }

    /// A line of `videostream.pc`, without its key.
    pub(crate) fn described(&self, key: &str) -> String {
        let file = self.libraries().join("pkgconfig/videostream.pc");
        let text = fs::read_to_string(file).unwrap();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(key));
        lines.next().unwrap_or_else(|| panic!("{key}")).to_owned()
    }

    pub(crate) fn libraries(&self) -> PathBuf {
        self.prefix.join(LIBDIR)
    }

    /// Builds a program in both ways and runs it.
    pub(crate) fn serves_a_program(&self) {
        let build = |name: &str, options: &[&str], libraries: Vec<String>| {
            let executable = self.folder.join(name);
            let mut cc = compiler("cc").unwrap();
            cc.arg("-std=c99").args(options).args([PROGRAM, "-o"]);
            run(cc.arg(&executable).args(libraries), Run::Compiler);
            Command::new(&executable)
        };
        let words = self.pkg_config(&["--cflags", "--libs"]).unwrap();
        let mut program = build("dynamic", &[], words);
        program.env("LD_LIBRARY_PATH", self.libraries());
        run(&mut program, Run::Program);

        // The archive by its file name: the linker would prefer the shared library next to it.
        let words = self.pkg_config(&["--cflags", "--libs", "--static"]);
        let words = words.unwrap().into_iter().map(|word| match word.as_str() {
            "-lvideostream" => "-l:libvideostream.a".to_owned(),
            _ => word,
        });
        let mut program = build("static", &["-DVSL_API_STATIC"], words.collect());
        run(&mut program, Run::Program);
    }
}
