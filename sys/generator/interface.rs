//! What is generated: the interfaces, the widths, and bindgen's options.

use std::path::{Path, PathBuf};

use bindgen::callbacks::{IntKind, ParseCallbacks};

use super::{difference, headers};

/// One kernel interface: `vendor-headers/NAME.h` becomes `sys/src/WIDTH/NAME.rs`.
#[derive(Debug)]
pub(crate) struct Interface {
    /// File stem of the header and of the output.
    pub(crate) name: &'static str,
    /// What the output keeps: a regular expression over item names.
    pub(crate) items: &'static str,
    /// Numbers stated as request codes; they are computed in Rust instead.
    pub(crate) requests: &'static str,
}

/// Every interface, in the order of the crate's documentation.
pub(crate) const INTERFACES: &[Interface] = &[
    Interface {
        name: "v4l2",
        items: "(v4l2|V4L2|VIDEO_MAX|MEDIA_BUS_FMT|timeval|timespec).*",
        requests: "(VIDIOC|BASE_VIDIOC).*",
    },
    Interface {
        name: "media",
        items: "(media|MEDIA)_.*",
        requests: "MEDIA_(IOC|REQUEST_IOC)_.*",
    },
    Interface {
        name: "dma_heap",
        items: "(dma_heap|DMA_HEAP)_.*",
        requests: "DMA_HEAP_IOC.*",
    },
    Interface {
        name: "dma_buf",
        items: "(dma_buf|DMA_BUF)_.*",
        requests: "DMA_BUF_(IOCTL|SET_NAME|BASE).*",
    },
    Interface {
        name: "sync_file",
        items: "sync_(merge_data|fence_info|file_info|set_deadline)",
        requests: "SYNC_IOC_.*",
    },
    Interface {
        name: "udmabuf",
        items: "(udmabuf|UDMABUF)_.*",
        requests: "UDMABUF_CREATE.*",
    },
    Interface {
        name: "hantrodec",
        items: "core_desc|HANTRODEC_.*|DWL_CLIENT_TYPE_.*",
        requests: "HANTRODEC_(PP|HW|DEBUG|IO[A-Z]+_[^M]|IOC_MC|IOCG).*",
    },
    Interface {
        name: "hx280enc",
        items: "enc_regs_buffer|HX280ENC_.*",
        requests: "HX280ENC_IOC(_[^M]|[^_]).*",
    },
    Interface {
        name: "hx280enc_vc8000e",
        items: "enc_regs_buffer|HX280ENC_.*",
        requests: "HX280ENC_IOC(_[^M]|[^_]).*",
    },
    Interface {
        name: "dmabuf_imx",
        items: "dmabuf_imx_.*|dma_buf_phys|(FLUSH|INVALIDATE)_CACHE",
        requests: "DMABUF_.*|DMA_BUF_IOCTL_.*",
    },
];

/// Machines of one pointer width, whose layouts are equal.
#[derive(Debug)]
pub(crate) struct Width {
    /// Folder under `sys/src`, by C's name of the data model.
    pub(crate) name: &'static str,
    /// Clang's names for the targets that are generated and compared.
    pub(crate) targets: &'static [&'static str],
}

/// The widths whose bindings are committed.
pub(crate) const WIDTHS: &[Width] = &[
    Width {
        name: "lp64",
        targets: &[
            "x86_64-unknown-linux-gnu",
            "aarch64-unknown-linux-gnu",
            "riscv64-unknown-linux-gnu",
        ],
    },
    Width {
        name: "ilp32",
        targets: &["armv7-unknown-linux-gnueabihf", "riscv32-unknown-linux-gnu"],
    },
];

/// The folder of the workspace's `vendor-headers`.
pub(crate) fn vendor_headers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vendor-headers")
}

/// The committed file of an interface for a width.
pub(crate) fn committed(interface: &Interface, width: &Width) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(width.name)
        .join(format!("{}.rs", interface.name))
}

/// Whether libclang can be loaded; bindgen panics without it.
///
/// # Errors
/// What the loader said.
pub(crate) fn libclang() -> Result<(), String> {
    std::panic::catch_unwind(bindgen::clang_version)
        .map(drop)
        .map_err(|_| "libclang cannot be loaded (Debian: libclang1, libclang-common-dev)".into())
}

/// Generates the bindings of one interface for one width, and checks that all its machines agree.
///
/// # Errors
/// Clang's diagnostics, or the first line in which two machines differ.
pub(crate) fn generate(
    interface: &Interface,
    width: &Width,
    tree: &Path,
) -> Result<String, String> {
    let mut bindings: Option<(&str, String)> = None;
    for &target in width.targets {
        let text = generate_for(interface, width, target, tree)?;
        match &bindings {
            None => bindings = Some((target, text)),
            Some((first, expected)) => {
                if let Some(lines) = difference::first_line(expected, &text) {
                    return Err(format!(
                        "{}/{}.rs: machines of one width differ in line {}:\n{first}: {}\n\
                         {target}: {}",
                        width.name, interface.name, lines.number, lines.old, lines.new
                    ));
                }
            }
        }
    }
    let (_, text) = bindings.ok_or_else(|| format!("{} has no machine", width.name))?;
    Ok(text)
}

/// Generates the bindings of one interface for one machine.
///
/// No header of the machine takes part: `-nostdinc`, then the shim, then the kernel tree.
fn generate_for(
    interface: &Interface,
    width: &Width,
    target: &str,
    tree: &Path,
) -> Result<String, String> {
    let vendor = vendor_headers();
    let header = vendor.join(format!("{}.h", interface.name));
    let include = |path: &Path| format!("-I{}", path.display());
    let scratch = std::env::temp_dir();
    bindgen::Builder::default()
        .header(header.display().to_string())
        .clang_args([format!("--target={target}")])
        .clang_args(["-nostdinc", "-ffreestanding", "-D__EXPORTED_HEADERS__"])
        .clang_args([
            include(&vendor.join("shim/libc")),
            include(&vendor.join("shim/kernel")),
            include(&tree.join("include/uapi")),
        ])
        .clang_macro_fallback()
        .clang_macro_fallback_build_dir(scratch)
        .use_core()
        .ctypes_prefix("core::ffi")
        .rust_target(bindgen::RustTarget::stable(85, 0).map_err(|e| e.to_string())?)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .allowlist_item(interface.items)
        .blocklist_item(interface.requests)
        .prepend_enum_name(false)
        .generate_comments(false)
        .derive_copy(true)
        .derive_debug(true)
        .derive_default(true)
        .layout_tests(true)
        .wrap_unsafe_ops(true)
        .disable_header_comment()
        .parse_callbacks(Box::new(Types))
        .raw_line(format!(
            "// Generated from vendor-headers/{}.h (Linux {}, {}). Do not edit.",
            interface.name,
            headers::KERNEL,
            width.name
        ))
        .generate()
        .map(|bindings| bindings.to_string())
        .map_err(|error| format!("vendor-headers/{}.h for {target}: {error}", interface.name))
}

/// Gives numbers the type that the kernel's fields have.
#[derive(Debug)]
struct Types;

impl ParseCallbacks for Types {
    fn int_macro(&self, name: &str, value: i64) -> Option<IntKind> {
        if name.starts_with("V4L2_STD_") || u32::try_from(value).is_err() && value > 0 {
            return Some(IntKind::U64);
        }
        Some(if value < 0 {
            IntKind::I32
        } else {
            IntKind::U32
        })
    }
}
