//! What the bindings claim, read from the committed files of any architecture.
//!
//! The files assert their layouts in lines such as
//! `["Size of v4l2_plane"][::core::mem::size_of::<v4l2_plane>() - 64usize]`, so the claims of an
//! architecture can be had without a Rust compiler for it.

use std::path::Path;

use videostream_sys as sys;

use super::Arch;

/// One number that the bindings state, and how to ask C for it.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) label: String,
    pub(crate) expression: String,
    pub(crate) value: u64,
}

pub(crate) struct Interface {
    pub(crate) name: &'static str,
    requests: &'static [(&'static str, u32, &'static str)],
}

pub(crate) const INTERFACES: &[Interface] = &[
    Interface {
        name: "v4l2",
        requests: sys::v4l2::REQUESTS,
    },
    Interface {
        name: "media",
        requests: sys::media::REQUESTS,
    },
    Interface {
        name: "dma_heap",
        requests: sys::dma_heap::REQUESTS,
    },
    Interface {
        name: "dma_buf",
        requests: sys::dma_buf::REQUESTS,
    },
    Interface {
        name: "sync_file",
        requests: sys::sync_file::REQUESTS,
    },
    Interface {
        name: "udmabuf",
        requests: sys::udmabuf::REQUESTS,
    },
    Interface {
        name: "hantrodec",
        requests: sys::hantrodec::REQUESTS,
    },
    Interface {
        name: "hx280enc",
        requests: sys::hx280enc::REQUESTS,
    },
    Interface {
        name: "hx280enc_vc8000e",
        requests: sys::hx280enc_vc8000e::REQUESTS,
    },
    Interface {
        name: "dmabuf_imx",
        requests: sys::dmabuf_imx::REQUESTS,
    },
];

/// Every claim of an interface's bindings for an architecture.
pub(crate) fn of(interface: &Interface, arch: &Arch) -> Vec<Claim> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(arch.folder)
        .join(format!("{}.rs", interface.name));
    let text = std::fs::read_to_string(&path).expect("bindings are committed");
    let header = format!("{}.h", interface.name);
    let mut claims = layouts(&header, &text);
    let sizes: Vec<(String, u64)> = claims
        .iter()
        .filter_map(|claim| {
            let name = claim.label.split(" size of ").nth(1)?;
            Some((name.to_owned(), claim.value))
        })
        .collect();
    for &(name, code, argument) in interface.requests {
        let size = size_of_argument(argument, &sizes, arch);
        let value = u64::from(code & !(0x3fff << 16)) | size << 16;
        if Some(arch.folder) == super::host().map(|host| host.folder) {
            assert_eq!(value, u64::from(code), "{name}: argument {argument}");
        }
        claims.push(Claim {
            label: format!("{header}: request {name}"),
            expression: name.to_owned(),
            value,
        });
    }
    claims
}

/// Whether some interface binds a request of this name.
pub(crate) fn is_request(name: &str) -> bool {
    INTERFACES
        .iter()
        .flat_map(|interface| interface.requests)
        .any(|&(known, ..)| known == name)
}

fn layouts(header: &str, text: &str) -> Vec<Claim> {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut claims = Vec::new();
    for part in flat.split("[\"").skip(1) {
        let Some((what, rest)) = part.split_once("\"]") else {
            continue;
        };
        let Some(value) = rest
            .split_once(" - ")
            .and_then(|(_, number)| number.split_once("usize"))
            .and_then(|(digits, _)| digits.parse().ok())
        else {
            continue;
        };
        if what.contains("__bindgen") {
            continue;
        }
        let claim = if let Some(name) = what.strip_prefix("Size of ") {
            Claim {
                label: format!("{header}: size of {name}"),
                expression: format!("sizeof({})", in_c(text, name)),
                value,
            }
        } else if let Some(name) = what.strip_prefix("Alignment of ") {
            Claim {
                label: format!("{header}: alignment of {name}"),
                expression: format!("_Alignof({})", in_c(text, name)),
                value,
            }
        } else if let Some((name, field)) = what
            .strip_prefix("Offset of field: ")
            .and_then(|path| path.split_once("::"))
        {
            let c_field = field.strip_suffix('_').unwrap_or(field);
            Claim {
                label: format!("{header}: offset of {name}::{field}"),
                expression: format!("offsetof({}, {c_field})", in_c(text, name)),
                value,
            }
        } else {
            panic!("{header}: unknown assertion {what}");
        };
        claims.push(claim);
    }
    claims
}

/// `struct NAME` or `union NAME`.
fn in_c(text: &str, name: &str) -> String {
    let kind = if text.contains(&format!("pub union {name} {{")) {
        "union"
    } else {
        "struct"
    };
    format!("{kind} {name}")
}

fn size_of_argument(argument: &str, sizes: &[(String, u64)], arch: &Arch) -> u64 {
    match argument {
        "" => 0,
        pointer if pointer.starts_with('*') => arch.pointer,
        "c_int" | "u32" => 4,
        "u64" | "v4l2_std_id" => 8,
        name => sizes
            .iter()
            .find(|(known, _)| known == name)
            .map(|&(_, size)| size)
            .unwrap_or_else(|| panic!("the size of {name} is not stated")),
    }
}
