//! The output of `v4l2-ctl` for a node, one item a line, in a form that does not depend on its
//! layout.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::ErrorKind;
use std::process::Command;

/// Runs the program on a node; `None` if it is not there. It has to succeed.
pub(crate) fn run(node: &str, option: &str) -> Option<String> {
    let (text, success) = ask(node, &[option])?;
    assert!(success, "{node} {option}: {text}");
    Some(text)
}

/// Runs the program on a node; `None` if it is not there, otherwise what it writes, also about
/// errors, and whether it succeeds.
pub(crate) fn ask(node: &str, options: &[&str]) -> Option<(String, bool)> {
    let output = match Command::new("v4l2-ctl")
        .args(["-d", node])
        .args(options)
        .output()
    {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("v4l2-ctl: {error}"),
    };
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Some((text, output.status.success()))
}

/// The items of `--list-formats-ext` and its relatives:
/// `FOURCC (description, flags)`, `FOURCC size ...`, `FOURCC size ... interval ...`.
pub(crate) fn formats(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let (mut format, mut size) = (String::new(), String::new());
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix('[') {
            let (_, rest) = rest.split_once("]: '").unwrap();
            let (fourcc, about) = rest.split_once("' ").unwrap();
            format = fourcc.to_owned();
            items.push(format!("{fourcc} {about}"));
        } else if let Some(rest) = line.strip_prefix("Size: ") {
            size = rest
                .strip_prefix("Continuous ")
                .map_or(rest.to_owned(), |range| {
                    format!("Stepwise {range} with step 1/1")
                });
            items.push(format!("{format} {size}"));
        } else if let Some(rest) = line.strip_prefix("Interval: ") {
            items.push(format!("{format} {size} {rest}"));
        } else if !(line.is_empty() || line.starts_with("ioctl:") || line.starts_with("Type:")) {
            panic!("not understood: {line:?}");
        }
    }
    items
}

/// The blocks of `--list-inputs`, `--list-standards` and the like: each the values behind the
/// colons, by the names before them.
pub(crate) fn blocks(text: &str) -> Vec<Vec<(String, String)>> {
    let body = text.lines().filter(|line| !line.starts_with("ioctl:"));
    let mut blocks = vec![Vec::new()];
    for line in body {
        match line.trim().split_once(':') {
            Some((name, value)) => blocks
                .last_mut()
                .unwrap()
                .push((name.trim().to_owned(), value.trim().to_owned())),
            None => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// A value of a block.
pub(crate) fn field<'a>(block: &'a [(String, String)], name: &str) -> &'a str {
    let found = block.iter().find(|(key, _)| key == name);
    &found.unwrap_or_else(|| panic!("no {name} in {block:?}")).1
}

/// A control as `--list-ctrls-menus` shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Control {
    /// In lower case, as it is typed.
    pub(crate) name: String,
    pub(crate) id: u32,
    /// `int`, `bool`, `menu`, ...
    pub(crate) kind: String,
    /// `min=0`, `default=3`, `dims=[8][16]`: in the order of the line, value and flags left out.
    pub(crate) range: Vec<String>,
    pub(crate) value: Option<String>,
    pub(crate) flags: u32,
    /// `1: Menu Item 1`
    pub(crate) menu: Vec<String>,
}

/// What `--list-ctrls-menus` lists.
#[derive(Debug, Default)]
pub(crate) struct Controls {
    pub(crate) classes: Vec<String>,
    pub(crate) controls: Vec<Control>,
    /// Names of controls that it finds, but fails to read.
    pub(crate) unread: Vec<String>,
}

/// Names of flags, as `v4l2-ctl` spells them.
const FLAGS: [(&str, u32); 11] = [
    ("disabled", 0x1),
    ("grabbed", 0x2),
    ("read-only", 0x4),
    ("update", 0x8),
    ("inactive", 0x10),
    ("slider", 0x20),
    ("write-only", 0x40),
    ("volatile", 0x80),
    ("has-payload", 0x100),
    ("execute-on-write", 0x200),
    ("modify-layout", 0x400),
];

/// The controls of `--list-ctrls-menus`.
pub(crate) fn controls(text: &str) -> Controls {
    let mut found = Controls::default();
    for line in text.lines() {
        if line.is_empty() {
        } else if let Some(item) = line.strip_prefix("\t\t\t\t") {
            let control = found.controls.last_mut().unwrap();
            control.menu.push(item.to_owned());
        } else if let Some(name) = line.split(" getting ctrl ").nth(1) {
            found.unread.push(name.to_owned());
        } else if line.starts_with(' ') || line.contains(" 0x00") {
            found.controls.push(control(line));
        } else {
            found.classes.push(line.to_owned());
        }
    }
    found
}

fn control(line: &str) -> Control {
    let (head, tail) = line.split_once(':').unwrap();
    let (name, rest) = head.trim().split_once(" 0x").unwrap();
    let (id, kind) = rest.split_once(' ').unwrap();
    let (tail, flags) = tail.split_once(" flags=").unwrap_or((tail, ""));
    let (tail, value) = match tail.split_once("value=") {
        Some((tail, value)) => (tail, Some(value.to_owned())),
        None => (tail, None),
    };
    Control {
        name: name.to_owned(),
        id: u32::from_str_radix(id, 16).unwrap(),
        kind: kind.trim().trim_matches(['(', ')']).to_owned(),
        range: tail.split_whitespace().map(str::to_owned).collect(),
        value,
        flags: flags.split(", ").filter(|f| !f.is_empty()).map(flag).sum(),
        menu: Vec::new(),
    }
}

fn flag(name: &str) -> u32 {
    match name.strip_prefix("0x") {
        Some(bits) => u32::from_str_radix(bits, 16).unwrap(),
        None => {
            let found = FLAGS.iter().find(|(flag, _)| *flag == name);
            found.unwrap_or_else(|| panic!("flag {name:?}")).1
        }
    }
}

/// Fails with what one side has and the other has not.
pub(crate) fn assert_same(what: &str, theirs: &[String], ours: &[String]) {
    let only = |these: &[String], those: &[String]| {
        let left: Vec<_> = these.iter().filter(|i| !those.contains(i)).collect();
        format!("{left:#?}")
    };
    assert!(
        theirs == ours,
        "{what}: only v4l2-ctl: {}\nonly ours: {}",
        only(theirs, ours),
        only(ours, theirs)
    );
}
