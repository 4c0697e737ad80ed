//! Handing pictures to an encoder, and taking its packets.

use std::os::fd::{AsRawFd, BorrowedFd};

use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::encode::{self, CodecError};
use videostream::hal::format::{Layout, PlaneLayout};
use videostream::hal::time::deadline_in;
use videostream::{DmaBufPicture, jpeg};

use crate::convert::{Pixels, Worker};
use crate::error::{Kind, codec_error, raise, to_python};
use crate::frame::{Frame, no_descriptor};
use crate::memory::parts;

/// How long to wait for a device that must deliver a packet first, in nanoseconds.
pub(super) const PACKET_TIMEOUT_NS: u64 = 1_000_000_000;

/// Receives packets.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(&encode::Packet<'_>) -> PyResult<()>;

/// Gives `encoder` a picture, and `sink` the packets that are ready. A device reads the picture in
/// place if it can, and has read it when this returns.
pub(super) fn submit(
    encoder: &mut encode::Encoder,
    pixels: &Pixels<'_>,
    pts_ns: u64,
    sink: Sink<'_>,
) -> PyResult<()> {
    let is_jpeg = jpeg::is_jpeg(pixels.like()?.0);
    let mut reading = None;
    repeat(encoder, sink, |encoder| match pixels {
        Pixels::Frame(frame) if encoder.device().is_some() && !is_jpeg => {
            let submitted = with_dmabuf(frame, |picture| encoder.submit_dmabuf(picture, pts_ns))?;
            Ok(submitted.map(|submitted| reading = Some(submitted)))
        }
        _ => pixels.see(|picture| match is_jpeg {
            true => Worker::with(|worker| {
                worker.unpacked(picture, |picture| Ok(encoder.submit(picture, pts_ns)))
            }),
            false => Ok(encoder.submit(picture, pts_ns)),
        }),
    })?;
    if let Some(reading) = reading {
        repeat(
            encoder,
            sink,
            |encoder| Ok(encoder.finish_reading(&reading)),
        )?;
    }
    drain(encoder, sink)
}

/// Calls `act` until the encoder has room, taking packets in between.
pub(super) fn repeat(
    encoder: &mut encode::Encoder,
    sink: Sink<'_>,
    mut act: impl FnMut(&mut encode::Encoder) -> PyResult<Result<(), CodecError>>,
) -> PyResult<()> {
    loop {
        match act(encoder)? {
            Err(CodecError::OutputWaiting) => {
                let ready = encoder.wait(deadline_in(PACKET_TIMEOUT_NS));
                if !ready.map_err(|e| codec_error(&e))? {
                    let why = "the encoder accepts no picture and delivers no packet";
                    return Err(raise(Kind::Other, Errno::TIMEDOUT, why, None));
                }
                drain(encoder, sink)?;
            }
            result => return result.map_err(|e| codec_error(&e)),
        }
    }
}

pub(super) fn drain(encoder: &mut encode::Encoder, sink: Sink<'_>) -> PyResult<()> {
    while let Some(packet) = encoder.receive().map_err(|e| codec_error(&e))? {
        sink(&packet)?;
    }
    Ok(())
}

/// Returns the layout of a frame's planes.
pub(super) fn layout_of(frame: &Frame) -> Layout {
    let d = &frame.current_descriptor();
    let fourcc = frame.info().fourcc();
    let mut layout = Layout::opaque(fourcc, d.width, d.height, 0, d.bytes_used);
    layout.plane_count = d.planes().len();
    for (to, plane) in layout.planes.iter_mut().zip(d.planes()) {
        *to = PlaneLayout {
            offset: plane.offset,
            stride: plane.stride,
            size: plane.size,
            memory: 0,
        };
    }
    layout
}

/// Calls `act` with the memory of a frame, for a device that reads it in place.
pub(crate) fn with_dmabuf<T>(
    frame: &Frame,
    act: impl FnOnce(&DmaBufPicture<'_>) -> T,
) -> PyResult<T> {
    let owner = frame.shared().memory()?;
    let memory = owner.get()?;
    let mut layout = layout_of(frame);
    let parts = parts(&owner)?;
    let count = layout.plane_count;
    for (at, plane) in layout.planes.iter_mut().enumerate().take(count) {
        let (fd, offset) = memory.plane_fd(at).ok_or_else(no_descriptor)?;
        let is_same = |part: &BorrowedFd<'_>| part.as_raw_fd() == fd.as_raw_fd();
        let part = parts.iter().position(is_same).unwrap_or(0);
        (plane.memory, plane.offset) = (part as u32, offset);
    }
    let picture = DmaBufPicture::new(&layout, &parts).map_err(|e| to_python(e.into()))?;
    Ok(act(&picture))
}
