//! Programs in C, compiled and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use videostream_testing::skip;

use super::{Run, compiler, header_folder, library_folder, run};

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// What std needs of the system, for whoever links the static library.
const SYSTEM_LIBRARIES: [&str; 5] = ["-lgcc_s", "-lpthread", "-ldl", "-lm", "-lc"];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    C99,
    Cpp11,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Linking {
    Dynamic,
    Static,
}

/// Where programs for a guest lie, which were linked on the host, statically.
const GUEST: &str = "VIDEOSTREAM_C_PROGRAMS";

/// A compiled program in C, such as `tests/c/NAME.c`.
pub(crate) struct Program {
    executable: PathBuf,
    /// Gone after it; `None` if it was there before.
    folder: Option<TempDir>,
}

impl Program {
    /// Compiles it, unless it was brought into the guest; skips by name without a compiler.
    pub(crate) fn new(name: &str, language: Language, linking: Linking) -> Option<Self> {
        let source = format!("{}/tests/c/{name}.c", env!("CARGO_MANIFEST_DIR"));
        Self::of_source(name, Path::new(&source), language, linking)
    }

    /// The same of a source file elsewhere.
    pub(crate) fn of_source(
        name: &str,
        source: &Path,
        language: Language,
        linking: Linking,
    ) -> Option<Self> {
        let guest = std::env::var_os(GUEST).map(|folder| PathBuf::from(folder).join(name));
        if let Some(executable) = guest.filter(|file| file.exists()) {
            return Some(Self {
                executable,
                folder: None,
            });
        }
        let (program, arguments): (_, &[&str]) = match language {
            Language::C99 => ("cc", &["-std=c99"]),
            Language::Cpp11 => ("c++", &["-std=c++11", "-x", "c++"]),
        };
        let test = format!("{name} {language:?} {linking:?}");
        let Some(mut compile) = compiler(program) else {
            skip(&test, &format!("no {program}"));
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        // With its SONAME, as it is installed.
        let libraries = library_folder();
        let shared = folder.path().join("libvideostream.so.2");
        std::os::unix::fs::symlink(libraries.join("libvideostream_c.so"), &shared).unwrap();
        let executable = folder.path().join(name);
        compile
            .args(arguments)
            .args(WARNINGS)
            .arg("-I")
            .arg(header_folder())
            .arg(source)
            .args(["-x", "none", "-o"])
            .arg(&executable);
        match linking {
            Linking::Dynamic => compile.arg(&shared),
            Linking::Static => compile
                .arg(libraries.join("libvideostream_c.a"))
                .args(cpp_library())
                .args(SYSTEM_LIBRARIES),
        };
        run(&mut compile, Run::Compiler);
        Some(Self {
            executable,
            folder: Some(folder),
        })
    }

    /// Builds `tests/c/NAME.cpp` as C++ with `warnings` as errors; skips by name without a
    /// compiler.
    pub(crate) fn strict_cpp(name: &str, standard: &str, warnings: &[&str]) -> Option<Self> {
        let Some(mut compile) = compiler("c++") else {
            skip(name, "no c++");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let shared = folder.path().join("libvideostream.so.2");
        let library = library_folder().join("libvideostream_c.so");
        std::os::unix::fs::symlink(library, &shared).unwrap();
        let executable = folder.path().join(name);
        let source = format!("{}/tests/c/{name}.cpp", env!("CARGO_MANIFEST_DIR"));
        compile.arg(standard).args(WARNINGS).args(warnings);
        compile.arg("-I").arg(header_folder()).arg(source);
        compile.arg("-o").arg(&executable).arg(&shared);
        run(&mut compile, Run::Compiler);
        Some(Self {
            executable,
            folder: Some(folder),
        })
    }

    /// A command that runs it, with `before` in front of its path.
    pub(crate) fn command(&self, before: &[&str]) -> Command {
        let mut command = match before {
            [] => Command::new(&self.executable),
            [tool, arguments @ ..] => {
                let mut command = Command::new(tool);
                command.args(arguments).arg(&self.executable);
                command
            }
        };
        if let Some(folder) = &self.folder {
            command.env("LD_LIBRARY_PATH", folder.path());
        }
        command
    }
}

/// What the software codec in the library needs, if it was built in: without the C++ library it
/// could not have been.
fn cpp_library() -> Option<&'static str> {
    let mut ask = Command::new("cc");
    let answer = ask.arg("-print-file-name=libstdc++.so").output().ok()?;
    // A name that is not found comes back as it is.
    answer.stdout.starts_with(b"/").then_some("-lstdc++")
}

/// In every language with every linking, one of them under valgrind.
pub(crate) fn check_in_all_ways(name: &str) {
    check_as(name, Language::C99, Linking::Static);
    check_as(name, Language::Cpp11, Linking::Dynamic);
    check(name);
}

/// In both languages, each with a linking of its own, one of them under valgrind.
pub(crate) fn check(name: &str) {
    check_as(name, Language::C99, Linking::Dynamic);
    check_under_valgrind(name);
}

fn check_as(name: &str, language: Language, linking: Linking) {
    if let Some(program) = Program::new(name, language, linking) {
        run(&mut program.command(&[]), Run::Program);
    }
}

/// In C++, linked statically: no error, no leak, no descriptor left.
fn check_under_valgrind(name: &str) {
    let Some(program) = Program::new(name, Language::Cpp11, Linking::Static) else {
        return;
    };
    if compiler("valgrind").is_none() {
        skip(&format!("{name} under valgrind"), "no valgrind");
        run(&mut program.command(&[]), Run::Program);
        return;
    }
    let mut command = program.command(&[
        "valgrind",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=all",
        "--errors-for-leak-kinds=all",
        "--track-fds=yes",
        concat!(
            "--suppressions=",
            env!("CARGO_MANIFEST_DIR"),
            "/tests/c/valgrind.supp"
        ),
    ]);
    let report = run(&mut command, Run::Program);
    let lines: Vec<&str> = report.lines().collect();
    let leaked = |pair: &[&str]| {
        pair[0].contains("Open ")
            && pair[0].contains("descriptor")
            && !pair[1].contains("inherited")
    };
    assert!(report.contains("FILE DESCRIPTORS: "), "{report}");
    assert!(!lines.windows(2).any(leaked), "{report}");
}
