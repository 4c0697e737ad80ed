//! Compressed data to decode: packets, frames of packets, and bytes.

use pyo3::prelude::*;
use videostream::encode::Codec;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::jpeg;

use crate::convert::bytes_of;
use crate::frame::Frame;
use crate::packet::{Packet, bytes_like};

/// What is known of a packet besides its bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Stamp {
    pub(super) pts_ns: Option<i64>,
    pub(super) timestamp_ns: u64,
    pub(super) sequence: u64,
    pub(super) duration_ns: u64,
}

/// Compressed data, with its owner.
pub(super) enum Input<'py> {
    Packet(Bound<'py, Packet>),
    Frame(Bound<'py, Frame>),
    Bytes(Vec<u8>),
}

/// Compressed data that can be used without the GIL.
#[derive(Clone, Copy)]
pub(super) enum Data<'a> {
    Packet(&'a Packet),
    Frame(&'a Frame),
    Bytes(&'a [u8]),
}

impl<'py> Input<'py> {
    pub(super) fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(packet) = object.cast::<Packet>() {
            return Ok(Self::Packet(packet.clone()));
        }
        if let Ok(frame) = object.cast::<Frame>() {
            return Ok(Self::Frame(frame.clone()));
        }
        Ok(Self::Bytes(bytes_like("packet", object)?))
    }

    pub(super) fn data(&self) -> Data<'_> {
        match self {
            Self::Packet(packet) => Data::Packet(packet.get()),
            Self::Frame(frame) => Data::Frame(frame.get()),
            Self::Bytes(bytes) => Data::Bytes(bytes),
        }
    }
}

impl Data<'_> {
    /// Returns the codec, if the data declares one.
    pub(super) fn codec(self) -> Option<Codec> {
        match self {
            Self::Packet(packet) => Some(packet.kind()),
            Self::Frame(frame) if jpeg::is_jpeg(frame.info().fourcc()) => Some(Codec::Mjpeg),
            Self::Frame(frame) => Codec::of_packets(frame.info().fourcc()),
            Self::Bytes(_) => None,
        }
    }

    pub(super) fn stamp(self) -> Stamp {
        match self {
            Self::Packet(packet) => Stamp {
                pts_ns: i64::try_from(packet.shown_ns()).ok(),
                ..Stamp::default()
            },
            Self::Frame(frame) => {
                let descriptor = &frame.info().descriptor;
                Stamp {
                    pts_ns: Some(descriptor.pts_ns).filter(|time| *time != NO_TIME),
                    timestamp_ns: descriptor.timestamp_ns,
                    sequence: descriptor.sequence,
                    duration_ns: descriptor.duration_ns,
                }
            }
            Self::Bytes(_) => Stamp::default(),
        }
    }

    pub(super) fn see<T>(self, look: impl FnOnce(&[u8]) -> PyResult<T>) -> PyResult<T> {
        match self {
            Self::Packet(packet) => look(packet.data()),
            Self::Frame(frame) => frame.see(|picture| look(bytes_of(picture))),
            Self::Bytes(bytes) => look(bytes),
        }
    }
}
