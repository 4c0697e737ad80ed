//! Kernel modules: finding them, what they depend on, and the order to load them in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context, Result, bail};

use crate::process;

/// The list, in the folder of chosen modules, that says in which order to load them.
pub(crate) const ORDER: &str = "order";

/// Copies the modules `wanted`, and everything they depend on, out of the
/// kernel's `tree` and of `extra` into `to`, decompressed, and writes there the
/// order to load them in. A module built into the kernel is left out. The names of the
/// programs for the kernel's architecture begin with `tools`.
pub(crate) fn select(
    tree: &Path,
    extra: &Path,
    wanted: &[&str],
    tools: &str,
    to: &Path,
) -> Result<()> {
    let mut files = BTreeMap::new();
    find_modules(tree, &mut files)?;
    find_modules(extra, &mut files)?;
    let builtin = fs::read_to_string(tree.join("modules.builtin"))
        .with_context(|| format!("modules.builtin in {}", tree.display()))?;
    let builtin: BTreeSet<String> = builtin
        .lines()
        .filter_map(|line| module_name(Path::new(line)))
        .collect();

    fs::create_dir_all(to)?;
    let mut order = Order {
        files,
        builtin,
        strip: format!("{tools}strip"),
        to: to.to_owned(),
        done: Vec::new(),
        seen: BTreeSet::new(),
    };
    for name in wanted {
        order
            .add(&key(name))
            .with_context(|| format!("kernel module {name}"))?;
    }
    fs::write(to.join(ORDER), order.done.join("\n"))?;
    Ok(())
}

struct Order {
    files: BTreeMap<String, PathBuf>,
    builtin: BTreeSet<String>,
    strip: String,
    to: PathBuf,
    done: Vec<String>,
    seen: BTreeSet<String>,
}

impl Order {
    /// Adds a module after those that it needs.
    fn add(&mut self, name: &str) -> Result<()> {
        if self.builtin.contains(name) || !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let Some(file) = self.files.get(name) else {
            bail!("{name} is neither in this kernel nor among its modules");
        };
        let copy = self.to.join(format!("{name}.ko"));
        decompress(file, &copy, &self.strip)?;
        for needed in depends(&fs::read(&copy)?) {
            self.add(&needed)?;
        }
        self.done.push(name.to_owned());
        Ok(())
    }
}

/// The kernel takes `-` and `_` in a module's name for the same.
pub(crate) fn key(name: &str) -> String {
    name.replace('-', "_")
}

/// `kernel/fs/9p/9p.ko.xz` is the module `9p`.
fn module_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = name
        .strip_suffix(".xz")
        .unwrap_or(name)
        .strip_suffix(".ko")?;
    Some(key(stem))
}

fn find_modules(dir: &Path, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        // Not through links: `build` and `source` lead out of the tree.
        if entry.file_type()?.is_dir() {
            find_modules(&path, files)?;
        } else if let Some(name) = module_name(&path) {
            files.insert(name, path);
        }
    }
    Ok(())
}

fn decompress(from: &Path, to: &Path, strip: &str) -> Result<()> {
    if from.extension().is_some_and(|e| e == "xz") {
        let output = fs::File::create(to)?;
        let status = Command::new("xz")
            .arg("-dc")
            .arg(from)
            .stdout(Stdio::from(output))
            .status()
            .context("cannot start xz")?;
        if !status.success() {
            bail!("xz could not decompress {}: {status}", from.display());
        }
    } else {
        fs::copy(from, to)?;
    }
    // Debug information of a module is ten times its code.
    if process::find(strip).is_some() {
        // What it cannot make smaller stays as it is.
        let _ = process::output(Command::new(strip).arg("--strip-debug").arg(to));
    }
    Ok(())
}

/// The modules that this one depends on.
fn depends(module: &[u8]) -> Vec<String> {
    let names = info(module, "depends").next().unwrap_or_default();
    names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(key)
        .collect()
}

/// The names of a module's parameters.
pub(crate) fn parameters(module: &[u8]) -> Vec<String> {
    info(module, "parmtype")
        .filter_map(|text| Some(text.split_once(':')?.0.to_owned()))
        .collect()
}

/// The values of `name` in a module's `.modinfo`, which is a list of NUL-terminated
/// `NAME=VALUE` strings.
fn info<'a>(module: &'a [u8], name: &str) -> impl Iterator<Item = String> + 'a {
    let start = format!("{name}=").into_bytes();
    module.split(|&byte| byte == 0).filter_map(move |text| {
        Some(String::from_utf8_lossy(text.strip_prefix(&*start)?).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_the_module() {
        assert_eq!(
            depends(b"x\0depends=v4l2-tpg,mc\0intree=Y\0"),
            ["v4l2_tpg", "mc"]
        );
        assert_eq!(depends(b"x\0depends=\0"), [""; 0]);
        assert_eq!(depends(b"license=GPL\0"), [""; 0]);
    }

    #[test]
    fn parameters_are_read_from_the_module() {
        let module =
            b"x\0parmtype=n_devs:uint\0parm=n_devs: number\0parmtype=node_types:array of uint\0";
        assert_eq!(parameters(module), ["n_devs", "node_types"]);
    }

    #[test]
    fn modules_come_after_what_they_depend_on() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, to) = (dir.path().join("tree"), dir.path().join("to"));
        fs::create_dir_all(tree.join("kernel")).unwrap();
        fs::write(tree.join("modules.builtin"), "kernel/fs/fuse.ko\n").unwrap();
        fs::write(tree.join("kernel/top.ko"), b"\0depends=mid-dle,base\0").unwrap();
        fs::write(tree.join("kernel/mid-dle.ko"), b"\0depends=base\0").unwrap();
        fs::write(tree.join("kernel/base.ko"), b"\0depends=\0").unwrap();
        let none = dir.path().join("none");
        select(&tree, &none, &["top", "fuse"], "", &to).unwrap();
        assert_eq!(
            fs::read_to_string(to.join(ORDER)).unwrap(),
            "base\nmid_dle\ntop"
        );
        assert!(to.join("mid_dle.ko").exists());
    }

    #[test]
    fn an_absent_module_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("modules.builtin"), "").unwrap();
        let to = dir.path().join("to");
        let error = select(dir.path(), &to, &["vivid"], "", &to).unwrap_err();
        assert!(format!("{error:#}").contains("vivid"), "{error:#}");
    }
}
