//! Makes the C program, compiles it and reads the values back.

mod claims;
#[path = "../../generator/headers.rs"]
#[expect(
    dead_code,
    reason = "only finding headers is needed here, not fetching them"
)]
mod headers;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use claims::Claim;

/// An architecture, its bindings' folder and its compiler.
pub(crate) struct Arch {
    name: &'static str,
    pub(crate) folder: &'static str,
    triple: &'static str,
    pub(crate) pointer: u64,
    /// What makes the C library use 64-bit time.
    flags: &'static [&'static str],
}

pub(crate) const X86_64: Arch = Arch {
    name: "x86_64",
    folder: "lp64",
    triple: "x86_64-unknown-linux-gnu",
    pointer: 8,
    flags: &[],
};

pub(crate) const AARCH64: Arch = Arch {
    name: "aarch64",
    folder: "lp64",
    triple: "aarch64-unknown-linux-gnu",
    pointer: 8,
    flags: &[],
};

pub(crate) const ARMV7: Arch = Arch {
    name: "armv7",
    folder: "ilp32",
    triple: "armv7-unknown-linux-gnueabihf",
    pointer: 4,
    flags: &["-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"],
};

pub(crate) enum Outcome {
    /// A compiler or the headers are missing.
    Skipped(String),
    Compared {
        items: usize,
        differences: Vec<String>,
    },
}

/// Found in the object file before the values.
const MARK: [u64; 2] = [0x7669_6465_6f73_7472, 0x6561_6d5f_7072_6f62];

/// The architecture this test runs on.
pub(crate) fn host() -> Option<&'static Arch> {
    [&X86_64, &AARCH64]
        .into_iter()
        .find(|arch| arch.name == std::env::consts::ARCH)
}

/// Says that a test did not run (shown with `--show-output`).
pub(crate) fn skipped(test: &str, why: &str) {
    println!("skipped: {test}: {why}");
}

/// Compares the claims of `arch`, after `alter` has seen each, with its compiler's values.
pub(crate) fn compare(arch: &Arch, alter: impl Fn(&mut Claim)) -> Outcome {
    let tree = match headers::find() {
        Ok(tree) => tree,
        Err(why) => return Outcome::Skipped(why),
    };
    let Some(compiler) = compiler(arch) else {
        return Outcome::Skipped(format!("no C compiler for {}", arch.triple));
    };
    let mut items = 0;
    let mut differences = Vec::new();
    for interface in claims::INTERFACES {
        let mut claims = claims::of(interface, arch);
        claims.iter_mut().for_each(&alter);
        let object = compile(arch, compiler.to_command(), interface.name, &claims, &tree);
        let values = values(&object, claims.len());
        for (claim, value) in claims.iter().zip(values) {
            if claim.value != value {
                differences.push(format!(
                    "{} ({}): the bindings say {:#x}, {} says {value:#x}",
                    claim.label,
                    arch.name,
                    claim.value,
                    compiler.path().display(),
                ));
            }
        }
        items += claims.len();
    }
    Outcome::Compared { items, differences }
}

/// Requests that the headers define and the bindings lack, after how many the headers define.
pub(crate) fn unbound_requests() -> Result<(usize, Vec<String>), String> {
    let uapi = headers::find()?.join("include/uapi/linux");
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vendor-headers");
    let kernel = [
        "videodev2",
        "v4l2-subdev",
        "media",
        "dma-heap",
        "dma-buf",
        "sync_file",
        "udmabuf",
    ];
    let own = ["hantrodec", "hx280enc", "hx280enc_vc8000e", "dmabuf_imx"];
    let paths = kernel
        .map(|name| uapi.join(format!("{name}.h")))
        .into_iter()
        .chain(own.map(|name| vendor.join(format!("{name}.h"))));
    let mut found = 0;
    let mut unbound = Vec::new();
    for path in paths {
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some("#define"), Some(name), Some(value)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            if value.starts_with("_IO") {
                found += 1;
                if !claims::is_request(name) {
                    unbound.push(name.to_owned());
                }
            }
        }
    }
    Ok((found, unbound))
}

fn compiler(arch: &Arch) -> Option<cc::Tool> {
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let tool = cc::Build::new()
        .target(arch.triple)
        .host(&host)
        .opt_level(0)
        .debug(false)
        .cargo_metadata(false)
        .out_dir(env!("CARGO_TARGET_TMPDIR"))
        .try_get_compiler()
        .ok()?;
    let answers = Command::new(tool.path()).arg("--version").output();
    answers
        .is_ok_and(|done| done.status.success())
        .then_some(tool)
}

fn compile(
    arch: &Arch,
    mut compiler: Command,
    interface: &str,
    claims: &[Claim],
    tree: &Path,
) -> Vec<u8> {
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vendor-headers");
    let mut text = format!("#include <stddef.h>\n#include \"{interface}.h\"\n");
    let _ = writeln!(
        text,
        "const unsigned long long probe[] = {{ {:#x}, {:#x},",
        MARK[0], MARK[1]
    );
    for claim in claims {
        let _ = writeln!(text, "{},", claim.expression);
    }
    text.push_str("};\n");

    // One name per caller: tests of one architecture may run at the same time.
    let stem = format!(
        "{}-{interface}-{:?}",
        arch.name,
        std::thread::current().id()
    );
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let source = scratch.join(format!("{stem}.c"));
    let object = scratch.join(format!("{stem}.o"));
    std::fs::write(&source, text).expect("the scratch folder is writable");
    let done = compiler
        .args(["-c", "-w", "-D__EXPORTED_HEADERS__"])
        .args(arch.flags)
        .arg(format!("-I{}", vendor.display()))
        .arg(format!("-I{}", vendor.join("shim/kernel").display()))
        .arg(format!("-I{}", tree.join("include/uapi").display()))
        .arg("-o")
        .arg(&object)
        .arg(&source)
        .output()
        .expect("the compiler answered before");
    assert!(
        done.status.success(),
        "{interface}.h does not compile for {}:\n{}",
        arch.triple,
        String::from_utf8_lossy(&done.stderr)
    );
    std::fs::read(&object).expect("the compiler wrote its output")
}

fn values(object: &[u8], count: usize) -> Vec<u64> {
    let mark: Vec<u8> = MARK.iter().flat_map(|word| word.to_le_bytes()).collect();
    let at = object
        .windows(mark.len())
        .position(|window| window == mark)
        .expect("the object file holds the probe");
    object[at + mark.len()..]
        .chunks_exact(8)
        .take(count)
        .map(|word| u64::from_le_bytes(word.try_into().expect("chunks have 8 bytes")))
        .collect()
}
