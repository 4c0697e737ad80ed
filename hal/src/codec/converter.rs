//! A converter: pictures in through `Output`, scaled, cropped or in other colours out through
//! `Capture`.

use core::cell::Cell;
use core::ops::Deref;

use super::setup::set_format;
use super::{Buffers, Done, M2m};
use crate::v4l2::queue::Content;
use crate::v4l2::{
    BufType, Device, Error, ErrorKind, PixFormat, Ready, Rounding, SelectionRect, SelectionTarget,
};

/// What a converter is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ConverterWishes {
    /// Pictures that go in ([`PixFormat::wish`]).
    pub from: PixFormat,
    /// Pictures that come out.
    pub to: PixFormat,
    /// The part that is taken; `None` for all.
    pub crop: Option<SelectionRect>,
    /// The part that is written; `None` for all.
    pub compose: Option<SelectionRect>,
}

/// A device that makes one picture of each picture.
///
/// Reads as its [`M2m`], which has the queues and their buffers. Results come in the order in
/// which pictures were submitted, with their timestamps in whole microseconds.
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
    /// Sets formats and rectangles of a device; each is read back.
    ///
    /// # Errors
    /// - [`Error::NoFormat`]: not one of its formats.
    /// - [`Error::Argument`]: it cannot take or make pictures of this size, or not this part.
    /// - [`Error::WrongKind`]: the device is no memory-to-memory device.
    pub fn new(device: Device, wishes: &ConverterWishes) -> Result<Self, Error> {
        let m2m = M2m::new(device)?;
        let device = m2m.device();
        let (output, capture) = (m2m.output().buf_type(), m2m.capture().buf_type());
        let from = exact(device, output, &wishes.from)?;
        let to = exact(device, capture, &wishes.to)?;
        // Some drivers make both queues alike.
        let from = if device.format(output)? == from {
            from
        } else {
            return Err(size_refused(&wishes.to));
        };
        let rect = |buf_type, target, wish: Option<SelectionRect>| match wish {
            Some(wish) => set_rect(device, buf_type, target, wish).map(Some),
            None => Ok(None),
        };
        let crop = rect(output, SelectionTarget::Crop, wishes.crop)?;
        let compose = rect(capture, SelectionTarget::Compose, wishes.compose)?;
        Ok(Self {
            m2m,
            from,
            to,
            crop,
            compose,
            pending: Cell::new(0),
        })
    }

    /// Allocates both queues. Buffers that are imported or lent get their memory next, those of
    /// the capture queue before [`Converter::start`].
    ///
    /// # Errors
    /// Those of [`reqbufs`](crate::v4l2::ioctl::reqbufs).
    pub fn allocate(&mut self, from: Buffers, to: Buffers) -> Result<(), Error> {
        self.m2m.allocate_output(from)?;
        self.m2m.allocate_capture(to)
    }

    /// Both queues, to give their buffers memory.
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

    /// Ends the stream and frees the buffers; formats stay.
    ///
    /// # Errors
    /// Those of stopping a queue and freeing its buffers.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.pending.set(0);
        self.m2m.stop_all()
    }

    /// The format of pictures that go in.
    #[must_use]
    pub const fn input_format(&self) -> &PixFormat {
        &self.from
    }

    /// The format of pictures that come out.
    #[must_use]
    pub const fn result_format(&self) -> &PixFormat {
        &self.to
    }

    /// The part that is taken; `None` where none was asked for.
    #[must_use]
    pub const fn crop(&self) -> Option<SelectionRect> {
        self.crop
    }

    /// The part that is written; `None` where none was asked for.
    #[must_use]
    pub const fn compose(&self) -> Option<SelectionRect> {
        self.compose
    }

    /// Pictures submitted whose results were not taken.
    #[must_use]
    pub const fn pending(&self) -> u32 {
        self.pending.get()
    }

    /// Hands a free buffer with a picture to the hardware.
    ///
    /// # Errors
    /// Those of [`M2m::submit`].
    pub fn submit(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        self.m2m.submit(index, content)?;
        self.pending.set(self.pending.get() + 1);
        Ok(())
    }

    /// The next result if there is one; never waits.
    ///
    /// # Errors
    /// - [`ErrorKind::NotReady`][]: none.
    /// - [`ErrorKind::StreamFailed`], [`ErrorKind::Disconnected`]: the driver gave up, unplugged.
    pub fn take_picture(&self) -> Result<Done<'_>, Error> {
        let picture = self.m2m.take()?;
        self.pending.set(self.pending.get().saturating_sub(1));
        Ok(picture)
    }

    /// The next result.
    ///
    /// # Errors
    /// Those of [`Converter::take_picture`], where [`ErrorKind::NotReady`] means that nothing is
    /// pending; [`Error::TimedOut`] at the deadline.
    pub fn next_picture(&self, deadline_ns: Option<u64>) -> Result<Done<'_>, Error> {
        loop {
            match self.take_picture() {
                Err(error) if error.kind() == ErrorKind::NotReady && self.pending() > 0 => {}
                result => return result,
            }
            let ready = self.m2m.wait(Ready::CAPTURE, deadline_ns)?;
            if ready.contains(Ready::ERROR) && !ready.contains(Ready::CAPTURE) {
                return self.take_picture();
            }
        }
    }
}

impl Deref for Converter {
    type Target = M2m;

    fn deref(&self) -> &M2m {
        &self.m2m
    }
}

/// Sets a format whose code and size must come out as they went in.
fn exact(device: &Device, buf_type: BufType, wish: &PixFormat) -> Result<PixFormat, Error> {
    let format = set_format(device, buf_type, wish)?;
    if (format.width, format.height) == (wish.width, wish.height) {
        Ok(format)
    } else {
        Err(size_refused(wish))
    }
}

fn size_refused(wish: &PixFormat) -> Error {
    Error::Argument {
        name: "picture size (width << 32 | height)",
        value: u64::from(wish.width) << 32 | u64::from(wish.height),
    }
}

fn set_rect(
    device: &Device,
    buf_type: BufType,
    target: SelectionTarget,
    wish: SelectionRect,
) -> Result<SelectionRect, Error> {
    let refused = Error::Argument {
        name: "rectangle (width << 32 | height)",
        value: u64::from(wish.width) << 32 | u64::from(wish.height),
    };
    match device.set_selection(buf_type, target, Rounding::Nearest, wish) {
        Ok(set) if set == wish => Ok(set),
        Ok(_) => Err(refused),
        Err(error) => match error.kind() {
            ErrorKind::NotSupported | ErrorKind::InvalidArgument => Err(refused),
            _ => Err(error),
        },
    }
}
