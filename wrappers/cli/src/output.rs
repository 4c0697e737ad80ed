//! Results go to standard output, remarks and errors to standard error.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::failure::{Failure, GENERAL};

/// How much is said, and how.
#[derive(clap::Args)]
pub(crate) struct Output {
    /// Say more: what was chosen and why, every frame
    #[arg(
        short,
        long,
        global = true,
        help_heading = "Output",
        display_order = 900
    )]
    verbose: bool,
    /// Say nothing but results and errors
    #[arg(
        short,
        long,
        global = true,
        help_heading = "Output",
        display_order = 900
    )]
    quiet: bool,
    /// Print results as JSON on standard output
    #[arg(long, global = true, help_heading = "Output", display_order = 901)]
    pub(crate) json: bool,
}

impl Output {
    /// A remark, unless they are unwanted.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// Whether nothing but results is wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether details are wanted.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose && !self.quiet
    }

    /// A remark for those who want to know more.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.is_verbose() {
            to_stderr(text);
        }
    }

    /// Lines of a result.
    pub(crate) fn print(&self, text: impl Display) -> Result<(), Failure> {
        print(format_args!("{text}\n"))
    }

    /// A result as indented JSON.
    pub(crate) fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value);
        self.print(text.map_err(|error| Failure::new(GENERAL, error))?)
    }
}

/// Writes to standard output at once.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::new(GENERAL, format_args!("standard output: {error}")),
        })
}

/// The line that says why the command failed.
pub(crate) fn error(message: &str) {
    to_stderr(format_args!("error: {message}"));
}

fn to_stderr(text: impl Display) {
    // In one call: lines of several processes stay whole. Where nobody can be told, nobody is.
    let line = format!("{text}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
