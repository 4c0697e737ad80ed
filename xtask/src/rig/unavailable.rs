//! Marks errors of what a machine lacks, as opposed to what has gone wrong.

use std::fmt;

/// Marks an error: a package, an archive or an emulator is not available here. Tests that need
/// the guest are then skipped. Without this mark (a driver that cannot be built, a module that
/// is gone) they fail.
#[derive(Debug)]
pub(crate) struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not available here")
    }
}

impl Unavailable {
    /// Whether `error` bears the mark.
    pub(crate) fn marks(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Self>().is_some()
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, Result, bail};

    use super::*;

    #[test]
    fn the_mark_is_found_below_other_errors() {
        let fails = || -> Result<()> { bail!("no route") };
        let fetch = fails().context(Unavailable).context("the guest");
        assert!(Unavailable::marks(&fetch.unwrap_err()));
        let build = fails().context("the build").context("the guest");
        assert!(!Unavailable::marks(&build.unwrap_err()));
    }
}
