//! Numbers of tests, read from the output of cargo, test programs and pytest.

use std::collections::BTreeMap;

/// The start of a line about a test program that ended without a result.
pub(crate) const UNFINISHED: &str = "unfinished: ";

/// The start of a line about something that was not run, and why.
pub(crate) const LEFT_OUT: &str = "left out: ";

/// The start of a line that names pytest's interpreter.
pub(crate) const PYTEST: &str = "     Running pytest: ";

/// Tests of one part or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// The name of each skipped test, with its reason if there is one.
    pub(crate) skipped: Vec<String>,
}

impl Counts {
    /// Reads the output of `cargo test -- --show-output` and of `pytest -rs`.
    ///
    /// A test that lacks something writes `skipped: NAME: why` and returns; libtest reports that
    /// as passed, here it counts as skipped. Tests for the rig (`rig_*.rs`) that cargo runs on
    /// the host are ignored: they have a separate part.
    pub(crate) fn of(text: &str) -> Self {
        let mut counts = Self::default();
        let mut on_host = false;
        // Of the program being read: whose output a line is, and which tests were skipped.
        let mut owner = Owner::Program;
        let mut skips = BTreeMap::new();
        // What pytest is run with.
        let mut with = None;
        for line in text.lines() {
            if let Some(what) = line.strip_prefix(PYTEST) {
                with = Some(what);
                on_host = false;
            } else if let Some(result) = pytest::result(line) {
                counts.passed += pytest::PASSED
                    .iter()
                    .map(|word| number(result, word))
                    .sum::<usize>();
                counts.failed += pytest::FAILED
                    .iter()
                    .map(|word| number(result, word))
                    .sum::<usize>();
                with = None;
            } else if let Some((times, what)) = with.and(pytest::skip(line)) {
                let name = format!("{what} ({})", with.unwrap_or_default());
                counts.skipped.extend(std::iter::repeat_n(name, times));
            } else if let Some(source) = program(line) {
                with = None;
                on_host = is_rig_source(source);
                owner = Owner::Program;
                skips.clear();
            } else if line.starts_with(UNFINISHED) {
                counts.failed += 1;
            } else if let Some(what) = line.strip_prefix(LEFT_OUT) {
                counts.skipped.push(what.to_owned());
            } else if on_host {
                continue;
            } else if line == "successes:" {
                owner = Owner::Program;
            } else if line == "failures:" {
                owner = Owner::Failed;
            } else if let Some(name) = section(line) {
                if owner != Owner::Failed {
                    owner = Owner::Test(name);
                }
            } else if let Some(said) = skip(line) {
                let (name, why) = said.split_once(": ").unwrap_or((said, "no reason given"));
                match owner {
                    Owner::Program => skips.entry(name).or_insert(why),
                    Owner::Test(test) if test.ends_with(name) => skips.entry(test).or_insert(why),
                    Owner::Test(test) => skips.entry(test).or_insert(said),
                    Owner::Failed => continue,
                };
            } else if let Some(result) = line.strip_prefix("test result: ") {
                counts.passed += number(result, "passed").saturating_sub(skips.len());
                counts.failed += number(result, "failed");
                let skips = std::mem::take(&mut skips);
                counts
                    .skipped
                    .extend(skips.iter().map(|(name, why)| format!("{name}: {why}")));
                owner = Owner::Program;
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

/// The source of a line of output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner<'a> {
    /// Written while the tests ran.
    Program,
    /// What this test, which succeeded, wrote.
    Test(&'a str),
    /// What a test that failed wrote.
    Failed,
}

/// What follows `Running` or `Doc-tests`: a program begins.
fn program(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("Running ")
        .or_else(|| line.strip_prefix("Doc-tests "))
}

/// A test's note about its skip, on a separate line or after libtest's `test NAME ... `.
fn skip(line: &str) -> Option<&str> {
    let line = match line.strip_prefix("test ") {
        Some(rest) => rest.split_once(" ... ")?.1,
        None => line,
    };
    line.strip_prefix("skipped: ")
}

/// Whether cargo's name of a program is like `tests/rig_camera.rs (target/...)`.
fn is_rig_source(program: &str) -> bool {
    let source = program.split(' ').next().unwrap_or_default();
    source.ends_with(".rs")
        && source
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
        .split([' ', ';', '.', ','])
        .filter(|w| !w.is_empty())
        .collect();
    let at = words.iter().position(|w| *w == word);
    at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok())
        .unwrap_or(0)
}

/// The output of pytest.
mod pytest {
    /// Words of the closing line for tests that did what they should; one that is marked as failing
    /// should fail.
    pub(super) const PASSED: [&str; 2] = ["passed", "xfailed"];
    /// Words for tests that did not. One that is marked as failing and does not has a mark too
    /// many.
    pub(super) const FAILED: [&str; 4] = ["failed", "xpassed", "error", "errors"];
    /// Every word that one of the numbers has behind it.
    const WORDS: [&str; 9] = [
        "passed",
        "failed",
        "skipped",
        "deselected",
        "xfailed",
        "xpassed",
        "error",
        "errors",
        "ran",
    ];

    /// The numbers in the closing line, as in `===== 1 failed, 3 passed in 0.12s =====`.
    pub(super) fn result(line: &str) -> Option<&str> {
        let text = line.strip_prefix('=')?.strip_suffix('=')?;
        let (numbers, time) = text.trim_matches('=').trim().split_once(" in ")?;
        let is_time = time
            .split(' ')
            .next()?
            .strip_suffix('s')?
            .parse::<f64>()
            .is_ok();
        let is_result = numbers.split([' ', ',']).any(|word| WORDS.contains(&word));
        (is_time && is_result).then_some(numbers)
    }

    /// How many were skipped, and which and why: `SKIPPED [2] tests/x.py:12: why`, or
    /// `SKIPPED tests/x.py::test_name - Skipped: why` where it is told not to fold them.
    pub(super) fn skip(line: &str) -> Option<(usize, String)> {
        let line = line.strip_prefix("SKIPPED ")?;
        if let Some(rest) = line.strip_prefix('[')
            && let Some((times, what)) = rest.split_once("] ")
        {
            return Some((times.parse().ok()?, what.to_owned()));
        }
        // Names may have the shorter one in them.
        let split = line.split_once(" - Skipped: ");
        let split = split.or_else(|| line.split_once(" - "));
        let (name, why) = split.unwrap_or((line, "no reason given"));
        Some((1, format!("{name}: {why}")))
    }
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
            "successes:\n\n---- a::b stdout ----\nskipped: b: no /dev/udmabuf\nskipped: twice\n\n\
             ---- c stdout ----\nhello\n\nsuccesses:\n    a::b\n    c\n\n{RESULT}\n"
        );
        let counts = Counts::of(&text);
        assert_eq!(counts.passed, 2);
        assert_eq!(counts.skipped, skipped(&["a::b: no /dev/udmabuf"]));
    }

    #[test]
    fn a_skip_that_is_written_past_libtest_counts_as_well() {
        let text = format!(
            "test a ... skipped: a: no heap: ENOENT\nok\nskipped: b: no heap\nskipped: b: again\n\
             test b ... ok\n{RESULT}\n"
        );
        let counts = Counts::of(&text);
        assert_eq!(counts.passed, 1);
        assert_eq!(
            counts.skipped,
            skipped(&["a: no heap: ENOENT", "b: no heap"])
        );
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
    fn a_program_that_was_left_out_is_skipped() {
        let counts = Counts::of(&format!("{LEFT_OUT}rig_x: needs y\n{RESULT}\n"));
        assert_eq!(counts.passed, 3);
        assert_eq!(counts.skipped, skipped(&["rig_x: needs y"]));
    }

    #[test]
    fn a_program_without_a_result_has_failed() {
        let counts = Counts::of(&format!("{RESULT}\n{UNFINISHED}rig_camera: status 139\n"));
        assert_eq!((counts.passed, counts.failed), (3, 1));
    }

    #[test]
    fn results_of_pytest_are_read() {
        let text = format!(
            "{PYTEST}Python 3.9.18\n===== test session starts =====\n\
             ===== 1 failed, 3 passed, 2 deselected, 1 xfailed, 2 errors in 0.12s =====\n\
             {PYTEST}Python 3.10.1\n===== 20 passed, 1 warning in 71.20s (0:01:11) =====\n\
             {PYTEST}Python 3.11.1\n===== no tests ran in 0.01s =====\n{RESULT}\n"
        );
        let counts = Counts::of(&text);
        assert_eq!((counts.passed, counts.failed), (27, 3));
    }

    #[test]
    fn skips_of_pytest_have_name_interpreter_and_reason() {
        let text = format!(
            "SKIPPED [1] nobody.py:1: not of pytest\n{PYTEST}Python 3.15.0\n\
             ===== short test summary info =====\n\
             SKIPPED [2] tests/test_a.py:12: no numpy\n\
             SKIPPED tests/test_b.py::test_c[x - y] - Skipped: no heap\n\
             ===== 1 passed, 3 skipped in 0.50s =====\n"
        );
        let counts = Counts::of(&text);
        let a = "tests/test_a.py:12: no numpy (Python 3.15.0)";
        let b = "tests/test_b.py::test_c[x - y]: no heap (Python 3.15.0)";
        assert_eq!(counts.passed, 1);
        assert_eq!(counts.skipped, skipped(&[a, a, b]));
    }

    #[test]
    fn headings_of_pytest_are_no_results() {
        for line in [
            "===== test session starts =====",
            "===== FAILURES =====",
            "===== warnings summary =====",
            "===== 3 files in 0.1s =====",
            "3 passed in 0.1s",
        ] {
            assert_eq!(pytest::result(line), None, "{line}");
        }
    }
}
