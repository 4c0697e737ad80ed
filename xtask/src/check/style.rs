//! The part `style`: what no compiler and no linter checks, read from the sources line by line.

use std::process::Command;
use std::{fmt, fs};

use anyhow::{Result, bail};

use super::Outcome;
use super::run::Run;
use crate::{process, project};

/// Columns of a line.
const COLUMNS: usize = 100;

/// Characters of a function's name; only tests have long ones.
const NAME_CHARS: usize = 60;

/// Files that are read, by the end of their names.
const SOURCES: [&str; 7] = ["c", "h", "md", "py", "pyi", "rs", "toml"];

/// What others wrote, what is generated, and this file, which has to name what it looks for.
const LEFT_OUT: [&str; 4] = [
    "sys/src/ilp32/",
    "sys/src/lp64/",
    "vendor-headers/",
    "xtask/src/check/style.rs",
];

/// Tables in Rust that rustfmt leaves alone: a row is one line, to be read and compared as a column.
const TABLES: [&str; 3] = [
    "hal/src/format/table/",
    "hal/src/media/function.rs",
    "hal/src/v4l2/control/id.rs",
];

/// Words that are not used, also with a capital letter, and those that are used instead.
const WORDS: &[(&str, &str)] = &[
    ("anew", "`again`, or a verb with `re-`"),
    ("who holds", "the noun that holds it"),
    ("is none", "`there is no …`"),
    ("what is not there", "`missing …`"),
    ("as it stands", "`default`, or `unchanged`"),
    ("beside others", "`with others`"),
];

/// Names that are no longer used, as they were written, and those that have taken their place.
const NAMES: [(&str, &str); 9] = [
    ("Knock", "PendingClient"),
    ("knock", "connect"),
    ("PassedOver", "Rejected"),
    ("Wishes", "CaptureRequest"),
    ("NoPlace", "a name of memory_pool.rs"),
    ("offenders", "clients over their limit"),
    ("evict_offenders", "evict_over_limit"),
    ("Message::Look", "Message::StatusRequest"),
    ("Event::Drop", "a variant with a noun"),
];

/// Texts of a line that compares an error's text: a line that has all of a row is one. So is a
/// text in a pattern with a rest ([`is_text_pattern`]).
const COMPARISONS: [&[&str]; 12] = [
    &["(\"", "ErrorKind::", "=>"],
    &["Error::", "(\"", "\", _)"],
    &[".split(\" (os error"],
    &["call == \""],
    &["call != \""],
    &[".to_string() == "],
    &[".to_string() != "],
    &[".to_string().contains("],
    &[".to_string().starts_with("],
    &[".to_string().ends_with("],
    &["Error::", "if name == \""],
    &["Error::", ".starts_with(\""],
];

/// Where errors must not be compared as text: the crates, not their tests.
const COMPARED: [&str; 7] = [
    "hal/src/",
    "ipc/src/",
    "src/",
    "wrappers/c/src/",
    "wrappers/cli/src/",
    "wrappers/gstreamer/src/",
    "wrappers/python/src/",
];

/// What is asked of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Lines are short.
    Width,
    /// Names of tests are short.
    TestName,
    /// No error is compared as text.
    ErrorText,
    /// Plain words, and one for one thing.
    Word,
}

/// A line that breaks a rule.
#[derive(Debug)]
struct Finding {
    rule: Rule,
    /// From 1.
    line: usize,
    /// What is wrong with it, and what is wanted.
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}: {}", self.line, self.rule, self.what)
    }
}

/// The part `style`.
pub(super) fn part(run: &mut Run) -> Result<Outcome> {
    let root = project::root()?;
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let Ok(files) = process::output(list.current_dir(&root)) else {
        return Ok(Outcome::Skipped("no checkout of git".to_owned()));
    };
    let mut found = 0;
    for path in files.lines().filter(|path| is_source(path)) {
        // Deleted, and not yet so for git.
        let Ok(text) = fs::read_to_string(root.join(path)) else {
            continue;
        };
        for finding in check(path, &text) {
            run.note(&format!("{path}:{finding}"))?;
            found += 1;
        }
    }
    match found {
        0 => Ok(Outcome::Passed),
        _ => bail!("{found} lines break a rule"),
    }
}

fn is_source(path: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, end)| SOURCES.contains(&end))
        && !LEFT_OUT.iter().any(|folder| path.starts_with(folder))
}

