//! The command that repeats one failed test, read from what cargo and the test programs print.

use super::counts::UNFINISHED;
use crate::quote;

/// How a line begins that names the package and the program of tests in a guest.
pub(super) const IN_GUEST: &str = "     Running in the guest: ";
/// How cargo says which words choose the program that failed.
const RERUN: &str = "to rerun pass `";
/// Words of a command of cargo that decide how programs are built.
const BUILDING: [&str; 5] = [
    "--release",
    "--target",
    "-Zbuild-std",
    "--features",
    "--no-default-features",
];
/// Those of them that have a value in the next word.
const VALUED: [&str; 2] = ["--target", "--features"];
/// What a command that runs pytest has in it.
const PYTEST: &str = " -m pytest";
/// Most commands that are shown for one part.
const MOST: usize = 6;

/// One line for each failed test in the log of `part`, or for its program if that names no test.
pub(super) fn commands(part: &str, log: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut cargo = String::new();
    let mut pytest = None;
    let mut guest = None;
    let mut failed: Vec<&str> = Vec::new();
    let mut is_list = false;
    for line in log.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            cargo = base(command).unwrap_or_default();
            pytest = command.find(PYTEST).map(|at| &command[..at + PYTEST.len()]);
            guest = None;
        } else if let Some(name) = line.strip_prefix(IN_GUEST) {
            guest = name.split(' ').next_back();
            failed.clear();
        } else if let Some(test) = line.strip_prefix("FAILED tests/")
            && let Some((_, name)) = test.split_once("::")
        {
            // The reason follows.
            let test = test.split(" - ").next().unwrap_or_default();
            let name = name.split([' ', '[']).next().unwrap_or_default();
            if let Some(program) = guest {
                let command = format!("cargo xtask test --only {part} --test {program} -- -k");
                found.push(format!("repeat: {command} {}", quote::word(name)));
            } else if let Some(command) = pytest {
                let test = quote::word(&format!("tests/{test}"));
                found.push(format!("repeat: cd wrappers/python && {command} {test}"));
            }
        } else if line == "failures:" {
            // Twice: before what tests printed, and before their names.
            is_list = true;
            failed.clear();
        } else if let Some(name) = line.strip_prefix("    ").filter(|_| is_list) {
            failed.push(name);
        } else if line.is_empty() && !failed.is_empty() {
            is_list = false;
        } else if let Some(program) = guest
            && (line.starts_with(UNFINISHED) || line.starts_with("test result: FAILED"))
        {
            let program = quote::word(program);
            let command = format!("cargo xtask test --only {part} --test {program}");
            found.extend(of_each(&command, &failed));
            failed.clear();
        } else if let Some((_, words)) = line.split_once(RERUN)
            && !cargo.is_empty()
        {
            let words = words.split('`').next().unwrap_or_default();
            found.extend(of_each(&format!("{cargo} {words}"), &failed));
            failed.clear();
        } else if line.starts_with("---- ") {
            is_list = false;
        }
    }
    found.truncate(MOST);
    found
}

/// The command for each test, or for all.
fn of_each(command: &str, tests: &[&str]) -> Vec<String> {
    if tests.is_empty() {
        return vec![format!("repeat: {command}")];
    }
    let of = |test: &&str| format!("repeat: {command} -- --exact {}", quote::word(test));
    tests.iter().map(of).collect()
}

/// What of a command of cargo that runs tests is the same for one test: how they are built.
fn base(command: &str) -> Option<String> {
    // Variables may have spaces in them, and stand before it.
    let at = match command.starts_with("cargo ") {
        true => 0,
        false => command.find(" cargo ")? + 1,
    };
    let (variables, words) = command.split_at(at);
    let mut words = words.split(' ');
    let mut kept = Vec::new();
    for word in words.by_ref() {
        kept.push(word);
        if word == "test" {
            break;
        }
    }
    if kept.last() != Some(&"test") {
        return None;
    }
    while let Some(word) = words.next().filter(|word| *word != "--") {
        if BUILDING.contains(&word) {
            kept.push(word);
            kept.extend(words.next().filter(|_| VALUED.contains(&word)));
        }
    }
    Some(format!("{variables}{}", kept.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "test a::b ... FAILED\n\nfailures:\n\n\
        ---- a::b stdout ----\n    indented\n\n\
        failures:\n    a::b\n    c\n\ntest result: FAILED. 0 passed; 2 failed\n";

    #[test]
    fn a_test_of_the_machine_is_repeated_by_cargo() {
        let log = format!(
            "$ cargo test --workspace --exclude x --lib -- --show-output\n\
             \x20    Running tests/hostile_client.rs (target/debug/deps/h-1)\n{FAILED}\n\
             error: test failed, to rerun pass `-p videostream-ipc --test hostile_client`\n\
             error: 1 target failed:\n    `-p videostream-ipc --test hostile_client`\n"
        );
        let command = "repeat: cargo test -p videostream-ipc --test hostile_client -- --exact";
        assert_eq!(
            commands("tests", &log),
            [format!("{command} a::b"), format!("{command} c")]
        );
    }

    #[test]
    fn variables_and_how_it_is_built_stay() {
        let log = format!(
            "$ RUSTFLAGS='--cfg loom' N=3 cargo +nightly test --release -p hal --lib loom_\n\
             {FAILED}error: test failed, to rerun pass `-p hal --lib`\n"
        );
        let command =
            "repeat: RUSTFLAGS='--cfg loom' N=3 cargo +nightly test --release -p hal --lib";
        assert_eq!(
            commands("loom", &log)[0],
            format!("{command} -- --exact a::b")
        );
    }

    #[test]
    fn a_test_of_a_guest_is_repeated_in_one() {
        let log = format!(
            "$ cargo test --no-run\n{IN_GUEST}videostream rig_a\n{FAILED}\n\
             {IN_GUEST}videostream rig_b\ntest x ...\n{UNFINISHED}videostream rig_b: it crashed\n"
        );
        let command = "repeat: cargo xtask test --only rig-x86_64 --test";
        let expected = [
            format!("{command} rig_a -- --exact a::b"),
            format!("{command} rig_a -- --exact c"),
            format!("{command} rig_b"),
        ];
        assert_eq!(commands("rig-x86_64", &log), expected);
    }

    #[test]
    fn a_program_that_crashed_is_repeated_as_a_whole() {
        let log = "$ cargo test -p a\nerror: test failed, to rerun pass `-p a --test b`\n";
        assert_eq!(commands("tests", log), ["repeat: cargo test -p a --test b"]);
        assert!(commands("fmt", "$ cargo fmt\nerror: no\n").is_empty());
    }

    #[test]
    fn a_test_of_python_is_repeated_by_its_interpreter() {
        let log = "$ A=1 /t/3.9/bin/python -m pytest -ra --color=no\n\
                   FAILED tests/test_a.py::test_b[1 2] - assert 1 == 2\n";
        let command = "repeat: cd wrappers/python && A=1 /t/3.9/bin/python -m pytest";
        assert_eq!(
            commands("python", log),
            [format!("{command} 'tests/test_a.py::test_b[1 2]'")]
        );
        let log = format!(
            "{IN_GUEST}videostream-python test_rig_a\nFAILED tests/test_rig_a.py::test_b - no\n"
        );
        let command = "repeat: cargo xtask test --only rig-x86_64 --test test_rig_a -- -k test_b";
        assert_eq!(commands("rig-x86_64", &log), [command]);
    }
}
