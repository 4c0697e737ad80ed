//! What cargo says in JSON: the workspace's test programs, and where built ones are.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

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
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata")?;
    let mut found = Vec::new();
    for package in items(&metadata["packages"]) {
        for target in items(&package["targets"]) {
            let name = text(&target["name"])?;
            if name.starts_with(prefix) && items(&target["kind"]).any(|kind| kind == "test") {
                let manifest = PathBuf::from(text(&package["manifest_path"])?);
                found.push(TestTarget {
                    package: text(&package["name"])?.to_owned(),
                    name: name.to_owned(),
                    source: text(&target["src_path"])?.into(),
                    folder: manifest
                        .parent()
                        .context("a manifest without a folder")?
                        .to_owned(),
                });
            }
        }
    }
    found.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(found)
}

/// The program that cargo's messages say it built for the target `name` of `kind`
/// (`bin`, `test`), whose first source file is `source` if that is given; not the unit tests of a program.
pub(crate) fn executable(
    messages: &str,
    kind: &str,
    name: &str,
    source: Option<&PathBuf>,
) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["target"]["name"] == name)
        .filter(|message| items(&message["target"]["kind"]).any(|k| k == kind))
        .filter(|message| kind == "test" || message["profile"]["test"] != true)
        .filter(|message| {
            source.is_none_or(|s| {
                message["target"]["src_path"]
                    .as_str()
                    .map(PathBuf::from)
                    .as_ref()
                    == Some(s)
            })
        })
        .find_map(|message| Some(message["executable"].as_str()?.into()))
}

/// The test programs that cargo's messages say it built, those of unit tests included: name and file of each.
pub(crate) fn test_programs(messages: &str) -> Vec<(String, PathBuf)> {
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["profile"]["test"] == true);
    let program = |message: Value| {
        let name = message["target"]["name"].as_str()?;
        Some((name.to_owned(), message["executable"].as_str()?.into()))
    };
    artifacts.filter_map(program).collect()
}

/// The files that cargo's messages say it built for the library `name`, last of all; not its unit tests.
pub(crate) fn files(messages: &str, name: &str) -> Vec<PathBuf> {
    let mut artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["target"]["name"] == name)
        .filter(|message| message["profile"]["test"] != true);
    let last = artifacts.next_back().unwrap_or_default();
    items(&last["filenames"])
        .filter_map(|file| Some(file.as_str()?.into()))
        .collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .context("cargo metadata lacks a name or a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_with_the_prefix_are_found() {
        let metadata = r#"{"packages":[{"name":"p","manifest_path":"/w/p/Cargo.toml","targets":[
            {"name":"rig_b","kind":["test"],"src_path":"/w/p/tests/rig_b.rs"},
            {"name":"rig_a","kind":["test"],"src_path":"/w/p/tests/rig_a.rs"},
            {"name":"rig_bench","kind":["bench"],"src_path":"/w/p/benches/rig_bench.rs"},
            {"name":"other","kind":["test"],"src_path":"/w/p/tests/other.rs"}]}]}"#;
        let found = test_targets(metadata, "rig_").unwrap();
        let names: Vec<_> = found.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["rig_a", "rig_b"]);
        assert_eq!(found[0].folder, PathBuf::from("/w/p"));
    }

    #[test]
    fn files_of_a_library_are_those_that_cargo_names() {
        let messages = concat!(
            "not json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"a"},"filenames":["/t/x86/release/liba.so","/t/x86/release/liba.a"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"a"},"profile":{"test":true},"filenames":["/t/a-1"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"b"},"filenames":["/t/libb.rlib"]}"#,
            "\n",
        );
        let expected = ["/t/x86/release/liba.so", "/t/x86/release/liba.a"];
        assert_eq!(files(messages, "a"), expected.map(PathBuf::from));
        assert!(files(messages, "c").is_empty());
    }

    #[test]
    fn the_executable_of_the_named_target_is_found_among_other_messages() {
        let messages = concat!(
            "not json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"a","kind":["lib"]},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"a","kind":["test"],"src_path":"/1"},"executable":"/x/a-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"a","kind":["test"],"src_path":"/2"},"executable":"/x/a-2"}"#,
            "\n",
        );
        assert_eq!(
            executable(messages, "test", "a", None),
            Some("/x/a-1".into())
        );
        assert_eq!(
            executable(messages, "test", "a", Some(&"/2".into())),
            Some("/x/a-2".into())
        );
        assert_eq!(executable(messages, "bin", "a", None), None);
    }

    #[test]
    fn the_unit_tests_of_a_program_are_not_the_program() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"a","kind":["bin"]},"profile":{"test":true},"executable":"/x/deps/a-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"a","kind":["bin"]},"profile":{"test":false},"executable":"/x/a"}"#,
            "\n",
        );
        assert_eq!(executable(messages, "bin", "a", None), Some("/x/a".into()));
        assert_eq!(
            test_programs(messages),
            [("a".to_owned(), "/x/deps/a-1".into())]
        );
    }
}
