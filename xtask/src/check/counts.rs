//! Numbers of tests, read from what cargo and the test programs print.

/// Begins the line that says that a test program ended without a result of its own.
pub(crate) const UNFINISHED: &str = "unfinished: ";

/// Tests of one part or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// The name of each test that was not tried, with its reason if it gave one.
    pub(crate) skipped: Vec<String>,
}

impl Counts {
    /// Reads the output of `cargo test -- --show-output`.
    ///
    /// A test that finds what it needs missing prints `skipped: NAME: why` and
    /// returns; libtest takes that for a pass, here it counts as skipped. Tests
    /// for the rig (`rig_*.rs`) are left out where cargo runs them on the host:
    /// they have a part of their own.
    pub(crate) fn of(text: &str) -> Self {
        let mut counts = Self::default();
        let mut on_host = false;
        let mut succeeded = false;
        // Of the program being read: the test, until it says `skipped`, and those that did.
        let mut test: Option<&str> = None;
        let mut skips = Vec::new();
        for line in text.lines() {
            let trimmed = line.trim();
            if let Some(program) = trimmed.strip_prefix("Running ") {
                on_host = program.split(' ').any(is_rig_source);
                skips.clear();
            } else if trimmed.starts_with("Doc-tests ") {
                on_host = false;
                skips.clear();
            } else if line.starts_with(UNFINISHED) {
                counts.failed += 1;
            } else if on_host {
                continue;
            } else if line == "successes:" || line == "failures:" {
                succeeded = line == "successes:";
                test = None;
            } else if let Some(name) = section(line) {
                test = Some(name).filter(|_| succeeded);
            } else if let (Some(why), Some(name)) = (line.strip_prefix("skipped: "), test) {
                skips.push(format!("{name}: {why}"));
                test = None;
            } else if let Some(result) = line.strip_prefix("test result: ") {
                counts.passed += number(result, "passed").saturating_sub(skips.len());
                counts.failed += number(result, "failed");
                counts.skipped.append(&mut skips);
                test = None;
            } else if let Some((name, why)) = ignored(line) {
                counts.skipped.push(format!("{name}: ignored{why}"));
            }
        }
        counts
    }

    /// Adds the tests of another part.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped.iter().cloned());
    }

    /// The numbers, those that are zero left out.
    pub(crate) fn summary(&self) -> String {
        let all = [
            (self.passed, "passed"),
            (self.failed, "failed"),
            (self.skipped.len(), "skipped"),
        ];
        let said: Vec<_> = all
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        said.join(", ")
    }
}

/// `tests/rig_camera.rs`, as cargo names a test program's source.
fn is_rig_source(word: &str) -> bool {
    word.ends_with(".rs")
        && word
            .rsplit('/')
            .next()
            .is_some_and(|file| file.starts_with("rig_"))
}

/// The test's name in `---- NAME stdout ----`.
fn section(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// Name and reason in `test NAME ... ignored, REASON`.
fn ignored(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("test ")?.split_once(" ... ignored")
}

/// The number before `word` in `ok. 3 passed; 0 failed; ...`.
fn number(result: &str, word: &str) -> usize {
    let words: Vec<&str> = result
        .split([' ', ';', '.'])
        .filter(|w| !w.is_empty())
        .collect();
    let at = words.iter().position(|w| *w == word);
    at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULT: &str =
        "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";

    fn skipped(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn results_of_several_programs_add_up() {
        let failed = "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured";
        let counts = Counts::of(&format!("{RESULT}\n{failed}\n"));
        assert_eq!((counts.passed, counts.failed), (8, 2));
        assert_eq!(counts.summary(), "8 passed, 2 failed");
    }

    #[test]
    fn a_test_that_says_skipped_has_not_passed() {
        let text = format!(
            "successes:\n\n---- a::b stdout ----\nskipped: a::b: no /dev/udmabuf\nskipped: twice\n\n\
             ---- c stdout ----\nhello\n\nsuccesses:\n    a::b\n    c\n\n{RESULT}\n"
        );
        let counts = Counts::of(&text);
        assert_eq!(counts.passed, 2);
        assert_eq!(counts.skipped, skipped(&["a::b: a::b: no /dev/udmabuf"]));
    }

    #[test]
    fn a_failing_test_that_says_skipped_has_failed() {
        let text = "failures:\n\n---- a stdout ----\nskipped: no\n\nfailures:\n    a\n\n\
                    test result: FAILED. 1 passed; 1 failed; 0 ignored\n";
        let counts = Counts::of(text);
        assert_eq!(
            (counts.passed, counts.failed, counts.skipped.len()),
            (1, 1, 0)
        );
    }

    #[test]
    fn ignored_tests_are_skipped_with_their_reason() {
        let counts = Counts::of("test slow ... ignored, takes an hour\ntest x ... ok\n");
        assert_eq!(counts.skipped, skipped(&["slow: ignored, takes an hour"]));
    }

    #[test]
    fn rig_tests_on_the_host_do_not_count() {
        let text = format!(
            "     Running tests/rig_camera.rs (target/debug/deps/rig_camera-1)\n{RESULT}\n\
             \x20    Running tests/other.rs (target/debug/deps/other-1)\n{RESULT}\n\
             \x20    Running tests/rig_x.rs (target/debug/deps/rig_x-1)\n{RESULT}\n\
             \x20  Doc-tests videostream\n{RESULT}\n"
        );
        assert_eq!(Counts::of(&text).passed, 6);
    }

    #[test]
    fn a_program_without_a_result_has_failed() {
        let counts = Counts::of(&format!("{RESULT}\n{UNFINISHED}rig_camera: status 139\n"));
        assert_eq!((counts.passed, counts.failed), (3, 1));
    }
}
