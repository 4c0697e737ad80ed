//! Counters as dicts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use videostream::share::{ClientStatus, Mode, Report, Stats};

/// Makes a dict of a structure's fields, under their own names.
macro_rules! dict {
    ($py:expr, $of:ident: $($field:ident),+ $(,)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item(stringify!($field), $of.$field)?;)+
        dict
    }};
}

/// Makes the dict of a client's `stats()`.
pub(crate) fn of_report<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let host = &report.host;
    let dict = dict!(
        py, host: slots, lent, newest_ns, blocked, sensor_drops, no_buffer_drops, refused, evicted,
        left,
    );
    dict.set_item("lend", host.max_outstanding)?;
    dict.set_item("serial", host.head)?;
    let clients = PyList::empty(py);
    for client in &report.clients {
        clients.append(of_client(py, client)?)?;
    }
    dict.set_item("clients", clients)?;
    Ok(dict)
}

/// Makes the dict of one client.
pub(crate) fn of_client<'py>(
    py: Python<'py>,
    client: &ClientStatus,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = dict!(py, client: client, pid, uid, hold, held, acquired, missed);
    dict.set_item("serial", client.last_serial)?;
    let mode = match client.mode {
        Mode::Newest => "newest",
        Mode::Every => "every",
    };
    dict.set_item("mode", mode)?;
    Ok(dict)
}

/// Makes the dict of a host's counters.
pub(crate) fn of_host<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    Ok(dict!(
        py, stats: published, blocked, refused, evicted, left, sensor_drops, no_buffer_drops,
    ))
}
