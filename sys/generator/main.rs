//! `bindings`: writes `sys/src/{lp64,ilp32}/*.rs` from `vendor-headers/*.h`.
//!
//! `--fetch` downloads the kernel headers if none are found; `--check` writes nothing and fails
//! when the committed files differ, naming header and item; `--headers` only finds the headers.

#[path = "mod.rs"]
mod generator;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use generator::{check, headers, interface};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bindings: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut fetch, mut only_check, mut only_headers) = (false, false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--fetch" => fetch = true,
            "--check" => only_check = true,
            "--headers" => only_headers = true,
            other => {
                return Err(format!(
                    "unknown argument {other} (known: --fetch, --check, --headers)"
                ));
            }
        }
    }
    let tree = match headers::find() {
        Ok(tree) => tree,
        Err(_) if fetch => headers::fetch()?,
        Err(why) => return Err(why),
    };
    println!("headers: {}", tree.display());
    if only_headers {
        return Ok(());
    }
    interface::libclang()?;
    if only_check {
        println!("{} files are what the headers say", check(&tree)?);
        return Ok(());
    }
    for width in interface::WIDTHS {
        for interface in interface::INTERFACES {
            write(interface, width, &tree)?;
        }
    }
    Ok(())
}

fn write(
    interface: &interface::Interface,
    width: &interface::Width,
    tree: &Path,
) -> Result<(), String> {
    let text = interface::generate(interface, width, tree)?;
    let path = interface::committed(interface, width);
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    let same = fs::read_to_string(&path).is_ok_and(|old| old == text);
    if !same {
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(named)?;
        fs::write(&path, &text).map_err(named)?;
    }
    let word = if same { "unchanged" } else { "written" };
    println!(
        "{word}: {}/{}.rs, {} lines",
        width.name,
        interface.name,
        text.lines().count()
    );
    Ok(())
}
