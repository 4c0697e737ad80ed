//! `bindings`: writes `sys/src/{x86_64,aarch64,armv7}/*.rs`; `--fetch` gets the kernel headers first.

#[path = "mod.rs"]
mod generator;

use std::fs;
use std::process::ExitCode;

use generator::{headers, interface};

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
    let fetch = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--fetch") => true,
        Some(other) => return Err(format!("unknown argument {other} (only --fetch is known)")),
    };
    interface::libclang()?;
    let tree = match headers::find() {
        Ok(tree) => tree,
        Err(_) if fetch => headers::fetch()?,
        Err(why) => return Err(why),
    };
    println!("headers: {}", tree.display());
    for arch in interface::ARCHES {
        for interface in interface::INTERFACES {
            let text = interface::generate(interface, arch, &tree)?;
            let path = interface::committed(interface, arch);
            let same = fs::read_to_string(&path).is_ok_and(|old| old == text);
            if !same {
                fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|e| e.to_string())?;
                fs::write(&path, &text).map_err(|e| format!("{}: {e}", path.display()))?;
            }
            let word = if same { "unchanged" } else { "written" };
            println!(
                "{word}: {}/{}.rs, {} lines",
                arch.name,
                interface.name,
                text.lines().count()
            );
        }
    }
    Ok(())
}