/// The lines of the file `path` that break a rule that holds for it.
fn check(path: &str, text: &str) -> Vec<Finding> {
    let is_compared = COMPARED.iter().any(|folder| path.starts_with(folder))
        && !path.ends_with("tests.rs")
        && !path.contains("/tests/");
    let is_markdown = path.ends_with(".md");
    let mut tests = TestCode::default();
    let mut in_fence = false;
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let in_tests = tests.covers(line);
        // Commands of guides are copied as they are, each in one line.
        in_fence ^= is_markdown && line.trim_start().starts_with("```");
        let broken = [
            (Rule::Width, width(path, line).filter(|_| !in_fence)),
            (Rule::TestName, test_name(line)),
            (
                Rule::ErrorText,
                error_text(&lines[at..]).filter(|_| is_compared && !in_tests),
            ),
            (Rule::Word, word(line)),
        ];
        found.extend(broken.into_iter().filter_map(|(rule, what)| {
            let what = what?;
            let line = at + 1;
            Some(Finding { rule, line, what })
        }));
    }
    found
}

/// A line that is too long, unless it can't be broken: a row of a table, and a link.
fn width(path: &str, line: &str) -> Option<String> {
    let columns = line.chars().count();
    let code = line.trim_start();
    let is_row = match path.ends_with(".md") {
        true => code.starts_with('|'),
        false => {
            code.starts_with(|c: char| c.is_ascii_uppercase())
                && TABLES.iter().any(|table| path.starts_with(table))
        }
    };
    let is_link = line.contains("://") || line.contains("](");
    (columns > COLUMNS && !is_row && !is_link)
        .then(|| format!("{columns} columns; wrap it at {COLUMNS}"))
}

/// A function whose name is too long, in Rust or in Python.
fn test_name(line: &str) -> Option<String> {
    let (before, rest) = line.split_once("fn ").or_else(|| line.split_once("def "))?;
    if !before.is_empty() && !before.ends_with([' ', '"']) {
        return None;
    }
    let is_in_name = |c: char| c.is_alphanumeric() || c == '_';
    let chars = rest.chars().take_while(|c| is_in_name(*c)).count();
    (chars > NAME_CHARS).then(|| {
        format!("a name of {chars} characters; say what is claimed in {NAME_CHARS} at most")
    })
}

/// A comparison of an error with a text, in the first of `lines`.
fn error_text(lines: &[&str]) -> Option<String> {
    let is_one = |texts: &&[&str]| texts.iter().all(|text| lines[0].contains(text));
    (COMPARISONS.iter().any(is_one) || is_text_pattern(lines))
        .then(|| "an error is compared as text; match its variant or its fields".to_owned())
}

/// Whether a field is a text in a pattern, not in a value: `..` with nothing behind it, or an arm's
/// `=>` or `if` follows.
fn is_text_pattern(lines: &[&str]) -> bool {
    const ARM: [&str; 2] = ["} => ", "} if "];
    let line = lines[0];
    if line.contains('{') {
        return line.contains(": \"") && line.contains(", .. }");
    }
    let ends = |line: &&str| {
        let line = format!("{} ", line.trim());
        line == ".. " || ARM.iter().any(|arm| line.starts_with(arm))
    };
    line.contains(": \"") && lines.iter().skip(1).take(2).any(ends)
}

/// A word or a name that is not used.
fn word(line: &str) -> Option<String> {
    let is_used = |(word, _): &&(&str, &str)| {
        let (first, rest) = word.split_at(1);
        has_word(line, word) || has_word(line, &(first.to_uppercase() + rest))
    };
    let names = NAMES.iter().filter(|(name, _)| has_word(line, name));
    let (word, instead) = WORDS.iter().filter(is_used).chain(names).next()?;
    Some(format!("`{word}`; write {instead}"))
}

/// Whether `text` has `word` as a word, not as a part of one.
fn has_word(text: &str, word: &str) -> bool {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_in_word) && !text[at + word.len()..].starts_with(is_in_word)
    })
}

/// Follows a file through items that are for tests only, as rustfmt indents them.
#[derive(Default)]
struct TestCode {
    /// A `cfg` of tests has come, and what it is for comes next.
    begins: bool,
    /// The line that ends the item.
    end: Option<String>,
}

