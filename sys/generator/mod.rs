//! The binding generator: bindgen over `vendor-headers/`, once per interface and machine; machines
//! of one width share their files.

pub(crate) mod difference;
pub(crate) mod headers;
pub(crate) mod interface;

use std::fs;
use std::path::Path;

/// Compares every committed file with what the generator makes of `tree`.
///
/// # Errors
/// Clang's diagnostics, or one line per item that differs: file, header and item.
pub(crate) fn check(tree: &Path) -> Result<usize, String> {
    let mut lines = Vec::new();
    let mut files = 0;
    for width in interface::WIDTHS {
        for interface in interface::INTERFACES {
            let generated = interface::generate(interface, width, tree)?;
            let committed =
                fs::read_to_string(interface::committed(interface, width)).unwrap_or_default();
            for line in difference::items(&committed, &generated) {
                lines.push(format!(
                    "vendor-headers/{}.h ({}): {line}",
                    interface.name, width.name
                ));
            }
            files += 1;
        }
    }
    if lines.is_empty() {
        Ok(files)
    } else {
        Err(format!(
            "the committed bindings are not what the headers say:\n{}",
            lines.join("\n")
        ))
    }
}
