//! The options of a host, read from keyword arguments.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use videostream::share::{self, Access, Exports, HostBuilder, Policy};

use crate::error::invalid;
use crate::wait::nanoseconds;

/// Builds a host from keyword arguments.
pub(crate) fn builder(
    path: &PathBuf,
    lend: u32,
    mode: u32,
    policy: &str,
    lease: Option<f64>,
    access: Option<&Bound<'_, PyAny>>,
    writable: bool,
) -> PyResult<HostBuilder> {
    let policy = match policy {
        "newest" => Policy::Newest,
        "until-expiry" => Policy::UntilExpiry,
        "never-drop" => Policy::NeverDrop,
        other => {
            return Err(invalid(format!(
                "policy={other:?}: expected \"newest\", \"until-expiry\" or \"never-drop\""
            )));
        }
    };
    let mut builder = share::Host::builder(path)
        .max_outstanding(lend)
        .mode(mode)
        .policy(policy);
    if let Some(seconds) = lease {
        builder = builder.lease(Duration::from_nanos(nanoseconds("lease", seconds)?));
    }
    if writable {
        builder = builder.exports(Exports::Writable);
    }
    if let Some(access) = access {
        builder = builder.access(parse_access(access)?);
    }
    Ok(builder)
}

fn parse_access(access: &Bound<'_, PyAny>) -> PyResult<Access> {
    let expected = "expected \"same-user\", \"anyone\" or {\"uids\": […], \"gids\": […]}";
    if let Ok(word) = access.extract::<String>() {
        return match word.as_str() {
            "same-user" => Ok(Access::SameUser),
            "anyone" => Ok(Access::Anyone),
            _ => Err(invalid(format!("access={word:?}: {expected}"))),
        };
    }
    let Ok(lists) = access.cast::<PyDict>() else {
        return Err(PyTypeError::new_err(format!("access={access}: {expected}")));
    };
    let list = |name: &str| -> PyResult<Vec<u32>> {
        let ids = lists.get_item(name)?;
        ids.map_or(Ok(Vec::new()), |ids| ids.extract())
    };
    let (uids, gids) = (list("uids")?, list("gids")?);
    let too_many = |_| invalid("access: too many users or groups");
    Ok(Access::Listed {
        uids: uids.as_slice().try_into().map_err(too_many)?,
        gids: gids.as_slice().try_into().map_err(too_many)?,
    })
}
