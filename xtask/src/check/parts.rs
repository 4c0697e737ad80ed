//! The table of checks.

use anyhow::Result;

use super::run::Run;
use super::{
    Outcome, asan, fuzz, gstreamer, python, rig_tests, static_command, static_host, stress, style,
    tsan, workspace,
};
use crate::apt::Package;
use crate::bindings::LIBCLANG;

/// One check.
pub(crate) struct Part {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// What it checks, in one line.
    pub(crate) about: &'static str,
    /// Whether `--quick` runs it.
    pub(crate) quick: bool,
    /// Without these it is skipped.
    pub(crate) needs: &'static [Package],
    /// Without these some of its tests skip themselves, by name.
    pub(crate) wants: &'static [Package],
    /// Whether it runs in the background, at the same time as the parts after it: it leaves cores
    /// to others most of the time.
    pub(crate) background: bool,
    /// Whether `--test` chooses among its test programs, which run in a guest.
    pub(crate) takes_tests: bool,
    /// Runs the check.
    pub(crate) run: fn(&mut Run) -> Result<Outcome>,
}

/// Every check, in the order in which they begin: the quick ones first, then those that take
/// longest and leave a core to others. What the guest for aarch64 runs is built by `static`, too.
pub(crate) static PARTS: &[Part] = &[
    Part {
        name: "fmt",
        about: "every file is formatted by rustfmt",
        quick: true,
        needs: &[],
        wants: &[],
        background: false,
        takes_tests: false,
        run: workspace::fmt,
    },
    Part {
        name: "style",
        about: "lines and names of tests are short, errors are matched by variant, words are plain",
        quick: true,
        needs: &[],
        wants: &[],
        background: false,
        takes_tests: false,
        run: style::part,
    },
    Part {
        name: "clippy",
        about: "no warning, of any target of any package but the GStreamer plugin",
        quick: true,
        needs: &[CXX],
        wants: &[],
        background: false,
        takes_tests: false,
        run: workspace::clippy,
    },
    Part {
        name: "tests",
        about: "unit and integration tests on this machine",
        quick: true,
        needs: &[CXX],
        wants: &TEST_TOOLS,
        background: false,
        takes_tests: false,
        run: workspace::tests,
    },
    Part {
        name: "doc",
        about: "the documentation builds without a warning, its examples run",
        quick: true,
        needs: &[CXX],
        wants: &[],
        background: false,
        takes_tests: false,
        run: workspace::doc,
    },
    Part {
        name: "bindings",
        about: "bindings are bindgen's current output, and C compilers agree",
        quick: true,
        needs: &[],
        wants: &BINDING_TOOLS,
        background: false,
        takes_tests: false,
        run: workspace::bindings,
    },
    Part {
        name: "no_std",
        about: "sys, hal and ipc build for a target without std and alloc",
        quick: true,
        needs: &[],
        wants: &[],
        background: false,
        takes_tests: false,
        run: workspace::no_std,
    },
    Part {
        name: "static_host",
        about: "a host without std, alloc and libc: links, is small, serves a client",
        quick: true,
        needs: &[CXX],
        wants: &[],
        background: false,
        takes_tests: false,
        run: static_host::part,
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
        background: true,
        takes_tests: true,
        run: rig_tests::x86_64,
    },
    Part {
        name: "static",
        about: "the command as a static program for x86_64 and aarch64, with its size",
        quick: false,
        needs: &[],
        wants: &[],
        background: false,
        takes_tests: false,
        run: static_command::part,
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
        background: true,
        takes_tests: true,
        run: rig_tests::aarch64,
    },
    Part {
        name: "gstreamer",
        about: "the GStreamer plugin: clippy, documentation, and its elements in pipelines",
        quick: false,
        needs: &[
            CXX,
            gstreamer::HEADERS[0],
            gstreamer::HEADERS[1],
            gstreamer::HEADERS[2],
        ],
        wants: &GSTREAMER_TOOLS,
        background: false,
        takes_tests: false,
        run: gstreamer::part,
    },
    Part {
        name: "gstreamer-newer",
        about: "the GStreamer plugin, built here, with the GStreamer of Debian's next release",
        quick: false,
        needs: &[
            CXX,
            gstreamer::HEADERS[0],
            gstreamer::HEADERS[1],
            gstreamer::HEADERS[2],
        ],
        wants: &[],
        background: false,
        takes_tests: false,
        run: gstreamer::newer,
    },
    Part {
        name: "python",
        about: "the Python package: types, and its tests with every interpreter",
        quick: false,
        needs: &[CXX, PYTHON],
        wants: &PYTHON_TOOLS,
        background: false,
        takes_tests: false,
        run: python::part,
    },
    Part {
        name: "stress",
        about: "a host and eight clients, killed and stopped at random: nothing is lost",
        quick: false,
        needs: &[CXX],
        wants: &[],
        background: false,
        takes_tests: false,
        run: stress::part,
    },
    Part {
        name: "loom",
        about: "every interleaving of the ring's and the protocol's models",
        quick: false,
        needs: &[],
        wants: &[],
        background: false,
        takes_tests: false,
        run: workspace::loom,
    },
    Part {
        name: "miri",
        about: "ring and message code under Miri",
        quick: false,
        needs: &[],
        wants: &[],
        background: false,
        takes_tests: false,
        run: workspace::miri,
    },
    Part {
        name: "fuzz",
        about: "messages, hostile clients and hosts, streams and files, fuzzed for some seconds",
        quick: false,
        needs: &[CXX],
        wants: &[],
        background: false,
        takes_tests: false,
        run: fuzz::part,
    },
    Part {
        name: "tsan",
        about: "the ring and the threads of clients under ThreadSanitizer",
        quick: false,
        needs: &[CXX],
        wants: &[],
        background: false,
        takes_tests: false,
        run: tsan::part,
    },
    Part {
        name: "deny",
        about: "licence, source and number of versions of every dependency",
        quick: false,
        needs: &[],
        wants: &[],
        background: false,
        takes_tests: false,
        run: workspace::deny,
    },
    Part {
        name: "asan",
        about: "controls and queues under random calls in a guest, with the address sanitizer",
        quick: false,
        needs: &[Package::program("qemu-system-x86", "qemu-system-x86_64")],
        wants: &[],
        background: false,
        takes_tests: true,
        run: asan::part,
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
const TEST_TOOLS: [Package; 8] = [
    Package::program("cmake", "cmake"),
    Package::program("ffmpeg", "ffprobe"),
    Package::installed("libde265-0"),
    // cargo-c is built with it.
    Package::installed("libssl-dev"),
    Package::installed("libx265-199"),
    Package::program("pkg-config", "pkg-config"),
    Package::program("strace", "strace"),
    Package::program("valgrind", "valgrind"),
];

/// Pipelines for the plugin's tests, a screen for what they show, and what checks recordings.
const GSTREAMER_TOOLS: [Package; 8] = [
    Package::program("gstreamer1.0-tools", "gst-launch-1.0"),
    Package::element("gstreamer1.0-plugins-base", "videotestsrc"),
    Package::element("gstreamer1.0-plugins-good", "v4l2src"),
    Package::element("gstreamer1.0-plugins-bad", "h264parse"),
    Package::element("gstreamer1.0-plugins-ugly", "x264enc"),
    Package::element("gstreamer1.0-x", "ximagesink"),
    Package::program("xvfb", "Xvfb"),
    Package::program("ffmpeg", "ffprobe"),
];

/// What the package for Python is tested with.
const PYTHON: Package = Package::program("python3", "python3");

/// Environments for tests are made with the first; the others are for a recording that is read
/// back, and for a window that is looked at.
const PYTHON_TOOLS: [Package; 5] = [
    crate::python::VENV,
    Package::program("ffmpeg", "ffprobe"),
    Package::program("imagemagick", "import"),
    Package::installed("libgl1"),
    Package::program("xvfb", "Xvfb"),
];

/// What tests in the guest, which sees the host's programs, compare with, and the plugin's
/// pipelines.
const RIG_TOOLS: [Package; 10] = [
    PYTHON,
    PYTHON_TOOLS[0],
    Package::program("v4l-utils", "v4l2-ctl"),
    Package::program("strace", "strace"),
    Package::program("ffmpeg", "ffprobe"),
    gstreamer::HEADERS[0],
    gstreamer::HEADERS[1],
    gstreamer::HEADERS[2],
    GSTREAMER_TOOLS[0],
    GSTREAMER_TOOLS[2],
];
