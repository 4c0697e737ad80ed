//! Input of pictures into a device: copied into its memory, or imported.

use std::os::fd::BorrowedFd;

use videostream_hal::codec::{Buffers, EncoderState, fit};
use videostream_hal::format::{Layout, MAX_PLANES};
use videostream_hal::memory::{Access, memfd};
use videostream_hal::v4l2::queue::{Content, MAX_BUFFERS};
use videostream_hal::v4l2::{Error, ErrorKind, Memory, Ready};

use super::V4l2;
use crate::Picture;
use crate::codec::{BUFFERS, MappedBuffers, stall_deadline};
use crate::encode::{CodecError, CopyReason};
use crate::picture::DmaBufPicture;

/// Buffers for imported memory: as many as cameras have, so that each is imported once.
const PLACES: u32 = 16;

/// The memory that pictures are in.
#[derive(Debug)]
pub(super) enum Input {
    /// Memory of the device, and the layout in it.
    Own(MappedBuffers, Layout),
    /// Imported memory; the serial of the picture in each buffer.
    Imported(Box<[Option<u64>; MAX_BUFFERS]>),
}

/// A picture that a device reads in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::encode) struct Reading {
    index: u32,
    serial: u64,
}

impl V4l2 {
    /// Copies a picture into the device. Returns the number of bytes.
    pub(in crate::encode) fn submit(
        &mut self,
        picture: &Picture<'_>,
        pts_ns: u64,
    ) -> Result<u64, CodecError> {
        self.give_back()?;
        if !matches!(self.input, Some(Input::Own(..))) {
            self.start(Memory::Mmap)?;
        }
        self.force()?;
        let index = loop {
            if let Some(index) = self
                .encoder
                .m2m()
                .free_input()
                .map_err(|e| self.failed(e))?
            {
                break index;
            }
            self.make_room()?;
        };
        let Some(Input::Own(pages, layout)) = &mut self.input else {
            unreachable!("`start` above sets this input");
        };
        pages.draw(self.encoder.m2m(), index, layout, |target| {
            picture.copy_to(target)
        })?;
        self.enter(index, pts_ns)?;
        let planes = (0..picture.planes().len()).flat_map(|plane| picture.rows(plane));
        Ok(planes.map(|row| row.len() as u64).sum())
    }

    /// Imports a picture so that the device reads it in place. `None` if it has to be copied.
    pub(in crate::encode) fn import(
        &mut self,
        picture: &DmaBufPicture<'_>,
        pts_ns: u64,
    ) -> Result<Option<Reading>, CodecError> {
        self.give_back()?;
        if self.copying.is_some() {
            return Ok(None);
        }
        let mut parts: Vec<BorrowedFd<'_>> = Vec::with_capacity(MAX_PLANES);
        parts.extend(picture.parts());
        if let Err(misfit) = fit(self.encoder.raw_format(), picture.layout()) {
            return Ok(self.must_copy(CopyReason::Misfit(misfit)));
        }
        if !parts.iter().all(|part| memfd::is_dma_buf(*part)) {
            return Ok(self.must_copy(CopyReason::NoDmaBuf));
        }
        if !matches!(self.input, Some(Input::Imported(_))) {
            match self.start(Memory::DmaBuf) {
                Ok(()) => {}
                Err(CodecError::Device { error, .. }) if is_refusal(error) => {
                    self.encoder.stop().map_err(|e| self.failed(e))?;
                    return Ok(self.must_copy(CopyReason::Refused(error)));
                }
                Err(error) => return Err(error),
            }
        }
        self.force()?;
        let index = loop {
            match self.encoder.m2m_mut().import_for(&parts) {
                Ok(Some(index)) => break index,
                Ok(None) => self.make_room()?,
                Err(error) if is_refusal(error) => {
                    return Ok(self.must_copy(CopyReason::Refused(error)));
                }
                Err(error) => return Err(self.failed(error)),
            }
        };
        match self.enter(index, pts_ns) {
            Ok(()) => {}
            Err(CodecError::Device { error, .. }) if is_refusal(error) => {
                return Ok(self.must_copy(CopyReason::Refused(error)));
            }
            Err(error) => return Err(error),
        }
        self.serial += 1;
        let serial = self.serial;
        if let Some(Input::Imported(held)) = &mut self.input
            && let Some(holds) = held.get_mut(index as usize)
        {
            *holds = Some(serial);
        }
        Ok(Some(Reading { index, serial }))
    }

