//! The table of checks.

use anyhow::{Result, bail};

use super::counts::Counts;
use super::run::{Run, cargo};
use super::{Outcome, asan, fuzz, rig_tests, rust, static_command, static_host, stress, tsan};
use crate::apt::Package;
use crate::bindings::{GENERATOR, LIBCLANG};
use crate::{process, project};

/// One check.
pub(crate) struct Part {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// What it shows, in one line.
    pub(crate) about: &'static str,
    /// Whether `--quick` runs it.
    pub(crate) quick: bool,
    /// Without these it is skipped.
    pub(crate) needs: &'static [Package],
    /// Without these some of its tests skip themselves, by name.
    pub(crate) wants: &'static [Package],
    /// Whether it leaves a core to others most of the time; neighbours that do run at the same time.
    pub(crate) one_core: bool,
    /// Does it.
    pub(crate) run: fn(&mut Run) -> Result<Outcome>,
}

/// Every check, in the order in which they run: the quick ones first.
pub(crate) static PARTS: &[Part] = &[
    Part {
        name: "fmt",
        about: "every file is as rustfmt writes it",
        quick: true,
        needs: &[],
        wants: &[],
        one_core: false,
        run: fmt,
    },
    Part {
        name: "clippy",
        about: "no warning, of any target of the workspace",
        quick: true,
        needs: &[CXX],
        wants: &[],
        one_core: false,
        run: clippy,
    },
    Part {
        name: "tests",
        about: "unit and integration tests on this machine",
        quick: true,
        needs: &[CXX],
        wants: &TEST_TOOLS,
        one_core: false,
        run: tests,
    },
    Part {
        name: "doc",
        about: "the documentation builds without a warning, its examples run",
        quick: true,
        needs: &[CXX],
        wants: &[],
        one_core: false,
        run: doc,
    },
    Part {
        name: "bindings",
        about: "bindings are those that bindgen makes, and C compilers agree",
        quick: true,
        needs: &[],
        wants: &BINDING_TOOLS,
        one_core: false,
        run: bindings,
    },
    Part {
        name: "no_std",
        about: "sys, hal and ipc build for a target without std and alloc",
        quick: true,
        needs: &[],
        wants: &[],
        one_core: false,
        run: no_std,
    },
    Part {
        name: "static_host",
        about: "a host without std, alloc and libc: links, is small, serves a client",
        quick: true,
        needs: &[CXX],
        wants: &[],
        one_core: false,
        run: static_host::part,
    },
    Part {
        name: "static",
        about: "the command as static program for x86_64 and aarch64, with its size",
        quick: false,
        needs: &[],
        wants: &[],
        one_core: false,
        run: static_command::part,
    },
    Part {
        name: "stress",
        about: "a host and eight clients, killed and stopped at random: nothing is lost",
        quick: false,
        needs: &[CXX],
        wants: &[],
        one_core: false,
        run: stress::part,
    },
    Part {
        name: "loom",
        about: "every interleaving of the ring's and the protocol's models",
        quick: false,
        needs: &[],
        wants: &[],
        one_core: false,
        run: loom,
    },
    Part {
        name: "miri",
        about: "ring and message code under Miri",
        quick: false,
        needs: &[],
        wants: &[],
        one_core: false,
        run: miri,
    },
    Part {
        name: "fuzz",
        about: "messages, hostile clients and hostile hosts, fuzzed for a short while",
        quick: false,
        needs: &[CXX],
        wants: &[],
        one_core: false,
        run: fuzz::part,
    },
    Part {
        name: "tsan",
        about: "the ring and the threads of clients under ThreadSanitizer",
        quick: false,
        needs: &[CXX],
        wants: &[],
        one_core: false,
        run: tsan::part,
    },
    Part {
        name: "deny",
        about: "licence, source and number of versions of every dependency",
        quick: false,
        needs: &[],
        wants: &[],
        one_core: false,
        run: deny,
    },
    Part {
        name: "asan",
        about: "controls and queues under random calls in a guest, with the address sanitizer",
        quick: false,
        needs: &[Package::program("qemu-system-x86", "qemu-system-x86_64")],
        wants: &[],
        one_core: false,
        run: asan::part,
    },
    Part {
        name: "rig-x86_64",
        about: "tests in a guest with cameras, codecs, dma-buf heaps",
        quick: false,
        needs: &[
            CXX,
            Package::program("qemu-system-x86", "qemu-system-x86_64"),
        ],
        wants: &RIG_TOOLS,
        one_core: true,
        run: rig_tests::x86_64,
    },
    Part {
        name: "rig-aarch64",
        about: "the same tests, static, in an aarch64 guest with cameras",
        quick: false,
        needs: &[
            Package::program("qemu-system-arm", "qemu-system-aarch64"),
            CROSS_CC,
            CROSS_LIBC,
        ],
        wants: &[],
        one_core: true,
        run: rig_tests::aarch64,
    },
];

