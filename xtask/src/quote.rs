//! Words for a POSIX shell.

/// One word, quoted so that a POSIX shell reads back exactly `word`.
pub(crate) fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command line, each word quoted where it has to be.
pub(crate) fn line<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let words: Vec<String> = words.into_iter().map(|w| word(w.as_ref())).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(line(["ls", "-l", "/dev/video0"]), "ls -l /dev/video0");
    }

    #[test]
    fn a_shell_reads_back_the_same_words() {
        let words = [
            "", "a b", "it's", "$HOME", "`id`", "\"", "\\", "*", "a\nb", "~", "é", "a;b", "''",
        ];
        let script = format!("printf '%s\\0' {}", line(words));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let expected: String = words.iter().map(|w| format!("{w}\0")).collect();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}
