//! Developer commands of the project, run as `cargo xtask COMMAND`.
//!
//! `vm` runs a command inside a small machine that has cameras, codecs and dma-buf heaps; `test`
//! runs every check of the project; `bench` measures; `bindings` makes the kernel bindings;
//! `install` installs the C library, the GStreamer plugin and the command; `wheel` builds the
//! Python package. `docs/testing.md` describes them.

mod apt;
mod bench;
mod bindings;
mod check;
mod install;
mod interrupt;
mod process;
mod project;
mod python;
mod quote;
mod rig;
mod wheel;

use std::process::ExitCode;

use clap::Parser;

/// Developer commands of videostream.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Run a command inside a guest with cameras, codecs and dma-buf heaps
    Vm(rig::cli::Args),
    /// Run every check of the project, one line each
    Test(check::Args),
    /// Measure on this machine
    Bench(bench::Args),
    /// Regenerate the bindings to the kernel's interfaces, or check them
    Bindings(bindings::Args),
    /// Build and install the C library, its header, the GStreamer plugin, and the command
    Install(install::Args),
    /// Build release wheels of the Python package, check and import them
    Wheel(wheel::Args),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Vm(args) => rig::cli::run(&args),
        Command::Test(args) => check::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Bindings(args) => bindings::run(&args),
        Command::Install(args) => install::run(&args),
        Command::Wheel(args) => wheel::run(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
