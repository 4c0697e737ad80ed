//! Packets: encoded pictures.

#![expect(unsafe_code, reason = "the buffer protocol of C")]

use std::ffi::{c_int, c_void};

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use videostream::encode::{self, Codec};

use crate::error::invalid;

/// An encoded picture: its bytes and times.
///
/// It supports the buffer protocol: `bytes(packet)`, `memoryview(packet)`. The bytes are an Annex B
/// byte stream with parameter sets in front of key frames, or a JPEG image. Encoders return
/// packets; `Packet(data, codec)` creates one from the bytes of exactly one picture.
#[pyclass(module = "videostream", frozen, weakref)]
pub(crate) struct Packet {
    codec: Codec,
    bytes: Vec<u8>,
    /// Length of the parameter sets at the start.
    sets: usize,
    is_key: bool,
    pts_ns: u64,
    dts_ns: u64,
}

impl From<&encode::Packet<'_>> for Packet {
    fn from(packet: &encode::Packet<'_>) -> Self {
        Self {
            codec: packet.codec(),
            bytes: packet.annex_b().to_vec(),
            sets: packet.parameter_sets().len(),
            is_key: packet.is_key(),
            pts_ns: packet.pts_ns(),
            dts_ns: packet.dts_ns(),
        }
    }
}

impl Packet {
    /// Returns it as the library's type.
    pub(crate) fn inner(&self) -> encode::Packet<'_> {
        encode::Packet::new(self.codec, &self.bytes, self.pts_ns, self.dts_ns)
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn kind(&self) -> Codec {
        self.codec
    }

    pub(crate) fn shown_ns(&self) -> u64 {
        self.pts_ns
    }
}

/// Arguments of `Packet`, for pickling.
type Fields<'py> = (Bound<'py, PyBytes>, &'static str, u64, u64);

/// Parses a codec by name.
pub(crate) fn parse_codec(name: &str) -> PyResult<Codec> {
    Codec::from_name(name).ok_or_else(|| {
        invalid(format!(
            "codec={name:?}: expected \"h264\", \"h265\" or \"mjpeg\""
        ))
    })
}

#[pymethods]
impl Packet {
    #[new]
    #[pyo3(signature = (data, codec = "h264", pts_ns = 0, dts_ns = None))]
    fn new(
        data: &Bound<'_, PyAny>,
        codec: &str,
        pts_ns: u64,
        dts_ns: Option<u64>,
    ) -> PyResult<Self> {
        let bytes = bytes_like("data", data)?;
        let dts_ns = dts_ns.unwrap_or(pts_ns);
        let codec = parse_codec(codec)?;
        let packet = encode::Packet::new(codec, &bytes, pts_ns, dts_ns);
        let (sets, is_key) = (packet.parameter_sets().len(), packet.is_key());
        Ok(Self {
            codec,
            bytes,
            sets,
            is_key,
            pts_ns,
            dts_ns,
        })
    }

    /// The codec: "h264", "h265", "mjpeg".
    #[getter]
    fn codec(&self) -> &'static str {
        self.codec.name()
    }

    /// Presentation time in nanoseconds.
    #[getter]
    fn pts_ns(&self) -> u64 {
        self.pts_ns
    }

    /// Decoding time in nanoseconds.
    #[getter]
    fn dts_ns(&self) -> u64 {
        self.dts_ns
    }

    /// Presentation time in seconds.
    #[getter]
    fn pts(&self) -> f64 {
        self.pts_ns as f64 / 1e9
    }

    /// Whether decoding can start at this packet.
    #[getter]
    fn is_key(&self) -> bool {
        self.is_key
    }

    /// Parameter sets in front of the picture (SPS and PPS, for example); may be empty.
    #[getter]
    fn parameter_sets<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes[..self.sets])
    }

    fn __len__(&self) -> usize {
        self.bytes.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    /// The buffer protocol: fills in `view`.
    ///
    /// # Safety
    /// Called by the interpreter with a view to fill in.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let bytes = &slf.get().bytes;
        let start = bytes.as_ptr().cast_mut().cast::<c_void>();
        let len = bytes.len().cast_signed();
        // SAFETY: the view keeps a reference to the packet, whose bytes stay where they are and are
        // marked as read-only.
        let result = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len, 1, flags) };
        match result {
            0 => Ok(()),
            _ => Err(PyErr::fetch(slf.py())),
        }
    }

    /// Pickles the packet with its bytes.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Fields<'py>)> {
        let packet = slf.get();
        let bytes = PyBytes::new(slf.py(), &packet.bytes);
        let fields = (bytes, packet.codec(), packet.pts_ns, packet.dts_ns);
        Ok((slf.get_type().into_any(), fields))
    }

    fn __repr__(&self) -> String {
        let key = if self.is_key { " key frame" } else { "" };
        format!(
            "<videostream.Packet {}{key} {} bytes pts={:.6}>",
            self.codec.name(),
            self.bytes.len(),
            self.pts()
        )
    }
}

/// Copies the bytes of an object with the buffer protocol.
pub(crate) fn bytes_like(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let py = object.py();
    let wrong = |cause: PyErr| {
        let error =
            PyTypeError::new_err(format!("{name}: expected bytes, not {}", object.get_type()));
        error.set_cause(py, Some(cause));
        error
    };
    let view = pyo3::types::PyMemoryView::from(object).map_err(wrong)?;
    let copy = view.call_method0("tobytes")?;
    Ok(copy
        .cast::<PyBytes>()
        .map_err(PyErr::from)?
        .as_bytes()
        .to_vec())
}
