//! The few lines of a failed part's log that say why it failed. They are repeated at the very end,
//! where they are seen even if the middle of a long output is not.

/// Lines that are worth repeating begin with one of these, or have it behind other words.
const MARKS: [&str; 11] = [
    "panicked at",
    "error: ",
    "error[",
    "ERROR: ",
    "SUMMARY: ",
    "WARNING: ThreadSanitizer",
    "Kernel panic",
    "unfinished: ",
    " ... FAILED",
    "FAILED tests/",
    "ERROR tests/",
];
/// How the two sides of a failed comparison begin.
const SIDES: [&str; 2] = ["  left: ", " right: "];
/// How many lines of one part are repeated, from the first on.
const LINES: usize = 12;
/// How much of a line.
const CHARACTERS: usize = 240;

/// The lines of `log` that bear a mark, those of a panic with its message, which has up to three:
/// what was asserted and the two sides.
pub(super) fn digest(log: &str) -> Vec<String> {
    let mut lines = log.lines().peekable();
    let mut found: Vec<&str> = Vec::new();
    while let Some(line) = lines.next() {
        if !MARKS.iter().any(|mark| line.contains(mark)) {
            continue;
        }
        found.push(line);
        if line.contains("panicked at") {
            found.extend(lines.next());
            while let Some(side) = lines.next_if(|line| SIDES.iter().any(|s| line.starts_with(s))) {
                found.push(side);
            }
        }
    }
    let short = |line: &&str| line.chars().take(CHARACTERS).collect();
    found.iter().take(LINES).map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_with_its_message_only() {
        let log = "test a ... ok\nthread 'b' panicked at tests/b.rs:3:5:\nis 1\nnote: backtrace\n\
            test b ... FAILED\nthread 'c' panicked at tests/c.rs:4:5:\n\
            assertion `left == right` failed\n  left: 1\n right: 2\nnote: backtrace\n";
        let expected = [
            "thread 'b' panicked at tests/b.rs:3:5:",
            "is 1",
            "test b ... FAILED",
            "thread 'c' panicked at tests/c.rs:4:5:",
            "assertion `left == right` failed",
            "  left: 1",
            " right: 2",
        ];
        assert_eq!(digest(log), expected);
    }

    #[test]
    fn a_long_log_gives_a_few_short_lines() {
        let line = format!("error: {}\n", "x".repeat(1000));
        let found = digest(&line.repeat(100));
        assert_eq!(found.len(), LINES);
        assert!(found.iter().all(|line| line.chars().count() == CHARACTERS));
    }
}