/// OpenH264 is built from its sources.
const CXX: Package = Package::program("g++", "c++");

/// For the layout probe of the bindings, and C in dependencies of the aarch64 tests.
const CROSS_CC: Package = Package::program("gcc-aarch64-linux-gnu", "aarch64-linux-gnu-gcc");
const CROSS_LIBC: Package = Package::installed("libc6-dev-arm64-cross");

/// What bindings are made with, and what they are compared with.
const BINDING_TOOLS: [Package; 5] = [
    LIBCLANG,
    CROSS_CC,
    CROSS_LIBC,
    Package::program("gcc-arm-linux-gnueabihf", "arm-linux-gnueabihf-gcc"),
    Package::installed("libc6-dev-armhf-cross"),
];

/// Players that check recordings, what finds libraries, and libraries that are found at run time.
const TEST_TOOLS: [Package; 7] = [
    Package::program("cmake", "cmake"),
    Package::program("ffmpeg", "ffprobe"),
    Package::installed("libde265-0"),
    Package::installed("libx265-199"),
    Package::program("pkg-config", "pkg-config"),
    Package::program("strace", "strace"),
    Package::program("valgrind", "valgrind"),
];

/// What tests in the guest, which sees the host's programs, compare with.
const RIG_TOOLS: [Package; 3] = [
    Package::program("v4l-utils", "v4l2-ctl"),
    Package::program("strace", "strace"),
    Package::program("ffmpeg", "ffprobe"),
];

/// The crates that know nothing of an operating system where there is none.
const CORE: [&str; 6] = [
    "-p",
    "videostream-sys",
    "-p",
    "videostream-hal",
    "-p",
    "videostream-ipc",
];

/// Bugs of lock-free code need few switches at bad moments: 3 finds all that the models
/// have been weakened with. `--deep` sets no bound.
const LOOM_PREEMPTIONS: &str = "3";

/// Miri interprets programs of systems other than its own. On one that is not Linux the
/// modules that make system calls, which Miri does not know, are left out.
const MIRI_TARGET: &str = "x86_64-unknown-freebsd";

fn fmt(run: &mut Run) -> Result<Outcome> {
    if let Err(why) = rust::component("rustfmt", "rustfmt") {
        return Ok(Outcome::Skipped(why));
    }
    run.command(&mut cargo(&["fmt", "--all", "--check"])?)?;
    Ok(Outcome::Passed)
}

fn clippy(run: &mut Run) -> Result<Outcome> {
    if let Err(why) = rust::component("cargo-clippy", "clippy") {
        return Ok(Outcome::Skipped(why));
    }
    let words = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "videostream-sys/bindgen",
        "--",
        "-D",
        "warnings",
    ];
    run.command(&mut cargo(&words)?)?;
    Ok(Outcome::Passed)
}

fn tests(run: &mut Run) -> Result<Outcome> {
    let words = [
        "test",
        "--workspace",
        // Tested with its generator, by `bindings`.
        "--exclude",
        "videostream-sys",
        "--lib",
        "--bins",
        "--tests",
        "--no-fail-fast",
    ];
    // A test runs them.
    run.command(&mut cargo(&["build", "-p", "videostream", "--examples"])?)?;
    run.command(cargo(&words)?.args(["--", "--show-output"]))?;
    Ok(Outcome::Passed)
}

