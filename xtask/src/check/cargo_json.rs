//! What cargo says in JSON: the workspace's test programs, and where built ones are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Artifact, Message, MetadataCommand, TargetKind};

/// A test program of the workspace, as `cargo metadata` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestTarget {
    /// The package it belongs to.
    pub(crate) package: String,
    /// Its name, as for `cargo test --test NAME`.
    pub(crate) name: String,
    /// Its first source file.
    pub(crate) source: PathBuf,
    /// The package's folder, where cargo would run it.
    pub(crate) folder: PathBuf,
}

/// The test programs whose names begin with `prefix`.
pub(crate) fn test_targets(metadata: &str, prefix: &str) -> Result<Vec<TestTarget>> {
    let metadata = MetadataCommand::parse(metadata).context("cargo metadata")?;
    let mut found = Vec::new();
    for package in metadata.packages {
        let folder = package.manifest_path.parent();
        let folder = folder.context("a manifest without a folder")?;
        let is_wanted =
            |target: &&cargo_metadata::Target| target.is_test() && target.name.starts_with(prefix);
        found.extend(
            package
                .targets
                .iter()
                .filter(is_wanted)
                .map(|target| TestTarget {
                    package: package.name.to_string(),
                    name: target.name.clone(),
                    source: target.src_path.clone().into(),
                    folder: folder.into(),
                }),
        );
    }
    found.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(found)
}

/// What cargo's messages say it built; lines that are none of its messages are skipped.
fn artifacts(messages: &str) -> impl Iterator<Item = Artifact> {
    Message::parse_stream(messages.as_bytes()).filter_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) => Some(artifact),
        _ => None,
    })
}

/// The program `name` that cargo's messages say it built; not its unit tests.
pub(crate) fn program(messages: &str, name: &str) -> Option<PathBuf> {
    artifacts(messages)
        .filter(|built| built.target.kind.contains(&TargetKind::Bin))
        .filter(|built| built.target.name == name && !built.profile.test)
        .find_map(|built| Some(built.executable?.into()))
}

/// The test program `name`, with the first source file `source`, that cargo's messages say it
/// built.
pub(crate) fn test_program(messages: &str, name: &str, source: &Path) -> Option<PathBuf> {
    artifacts(messages)
        .filter(|built| built.target.is_test() && built.target.name == name)
        .filter(|built| built.target.src_path == *source)
        .find_map(|built| Some(built.executable?.into()))
}

/// The test programs that cargo's messages say it built, those of unit tests included: name and
/// file of each.
pub(crate) fn test_programs(messages: &str) -> Vec<(String, PathBuf)> {
    artifacts(messages)
        .filter(|built| built.profile.test)
        .filter_map(|built| Some((built.target.name, built.executable?.into())))
        .collect()
}

/// The files that cargo's messages say it built for the library `name`, last of all; not its unit
/// tests.
pub(crate) fn files(messages: &str, name: &str) -> Vec<PathBuf> {
    let last = artifacts(messages)
        .filter(|built| built.target.name == name && !built.profile.test)
        .last();
    let files = last.map(|built| built.filenames).unwrap_or_default();
    files.into_iter().map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A message of cargo, about `name` of `kind`.
    fn message(name: &str, kind: &str, source: &str, test: bool, files: &[&str]) -> String {
        let is_program = kind != "lib" || test;
        let message = json!({
            "reason": "compiler-artifact",
            "package_id": "p",
            "target": {"name": name, "kind": [kind], "src_path": source},
            "profile": {
                "opt_level": "0",
                "debug_assertions": true,
                "overflow_checks": true,
                "test": test,
            },
            "features": [],
            "filenames": files,
            "executable": is_program.then(|| files[0]),
            "fresh": true,
        });
        format!("not json\n{message}\n")
    }

    #[test]
    fn only_test_programs_with_the_prefix_are_found() {
        let target = |name: &str, kind: &str| {
            let source = format!("/w/p/{name}.rs");
            json!({"name": name, "kind": [kind], "src_path": source})
        };
        let metadata = json!({
            "packages": [{
                "name": "p",
                "version": "1.0.0",
                "id": "p",
                "dependencies": [],
                "features": {},
                "manifest_path": "/w/p/Cargo.toml",
                "targets": [
                    target("rig_b", "test"),
                    target("rig_a", "test"),
                    target("rig_bench", "bench"),
                    target("other", "test"),
                ],
            }],
            "workspace_members": ["p"],
            "resolve": null,
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "version": 1,
        });
        let found = test_targets(&metadata.to_string(), "rig_").unwrap();
        let names: Vec<_> = found.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["rig_a", "rig_b"]);
        assert_eq!(found[0].folder, PathBuf::from("/w/p"));
    }

    #[test]
    fn files_of_a_library_are_those_that_cargo_names() {
        let expected = ["/t/release/liba.so", "/t/release/liba.a"];
        let messages = message("a", "lib", "/1", false, &expected)
            + &message("a", "lib", "/1", true, &["/t/a-1"])
            + &message("b", "lib", "/2", false, &["/t/libb.rlib"]);
        assert_eq!(files(&messages, "a"), expected.map(PathBuf::from));
        assert!(files(&messages, "c").is_empty());
    }

    #[test]
    fn finds_the_test_program_by_name_and_source() {
        let messages = message("a", "lib", "/0", false, &["/x/liba.rlib"])
            + &message("a", "test", "/1", true, &["/x/a-1"])
            + &message("a", "test", "/2", true, &["/x/a-2"]);
        let found = test_program(&messages, "a", Path::new("/2"));
        assert_eq!(found, Some("/x/a-2".into()));
        assert_eq!(test_program(&messages, "b", Path::new("/2")), None);
        assert_eq!(program(&messages, "a"), None);
    }

    #[test]
    fn the_unit_tests_of_a_program_are_not_the_program() {
        let messages = message("a", "bin", "/1", true, &["/x/deps/a-1"])
            + &message("a", "bin", "/1", false, &["/x/a"]);
        assert_eq!(program(&messages, "a"), Some("/x/a".into()));
        let tests = [("a".to_owned(), "/x/deps/a-1".into())];
        assert_eq!(test_programs(&messages), tests);
    }
}
