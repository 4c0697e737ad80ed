//! What CONTRIBUTING.md, the README and the guides name is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use videostream::hal;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap_or_else(|why| panic!("{}: {why}", page.display()))
}

/// The pages at the root, in `docs`, and of the packages.
fn pages() -> Vec<PathBuf> {
    let packages = ["hal", "ipc", "sys", "vendor-headers"];
    let wrappers = ["c", "cli", "gstreamer", "python"];
    let packages = packages.into_iter().map(|name| root().join(name));
    let wrappers = wrappers.map(|name| root().join("wrappers").join(name));
    let mut pages = Vec::new();
    for folder in [root().to_owned(), root().join("docs")]
        .into_iter()
        .chain(packages)
        .chain(wrappers)
    {
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|file| file.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|end| end == "md")));
    }
    assert!(pages.len() > 20, "{pages:?}");
    pages
}

/// Words between backticks, without those of fenced blocks.
fn words(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let prose = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    prose
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Whether `base` has a file or folder of that name, in which one `*` stands for anything.
fn exists(base: &Path, path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else {
        return base.join(path).exists();
    };
    let (folder, start) = before.rsplit_once('/').unwrap();
    let mut files = std::fs::read_dir(base.join(folder)).into_iter().flatten();
    files.any(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.starts_with(start) && name.ends_with(after)
    })
}

#[test]
fn paths_that_pages_name_exist() {
    let files = std::fs::read_dir(root()).unwrap();
    let tops: BTreeSet<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "target")
        .collect();
    let mut missing = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        for word in words(&text) {
            let top = word.split('/').next().unwrap();
            // Capital words stand for a name of the reader's choice.
            let is_pattern = word.contains("NAME") || word.contains("TARGET");
            let is_path = word.contains('/') && tops.contains(top) && !word.contains([' ', '{']);
            if is_path && !is_pattern {
                count += 1;
                // Pages of packages name their own files by paths from there.
                let bases = [root(), page.parent().unwrap()];
                if !bases.iter().any(|base| exists(base, word)) {
                    missing.push(format!("{}: {word}", page.display()));
                }
            }
        }
    }
    assert!(count > 100, "{count}");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The anchors that GitHub gives the headings of a page.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let headings = text.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        !is_code && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let letters = heading.trim_start_matches('#').trim().chars();
        let kept = letters.filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut missing = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        let links = text.split("](").skip(1);
        let links = links.filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let is_found =
                target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            count += usize::from(!anchor.is_empty());
            if !is_found {
                missing.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(count > 10, "{count}");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn readme_names_the_rust_version_and_licence() {
    let page = read(&root().join("README.md"));
    assert!(page.contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " ")));
    assert!(page.contains(concat!("[", env!("CARGO_PKG_LICENSE"), "](LICENSE)")));
}

/// Drivers with a quirk are in the guide to hardware codecs.
#[test]
#[cfg(target_os = "linux")]
fn quirks_are_in_the_guide() {
    let guide = read(&root().join("docs/hardware-codecs.md"));
    for row in hal::codec::TABLE {
        let driver = row.driver;
        assert!(guide.contains(&format!("| `{driver}`")), "{driver}");
    }
}

/// Formats that can be converted are in the guide to conversion, by name or by their letters.
#[test]
#[cfg(feature = "convert")]
fn conversions_are_in_the_guide() {
    let guide = read(&root().join("docs/conversion.md"));
    let (_, section) = guide.split_once("## Formats\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    for fourcc in videostream::convert::formats() {
        let letters = fourcc.to_string();
        let mut words = section.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(words.any(|word| word == letters), "{letters}");
    }
}