fn doc(run: &mut Run) -> Result<Outcome> {
    let mut build = cargo(&["doc", "--workspace", "--no-deps", "--lib"])?;
    run.command(build.env("RUSTDOCFLAGS", "-D warnings"))?;
    let words = [
        "test",
        "--workspace",
        "--doc",
        "--no-fail-fast",
        "--",
        "--show-output",
    ];
    run.command(&mut cargo(&words)?)?;
    Ok(Outcome::Passed)
}

fn bindings(run: &mut Run) -> Result<Outcome> {
    // Where the kernel's headers cannot be had, the tests skip themselves, by name.
    let mut headers = cargo(&GENERATOR)?;
    if let Err(why) = run.command(headers.args(["--headers", "--fetch"])) {
        run.note(&format!("no kernel headers: {why:#}"))?;
    }
    let words = [
        "test",
        "-p",
        "videostream-sys",
        "--features",
        "bindgen",
        "--lib",
        "--tests",
        "--no-fail-fast",
    ];
    run.command(cargo(&words)?.args(["--", "--show-output"]))?;
    some_tests(run, "no test of the bindings")
}

fn no_std(run: &mut Run) -> Result<Outcome> {
    const TARGET: &str = "x86_64-unknown-none";
    if let Err(why) = rust::target(TARGET) {
        return Ok(Outcome::Skipped(why));
    }
    run.command(cargo(&["build", "--target", TARGET])?.args(CORE))?;
    Ok(Outcome::Passed)
}

fn loom(run: &mut Run) -> Result<Outcome> {
    let words = [
        "test",
        "--release",
        "-p",
        "videostream-hal",
        "-p",
        "videostream-ipc",
    ];
    let mut command = cargo(&words)?;
    command
        .args(["--lib", "--no-fail-fast", "loom_"])
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", project::target()?.join("loom"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    if run.is_deep() {
        command.env_remove("LOOM_MAX_PREEMPTIONS");
    } else {
        command.env("LOOM_MAX_PREEMPTIONS", LOOM_PREEMPTIONS);
    }
    run.command(&mut command)?;
    some_tests(run, "no model named loom_*")
}

fn miri(run: &mut Run) -> Result<Outcome> {
    if let Err(why) = rust::nightly(&["miri", "rust-src"]) {
        return Ok(Outcome::Skipped(why));
    }
    for (package, filter) in [("videostream-hal", "ring"), ("videostream-ipc", "wire")] {
        let words = [
            "+nightly",
            "miri",
            "test",
            "-p",
            package,
            "--lib",
            "--no-fail-fast",
        ];
        run.command(
            cargo(&words)?
                .args(["--target", MIRI_TARGET, filter])
                .env("CARGO_TARGET_DIR", project::target()?.join("miri")),
        )?;
    }
    some_tests(run, "no test of the ring or of messages")
}

fn deny(run: &mut Run) -> Result<Outcome> {
    if process::find("cargo-deny").is_none() {
        return Ok(Outcome::Skipped(
            "needs cargo-deny (cargo install cargo-deny)".to_owned(),
        ));
    }
    // `--workspace`: the root is a package, too, and would be checked alone.
    run.command(&mut cargo(&[
        "deny",
        "--workspace",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ])?)?;
    // Workspaces of their own. What these link twice is in nobody's way.
    for folder in ["benches/iceoryx2", "fuzz", "tests/nostd-host"] {
        let mut deny = cargo(&["deny", "--locked", "--config", "deny.toml"])?;
        deny.arg("--manifest-path")
            .arg(format!("{folder}/Cargo.toml"))
            .args(["check", "licenses", "sources"]);
        run.command(&mut deny)?;
    }
    Ok(Outcome::Passed)
}

/// A filter that no test's name matches has shown nothing.
pub(super) fn some_tests(run: &mut Run, none: &str) -> Result<Outcome> {
    let counts = Counts::of(&run.text()?);
    if counts.failed > 0 {
        bail!("{} failed", counts.failed);
    }
    if counts.passed == 0 {
        return Ok(Outcome::Skipped(none.to_owned()));
    }
    Ok(Outcome::Passed)
}
