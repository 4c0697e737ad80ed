//! Failures of guests before their command started, after which a boot is tried again.

use std::fmt;

/// Marks an error: the guest's kernel ended before it had started the command. The emulator now and
/// then runs an instruction that the kernel has just replaced (on a processor that was not told in
/// time), and the kernel stops for good. Nothing of the command has run, so booting again repeats
/// nothing.
#[derive(Debug)]
pub(crate) struct NotStarted;

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the guest did not start")
    }
}

impl NotStarted {
    /// Whether `error` bears the mark.
    pub(crate) fn marks(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Self>().is_some()
    }
}
