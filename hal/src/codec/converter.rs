//! A converter: takes pictures through `Output` and returns them through `Capture` scaled, cropped,
//! or in another format.

use core::cell::Cell;

use super::setup::{refused_rectangle, set_format};
use super::{Buffers, FinishedBuffer, M2m};
use crate::v4l2::queue::Content;
use crate::v4l2::{BufType, Device, PixFormat, Ready, Rounding, SelectionRect, SelectionTarget};
use crate::{Error, ErrorKind};

/// What to request of a converter.
#[derive(Clone, Copy, Debug)]
pub struct ConverterRequest {
    /// Format of the input pictures ([`PixFormat::new`]).
    pub from: PixFormat,
    /// Format of the output pictures.
    pub to: PixFormat,
    /// The part of the input to read; `None` for all of it.
    pub crop: Option<SelectionRect>,
    /// The part of the output to write; `None` for all of it.
    pub compose: Option<SelectionRect>,
}

/// A device that converts pictures, one result for each.
///
/// [`Converter::m2m`] has the queues and their buffers. Results arrive in the order in which
/// pictures were submitted, with their timestamps in whole microseconds.
#[derive(Debug)]
pub struct Converter {
    m2m: M2m,
    from: PixFormat,
    to: PixFormat,
    crop: Option<SelectionRect>,
    compose: Option<SelectionRect>,
    pending: Cell<u32>,
}

impl Converter {
    /// Sets the formats and rectangles of a device and checks how the driver adjusted them.
    ///
    /// # Errors
    /// - [`Error::NoFormat`]: the device does not have one of the formats.
    /// - [`Error::PictureSize`], [`Error::Rectangle`]: it does not support one of the sizes or
    ///   rectangles.
    /// - [`Error::WrongKind`]: it is not a memory-to-memory device.
    pub fn new(device: Device, request: &ConverterRequest) -> Result<Self, Error> {
        let m2m = M2m::new(device)?;
        let device = m2m.device();
        let (output, capture) = (m2m.output().buf_type(), m2m.capture().buf_type());
        let from = exact(device, output, &request.from)?;
        let to = exact(device, capture, &request.to)?;
        // Some drivers keep both queues alike, so setting the second format may change the first.
        let from = if device.format(output)? == from {
            from
        } else {
            return Err(size_refused(&request.to));
        };
        let rect = |buf_type, target, requested: Option<SelectionRect>| match requested {
            Some(requested) => set_rect(device, buf_type, target, requested).map(Some),
            None => Ok(None),
        };
        let crop = rect(output, SelectionTarget::Crop, request.crop)?;
        let compose = rect(capture, SelectionTarget::Compose, request.compose)?;
        Ok(Self {
            m2m,
            from,
            to,
            crop,
            compose,
            pending: Cell::new(0),
        })
    }

    /// Allocates both queues. Imported buffers need their memory next, those of the capture queue
    /// before [`Converter::start`].
    ///
    /// # Errors
    /// Those of [`reqbufs`](crate::v4l2::ioctl::reqbufs).
    pub fn allocate(&mut self, from: Buffers, to: Buffers) -> Result<(), Error> {
        self.m2m.allocate_output(from)?;
        self.m2m.allocate_capture(to)
    }

    /// Returns both queues, for free buffers, waiting, and access to the device.
    #[must_use]
    pub const fn m2m(&self) -> &M2m {
        &self.m2m
    }

    /// Returns both queues, to give their buffers memory.
    pub const fn m2m_mut(&mut self) -> &mut M2m {
        &mut self.m2m
    }

    /// Queues the capture buffers and starts both queues.
    ///
    /// # Errors
    /// Those of [`qbuf`](crate::v4l2::ioctl::qbuf) and [`streamon`](crate::v4l2::ioctl::streamon).
    pub fn start(&mut self) -> Result<(), Error> {
        self.m2m.start_output()?;
        self.m2m.start_capture()
    }

    /// Stops both queues and frees the buffers; the formats stay.
    ///
    /// # Errors
    /// Those of stopping a queue and freeing its buffers.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.pending.set(0);
        self.m2m.stop_all()
    }

    /// Returns the format of the input pictures.
    #[must_use]
    pub const fn input_format(&self) -> &PixFormat {
        &self.from
    }

    /// Returns the format of the output pictures.
    #[must_use]
    pub const fn result_format(&self) -> &PixFormat {
        &self.to
    }

    /// Returns the part of the input that is read; `None` if none was requested.
    #[must_use]
    pub const fn crop(&self) -> Option<SelectionRect> {
        self.crop
    }

    /// Returns the part of the output that is written; `None` if none was requested.
    #[must_use]
    pub const fn compose(&self) -> Option<SelectionRect> {
        self.compose
    }

    /// Returns the number of submitted pictures whose results were not taken yet.
    #[must_use]
    pub const fn pending(&self) -> u32 {
        self.pending.get()
    }

    /// Submits a free buffer with a picture.
    ///
    /// # Errors
    /// Those of [`M2m::submit`].
    pub fn submit(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        self.m2m.submit(index, content)?;
        self.pending.set(self.pending.get() + 1);
        Ok(())
    }

    /// Returns the next result if it is finished; never blocks.
    ///
    /// # Errors
    /// - [`ErrorKind::NotReady`][]: no result is finished.
    /// - [`ErrorKind::StreamFailed`]: the driver failed.
    /// - [`ErrorKind::Disconnected`]: the device was unplugged.
    pub fn take_picture(&self) -> Result<FinishedBuffer<'_>, Error> {
        let picture = self.m2m.take()?;
        self.pending.set(self.pending.get().saturating_sub(1));
        Ok(picture)
    }

    /// Waits for the next result.
    ///
    /// # Errors
    /// Those of [`Converter::take_picture`], where [`ErrorKind::NotReady`] means that nothing is
    /// pending; [`Error::TimedOut`] at the deadline.
    pub fn next_picture(&self, deadline_ns: Option<u64>) -> Result<FinishedBuffer<'_>, Error> {
        loop {
            match self.take_picture() {
                Err(error) if error.kind() == ErrorKind::NotReady && self.pending() > 0 => {}
                result => return result,
            }
            let ready = self.m2m.wait(Ready::CAPTURE, deadline_ns)?;
            // On an error alone, poll would keep returning at once: let the dequeue report it.
            if ready.contains(Ready::ERROR) && !ready.contains(Ready::CAPTURE) {
                return self.take_picture();
            }
        }
    }
}

/// Sets a format whose code and size the driver must not change.
fn exact(device: &Device, buf_type: BufType, requested: &PixFormat) -> Result<PixFormat, Error> {
    let format = set_format(device, buf_type, requested)?;
    if (format.width, format.height) == (requested.width, requested.height) {
        Ok(format)
    } else {
        Err(size_refused(requested))
    }
}

fn size_refused(requested: &PixFormat) -> Error {
    Error::PictureSize {
        width: requested.width,
        height: requested.height,
    }
}

fn set_rect(
    device: &Device,
    buf_type: BufType,
    target: SelectionTarget,
    requested: SelectionRect,
) -> Result<SelectionRect, Error> {
    let refused = refused_rectangle(requested);
    match device.set_selection(buf_type, target, Rounding::Nearest, requested) {
        Ok(set) if set == requested => Ok(set),
        Ok(_) => Err(refused),
        Err(error) => match error.kind() {
            ErrorKind::NotSupported | ErrorKind::InvalidArgument => Err(refused),
            _ => Err(error),
        },
    }
}