impl TestCode {
    /// Whether the next line of the file belongs to such an item.
    fn covers(&mut self, line: &str) -> bool {
        if let Some(end) = &self.end {
            if line == end {
                self.end = None;
            }
            return true;
        }
        let code = line.trim_start();
        if code.starts_with("#[cfg(test)]") || code.starts_with("#[cfg(all(test") {
            self.begins = true;
        } else if self.begins && !code.starts_with("#[") {
            self.begins = false;
            let indent = &line[..line.len() - code.len()];
            self.end = code.ends_with('{').then(|| format!("{indent}}}"));
            return true;
        }
        self.begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(Rule, usize)> {
        let found = check(path, text);
        found.iter().map(|found| (found.rule, found.line)).collect()
    }

    #[test]
    fn long_lines_are_found_but_not_rows_and_links() {
        let (short, long) = ("é".repeat(100), "é".repeat(101));
        let text = format!("{short}\n{long}\n");
        assert_eq!(rules("docs/x.md", &text), [(Rule::Width, 2)]);
        assert_eq!(rules("src/x.rs", &text), [(Rule::Width, 2)]);
        assert_eq!(rules("docs/x.md", &format!("| {long} |")), []);
        assert_eq!(rules("docs/x.md", &format!("```\n{long}\n```")), []);
        assert_eq!(rules("docs/x.md", &format!("{long}](y.md)")), []);
        assert_eq!(rules("src/x.rs", &format!("| {long} |")).len(), 1);
    }

    #[test]
    fn rows_of_tables_may_be_long_but_not_their_comments() {
        let row = format!("    NV12 = {}", "x".repeat(100));
        assert_eq!(rules("hal/src/format/table/yuv.rs", &row), []);
        assert_eq!(rules("hal/src/lib.rs", &row).len(), 1);
        let comment = format!("    // NV12 = {}", "x".repeat(100));
        assert_eq!(rules("hal/src/format/table/yuv.rs", &comment).len(), 1);
    }

    #[test]
    fn long_test_names_are_found() {
        let name = "n".repeat(NAME_CHARS);
        assert_eq!(rules("tests/x.rs", &format!("async fn {name}() {{")), []);
        let text = format!("#[test]\nfn {name}n() {{\n");
        assert_eq!(rules("tests/x.rs", &text), [(Rule::TestName, 2)]);
        let text = format!("def {name}n():");
        assert_eq!(rules("tests/x.py", &text), [(Rule::TestName, 1)]);
    }

    #[test]
    fn errors_compared_as_text_are_found() {
        for line in [
            "Error::System { call: \"open\", .. } => true,",
            "    call: \"open\",\n    ..",
            "    call: \"open\",\n    errno,\n} if is_gone => true,",
            "(\"VIDIOC_QBUF\", ErrorKind::InvalidArgument) => true,",
            "Errno::PIPE if call == \"VIDIOC_DQBUF\" => true,",
            "if error.to_string().contains(\"busy\") {",
            "Error::Argument { name, .. } if name.starts_with(\"crop\") => {",
        ] {
            for folder in COMPARED {
                let path = format!("{folder}x.rs");
                assert_eq!(rules(&path, line), [(Rule::ErrorText, 1)], "{line}");
            }
            assert_eq!(rules("src/x/tests.rs", line), [], "{line}");
            assert_eq!(rules("tests/x.rs", line), [], "{line}");
        }
    }

    #[test]
    fn errors_may_be_made_with_a_text() {
        let text = "Error::System {\n    call: \"open\",\n    errno,\n}\n";
        assert_eq!(rules("src/x.rs", text), []);
        assert_eq!(rules("src/x.rs", "Error::Other { call: \"open\" }"), []);
    }

    #[test]
    fn tests_may_compare_texts_but_not_what_follows() {
        let line = "    assert!(error.to_string().contains(\"busy\"));";
        let text = format!("#[cfg(test)]\nmod tests {{\n{line}\n}}\n\nfn after() {{\n{line}\n}}\n");
        assert_eq!(rules("src/x.rs", &text), [(Rule::ErrorText, 7)]);
    }

    #[test]
    fn words_and_names_are_found_whole_only() {
        assert_eq!(rules("docs/x.md", "Begins\nAnew."), [(Rule::Word, 2)]);
        assert_eq!(
            rules("src/x.rs", "//! A client who holds"),
            [(Rule::Word, 1)]
        );
        assert_eq!(rules("src/x.rs", "let knock = Knock;"), [(Rule::Word, 1)]);
        assert_eq!(rules("src/x.rs", "fn knocked(is_none: bool)"), []);
        assert_eq!(rules("src/x.rs", "value is None"), []);
    }

    #[test]
    fn only_sources_are_read() {
        assert!(is_source("hal/src/lib.rs"));
        assert!(!is_source("sys/src/lp64/v4l2.rs"));
        assert!(!is_source("Cargo.lock"));
    }
}
