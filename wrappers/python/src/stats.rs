//! Counters as dicts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use videostream::share::{ClientStatus, Mode, Report, Stats};

/// What a client learns of its host.
pub(crate) fn of_report<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let host = &report.host;
    let dict = PyDict::new(py);
    dict.set_item("slots", host.slots)?;
    dict.set_item("lent", host.lent)?;
    dict.set_item("lend", host.lend)?;
    dict.set_item("serial", host.head)?;
    dict.set_item("newest_ns", host.newest_ns)?;
    dict.set_item("blocked", host.blocked)?;
    dict.set_item("sensor_drops", host.sensor_drops)?;
    dict.set_item("no_buffer_drops", host.no_buffer_drops)?;
    dict.set_item("refused", host.refused)?;
    dict.set_item("evicted", host.evicted)?;
    dict.set_item("left", host.left)?;
    let clients = PyList::empty(py);
    for client in &report.clients {
        clients.append(of_client(py, client)?)?;
    }
    dict.set_item("clients", clients)?;
    Ok(dict)
}

/// What is known of a client.
pub(crate) fn of_client<'py>(
    py: Python<'py>,
    client: &ClientStatus,
) -> PyResult<Bound<'py, PyDict>> {
    let one = PyDict::new(py);
    one.set_item("client", client.client)?;
    one.set_item("pid", client.pid)?;
    one.set_item("uid", client.uid)?;
    let mode = match client.mode {
        Mode::Newest => "newest",
        Mode::Every => "every",
    };
    one.set_item("mode", mode)?;
    one.set_item("hold", client.hold)?;
    one.set_item("held", client.held)?;
    one.set_item("acquired", client.acquired)?;
    one.set_item("missed", client.missed)?;
    one.set_item("serial", client.last_serial)?;
    Ok(one)
}

/// What a host has counted.
pub(crate) fn of_host<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("published", stats.published)?;
    dict.set_item("blocked", stats.blocked)?;
    dict.set_item("refused", stats.refused)?;
    dict.set_item("evicted", stats.evicted)?;
    dict.set_item("left", stats.left)?;
    dict.set_item("sensor_drops", stats.sensor_drops)?;
    dict.set_item("no_buffer_drops", stats.no_buffer_drops)?;
    Ok(dict)
}
