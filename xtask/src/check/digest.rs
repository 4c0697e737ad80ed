//! The few lines of a failed part's log that say why: they are repeated at the very end, where they are
//! still seen when the middle of a long output is not.

/// Lines that are worth repeating begin with one of these, or have it behind other words.
const MARKS: [&str; 9] = [
    "panicked at",
    "error: ",
    "error[",
    "ERROR: ",
    "SUMMARY: ",
    "WARNING: ThreadSanitizer",
    "Kernel panic",
    "unfinished: ",
    " ... FAILED",
];
/// How many lines of one part are repeated, from the first on.
const LINES: usize = 12;
/// How much of a line.
const CHARACTERS: usize = 240;

/// The lines of `log` that bear a mark, each with the one behind a panic, which has its message.
pub(super) fn digest(log: &str) -> Vec<String> {
    let mut lines = log.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if found.len() >= LINES {
            break;
        }
        if MARKS.iter().any(|mark| line.contains(mark)) {
            found.push(line.chars().take(CHARACTERS).collect());
            if line.contains("panicked at")
                && let Some(message) = lines.next()
            {
                found.push(message.chars().take(CHARACTERS).collect());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_with_its_message_and_other_lines_are_left_out() {
        let log = "test a ... ok\nthread 'b' panicked at tests/b.rs:3:5:\nleft is 1\nnote: backtrace\n\
            test b ... FAILED\n";
        let expected = [
            "thread 'b' panicked at tests/b.rs:3:5:",
            "left is 1",
            "test b ... FAILED",
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
