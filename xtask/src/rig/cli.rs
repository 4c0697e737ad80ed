//! `cargo xtask vm`: a command in a guest.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Arch, Guest, params};
use crate::interrupt;

/// Run a command inside a guest with cameras, codecs and dma-buf heaps.
#[derive(clap::Args)]
#[command(after_help = "\
The x86_64 guest sees the host's files read-only, so COMMAND is any program of the host.
The aarch64 guest sees no file of the host: if COMMAND is a path, that file (a static program or
a shell script) is copied in; --file copies more. COMMAND runs in the project's folder (x86_64) or
in /rig (aarch64).
Exit status: that of COMMAND; 1 with a message when the guest itself failed.")]
pub(crate) struct Args {
    /// The guest's architecture
    #[arg(long, value_enum, default_value = "x86_64")]
    arch: Arch,
    /// Parameters of kernel modules: 'vivid.n_devs=2 vicodec.multiplanar=2'
    #[arg(long, value_name = "MODULE.NAME=VALUE")]
    param: Vec<String>,
    /// Seconds after which the guest is stopped
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Copy a file to /rig in the guest (aarch64)
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// Set an environment variable in the guest
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    env: Vec<(String, String)>,
    /// Host folder that is VIDEOSTREAM_RIG_OUT in the guest [default: target/rig/out]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Fetch and build what the guest needs, and run nothing
    #[arg(long)]
    prepare_only: bool,
    /// The command and its arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<String>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value))
            if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') =>
        {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Runs the command; its exit status is the result.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut guest = Guest::prepare(args.arch)?;
    if args.prepare_only {
        return Ok(0);
    }
    if args.command.is_empty() {
        bail!("no command given: cargo xtask vm [OPTIONS] -- COMMAND...");
    }
    guest.params = params::parse(&args.param.join(" "))?;
    guest.timeout = Duration::from_secs(args.timeout);
    guest.env.extend(args.env.iter().cloned());
    guest.out = args.out.clone();
    for file in &args.file {
        guest.copy(file)?;
    }
    interrupt::listen()?;
    let script = guest.command(&args.command)?;
    guest.run(&script, &mut io::stdout(), &mut io::stderr())
}
