//! Output: results to standard output, notes and errors to standard error.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::failure::{Failure, GENERAL};

/// Options for the amount and form of output.
#[derive(clap::Args)]
pub(crate) struct Output {
    /// Print details: what was chosen and why, and every frame
    #[arg(
        short,
        long,
        global = true,
        help_heading = "Output",
        display_order = 900
    )]
    verbose: bool,
    /// Print only results and errors
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
    /// Prints a note, unless `--quiet`.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// Returns whether only results and errors are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Returns whether details are wanted.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose && !self.quiet
    }

    /// Prints a note with `--verbose`.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.is_verbose() {
            to_stderr(text);
        }
    }

    /// Prints lines of a result.
    pub(crate) fn print(&self, text: impl Display) -> Result<(), Failure> {
        print(format_args!("{text}\n"))
    }

    /// Prints a result as indented JSON.
    pub(crate) fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value);
        self.print(text.map_err(|error| Failure::new(GENERAL, error))?)
    }
}

/// Writes to standard output and flushes it.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::new(GENERAL, format_args!("standard output: {error}")),
        })
}

/// Prints the error that ends the command.
pub(crate) fn error(message: &str) {
    to_stderr(format_args!("error: {message}"));
}

fn to_stderr(text: impl Display) {
    // In one call, so that lines of several processes don't mix. An error can't be reported.
    let line = format!("{text}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
