//! No file names the host of a package registry: every user may have another one.

use std::fs;
use std::path::{Path, PathBuf};

/// In two parts: together they would be found in this file.
const HOSTS: [(&str, &str); 8] = [
    ("crates", ".io"),
    ("docs", ".rs"),
    ("pypi", ".org"),
    ("pythonhosted", ".org"),
    ("npmjs", ".com"),
    ("npmjs", ".org"),
    ("debian", ".org"),
    ("ubuntu", ".com"),
];
/// Written by cargo.
const LOCK: &str = "Cargo.lock";

#[test]
fn no_file_names_the_host_of_a_registry() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 100, "{} files below {root:?}", files.len());
    let found: Vec<_> = files.iter().flat_map(|file| named_in(file)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_host_is_found_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guide.md");
    let text = format!(
        "`yuv`\n[`yuv`](https://{}/x)\n",
        HOSTS[0].0.to_owned() + HOSTS[0].1
    );
    fs::write(&file, text).unwrap();
    fs::write(folder.path().join(LOCK), HOSTS[0].0.to_owned() + HOSTS[0].1).unwrap();
    let mut files = Vec::new();
    walk(folder.path(), &mut files);
    let found: Vec<_> = files.iter().flat_map(|file| named_in(file)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("guide.md:2: "), "{found:?}");
}

/// Every file that somebody wrote: what is hidden is the project's, but for git's; what cargo
/// builds is not.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default();
        // A folder that cargo builds into, wherever it is, bears its mark.
        if name == ".git" || name == LOCK || name == "target" || path.join("CACHEDIR.TAG").exists()
        {
            continue;
        }
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            walk(&path, files);
        } else if kind.is_file() {
            files.push(path);
        }
    }
}

/// `FILE:LINE: TEXT` of each line that names a host; nothing in a file that is no text.
fn named_in(file: &Path) -> Vec<String> {
    let Ok(text) = String::from_utf8(fs::read(file).unwrap()) else {
        return Vec::new();
    };
    let names = |line: &&str| {
        let line = line.to_lowercase();
        let mut hosts = HOSTS.iter().map(|(name, top)| format!("{name}{top}"));
        hosts.any(|host| line.contains(&host))
    };
    let numbered = text.lines().enumerate();
    numbered
        .filter(|(_, line)| names(line))
        .map(|(at, line)| format!("{}:{}: {line}", file.display(), at + 1))
        .collect()
}