    /// Makes all later pictures copied instead of imported.
    fn must_copy(&mut self, why: CopyReason) -> Option<Reading> {
        self.copying = Some(why);
        None
    }

    /// Returns whether the device still reads a picture.
    pub(in crate::encode) fn is_reading(&mut self, reading: Reading) -> Result<bool, CodecError> {
        let Some(Input::Imported(held)) = &self.input else {
            return Ok(false);
        };
        if held.get(reading.index as usize) != Some(&Some(reading.serial)) {
            return Ok(false);
        }
        self.encoder.m2m().collect().map_err(|e| self.failed(e))?;
        Ok(!self.encoder.m2m().is_free(reading.index))
    }

    /// Waits until the device has read a picture.
    pub(in crate::encode) fn finish_reading(&mut self, reading: Reading) -> Result<(), CodecError> {
        self.give_back()?;
        while self.is_reading(reading)? {
            self.make_room()?;
        }
        Ok(())
    }

    /// Starts the device with buffers of another kind of memory, draining it first if it runs.
    fn start(&mut self, memory: Memory) -> Result<(), CodecError> {
        if self.input.is_some() {
            self.pause()?;
        }
        if self.encoder.state() != EncoderState::Initialization {
            self.encoder.stop().map_err(|e| self.failed(e))?;
        }
        self.start_with(memory).map_err(|e| self.failed(e))
    }

    fn start_with(&mut self, memory: Memory) -> Result<(), Error> {
        let count = match memory {
            Memory::Mmap => BUFFERS,
            _ => PLACES,
        };
        let pictures = Buffers { memory, count };
        // The program holds one more.
        let packets = Buffers::driver(BUFFERS + 1);
        self.encoder.allocate(pictures, packets)?;
        let input = match memory {
            Memory::Mmap => Input::Own(
                MappedBuffers::of(self.encoder.m2m().output(), Access::ReadWrite)?,
                self.layout()?,
            ),
            _ => Input::Imported(Box::new([None; MAX_BUFFERS])),
        };
        self.pages = Some(MappedBuffers::of(
            self.encoder.m2m().capture(),
            Access::Read,
        )?);
        self.encoder.start()?;
        self.entered = false;
        self.input = Some(input);
        Ok(())
    }

    /// Returns the layout of a picture in a buffer of the device, which may be made for a larger
    /// one.
    fn layout(&self) -> Result<Layout, Error> {
        let raw = self.encoder.raw_format();
        let layout = raw
            .layout()
            .map_err(|_| Error::NoFormat { wanted: raw.fourcc })?;
        Ok(Layout {
            width: self.config.width,
            height: self.config.height,
            ..layout
        })
    }

    fn enter(&mut self, index: u32, pts_ns: u64) -> Result<(), CodecError> {
        let mut bytes_used = [0; MAX_PLANES];
        let planes = self.encoder.raw_format().planes();
        for (bytes, plane) in bytes_used.iter_mut().zip(planes) {
            *bytes = plane.size_image;
        }
        let content = Content {
            bytes_used: &bytes_used,
            timestamp_ns: self.clock.enter(pts_ns),
            ..Content::default()
        };
        let submitted = self.encoder.m2m().submit(index, &content);
        submitted.map_err(|e| self.failed(e))?;
        self.entered = true;
        Ok(())
    }

    /// Waits until the device has finished a picture or a packet.
    fn make_room(&mut self) -> Result<(), CodecError> {
        self.take_all()?;
        let all = self.encoder.m2m().capture().count();
        if self.ready.len() >= all as usize {
            return Err(CodecError::OutputWaiting);
        }
        let waited = self
            .encoder
            .m2m()
            .wait(Ready::CAPTURE | Ready::OUTPUT, stall_deadline());
        waited.map(drop).map_err(|e| self.failed(e))
    }
}

/// Returns whether the error means that the driver rejects the memory, and not that it is gone.
fn is_refusal(error: Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidArgument
            | ErrorKind::NotSupported
            | ErrorKind::OutOfMemory
            | ErrorKind::Other
    )
}
