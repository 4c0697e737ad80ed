//! Decoding with a device: a stateful V4L2 decoder.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use videostream_hal::codec::{Buffers, Decoder, DecoderRequest, DecoderState, PictureFormat};
use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::Access;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::queue::Content;
use videostream_hal::v4l2::{Device, Error, ErrorKind, ExportAccess, NodeKind, Ready};

use super::{CodecError, DecoderConfig, Shown};
use crate::bitstream::Packet;
use crate::codec::{BUFFERS, Clock, MappedBuffers, OutBuffer, find, stall_deadline};
use crate::picture::Rect;

/// Default size of a packet buffer, unless the driver wants more: the largest key frame of 4K.
const PACKET_SIZE: u32 = 4 << 20;

/// How long a driver that has read a whole stream may take to report its format.
const FORMAT_NS: u64 = 1_000_000_000;

/// A stateful decoder with its input and output.
#[derive(Debug)]
pub(super) struct V4l2 {
    decoder: Box<Decoder>,
    path: PathBuf,
    packets: MappedBuffers,
    /// Set when the driver has reported the stream's format.
    pictures: Option<Pictures>,
    clock: Clock,
    /// A packet that waits until all pictures of another size were received.
    waiting: Option<(Vec<u8>, u64)>,
    /// Pictures that finished while a packet waited for a free buffer.
    ready: VecDeque<OutBuffer>,
    /// The picture received last.
    lent: Option<OutBuffer>,
    draining: bool,
    /// The requested picture format.
    format: Option<FourCc>,
}

/// The picture buffers of one format.
#[derive(Debug)]
struct Pictures {
    pages: MappedBuffers,
    layout: Layout,
    visible: Rect,
    /// Exported file descriptors: one for each memory part of each buffer, created on demand.
    exported: Vec<Option<Vec<OwnedFd>>>,
}

// The value is moved about, and must fit the stack of a small thread (128 KiB with musl).
const _: () = assert!(size_of::<V4l2>() < 4096);

impl V4l2 {
    pub(super) fn new(config: &DecoderConfig) -> Result<Self, CodecError> {
        let take = |device, path: &Path| Self::of(config, device, path);
        find(NodeKind::Decoder, config.codec, config.device, take)
            .map_err(|error| error.unwrap_or_else(CodecError::NoDevice))
    }

    fn of(config: &DecoderConfig, device: Device, path: &Path) -> Result<Self, CodecError> {
        let failed = |error| CodecError::Device {
            path: path.to_owned(),
            error,
        };
        let request = DecoderRequest {
            coded: config.codec.fourcc(),
            size: None,
            packet_size: PACKET_SIZE,
        };
        let decoder = Decoder::new(device, &request, Buffers::driver(BUFFERS));
        let decoder = decoder.map(Box::new).map_err(failed)?;
        let packets =
            MappedBuffers::of(decoder.m2m().output(), Access::ReadWrite).map_err(failed)?;
        Ok(Self {
            decoder,
            path: path.to_owned(),
            packets,
            pictures: None,
            clock: Clock::default(),
            waiting: None,
            ready: VecDeque::new(),
            lent: None,
            draining: false,
            format: config.format,
        })
    }

    fn failed(&self, error: Error) -> CodecError {
        CodecError::Device {
            path: self.path.clone(),
            error,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.decoder.m2m().as_fd()
    }

    pub(super) fn submit(&mut self, packet: &Packet<'_>) -> Result<(), CodecError> {
        self.give_back()?;
        while self.waiting.is_some() {
            if !self.submit_waiting()? && !self.make_room()? {
                return Err(CodecError::OutputWaiting);
            }
        }
        while !self.enter(packet.annex_b(), packet.pts_ns())? {
            if !self.make_room()? {
                // Pictures of the old size have to be received first.
                self.waiting = Some((packet.annex_b().to_vec(), packet.pts_ns()));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Queues a packet in a free buffer. Returns whether there was one.
    fn enter(&mut self, bytes: &[u8], pts_ns: u64) -> Result<bool, CodecError> {
        if self.decoder.state() == DecoderState::Stopped {
            // The stream contained an end of sequence.
            self.decoder.resume().map_err(|e| self.failed(e))?;
        }
        let Some(index) = self
            .decoder
            .m2m()
            .free_input()
            .map_err(|e| self.failed(e))?
        else {
            return Ok(false);
        };
        if !self.packets.write(self.decoder.m2m(), index, bytes) {
            let limit = self
                .decoder
                .m2m()
                .output()
                .lengths()
                .first()
                .copied()
                .unwrap_or(0);
            return Err(CodecError::TooLarge {
                bytes: bytes.len(),
                limit: limit as usize,
            });
        }
        let bytes_used = [bytes.len() as u32];
        let content = Content {
            bytes_used: &bytes_used,
            timestamp_ns: self.clock.enter(pts_ns),
            ..Content::default()
        };
        self.decoder
            .m2m()
            .submit(index, &content)
            .map_err(|e| self.failed(e))?;
        Ok(true)
    }

    fn submit_waiting(&mut self) -> Result<bool, CodecError> {
        let Some((bytes, pts_ns)) = self.waiting.take() else {
            return Ok(true);
        };
        let entered = self.enter(&bytes, pts_ns)?;
        if !entered {
            self.waiting = Some((bytes, pts_ns));
        }
        Ok(entered)
    }

    /// Waits for progress of the decoder. Returns `false` if it can't continue before pictures are
    /// received.
    fn make_room(&mut self) -> Result<bool, CodecError> {
        match self.take() {
            Ok(Some(held)) => {
                self.ready.push_back(held);
                return Ok(true);
            }
            Ok(None) => {}
            Err(error) => return Err(error),
        }
        if self.decoder.state() == DecoderState::CaptureSetup {
            return Ok(false);
        }
        let pictures = self.pictures.as_ref().map_or(0, |p| p.exported.len());
        if pictures > 0 && self.ready.len() >= pictures {
            return Ok(false);
        }
        let wanted = self.decoder.wanted() | Ready::OUTPUT;
        let ready = self.decoder.m2m().wait(wanted, stall_deadline());
        ready.map(|_| true).map_err(|e| self.failed(e))
    }

    /// Dequeues a finished picture, if there is one. Switches to a new format once no buffer of the
    /// old one is out.
    fn take(&mut self) -> Result<Option<OutBuffer>, CodecError> {
        loop {
            let error = match self.decoder.take_picture() {
                Ok(done) => return Ok(Some(OutBuffer::keep(done))),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::NotReady | ErrorKind::EndOfStream => return Ok(None),
                ErrorKind::SourceChanged if self.ready.is_empty() && self.lent.is_none() => {
                    self.set_up().map_err(|e| self.failed(e))?;
                }
                ErrorKind::SourceChanged => return Ok(None),
                _ => return Err(self.failed(error)),
            }
        }
    }

    fn set_up(&mut self) -> Result<(), Error> {
        // Some drivers refuse to free buffers that are still mapped or exported.
        self.pictures = None;
        let PictureFormat { format, visible } =
            self.decoder.set_up(self.format, Buffers::driver(BUFFERS))?;
        let capture = self.decoder.m2m().capture();
        let layout = format.layout().map_err(|_| Error::NoFormat {
            wanted: format.fourcc,
        })?;
        self.pictures = Some(Pictures {
            pages: MappedBuffers::of(capture, Access::Read)?,
            layout,
            visible: Rect {
                x: visible.left.unsigned_abs(),
                y: visible.top.unsigned_abs(),
                width: visible.width,
                height: visible.height,
            },
            exported: (0..capture.count()).map(|_| None).collect(),
        });
        self.decoder.start()
    }

    pub(super) fn receive(&mut self, finished: bool) -> Result<Option<Shown<'_>>, CodecError> {
        self.give_back()?;
        let Some(held) = self.next(finished)? else {
            return Ok(None);
        };
        let pts_ns = self.clock.exact(held.timestamp_ns);
        if held.corrupted {
            let _ = held.give_back(self.decoder.m2m());
            return Err(CodecError::Corrupt { pts_ns, code: 0 });
        }
        let held = self.lent.insert(held);
        let Some(pictures) = &self.pictures else {
            return Ok(None);
        };
        let picture = pictures.pages.picture(held, &pictures.layout);
        let picture = picture
            .and_then(|picture| picture.crop(pictures.visible))
            .map_err(CodecError::Picture)?;
        Ok(Some((picture, pts_ns)))
    }

    /// Returns the next finished picture. After the end of input it drains the decoder and waits;
    /// before, it returns `None` if no picture is ready.
    fn next(&mut self, finished: bool) -> Result<Option<OutBuffer>, CodecError> {
        loop {
            if let Some(held) = self.ready.pop_front() {
                return Ok(Some(held));
            }
            // Input first: the decoder may need the waiting packet to finish a picture.
            let entered = self.submit_waiting()?;
            if let Some(held) = self.take()? {
                return Ok(Some(held));
            }
            // `free_input` dequeues consumed packets; if one made room, the waiting packet goes in.
            if !entered
                && self
                    .decoder
                    .m2m()
                    .free_input()
                    .map_err(|e| self.failed(e))?
                    .is_some()
            {
                continue;
            }
            if !finished {
                return Ok(None);
            }
            // Not before the waiting packet is in: the drain ends with what is queued.
            if entered && !self.draining {
                self.decoder.drain().map_err(|e| self.failed(e))?;
                self.draining = true;
            }
            match self.decoder.state() {
                DecoderState::Stopped => return Ok(None),
                // All input was consumed: a driver that found a stream in it reports the format
                // now.
                DecoderState::Initialization if self.has_read_all()? => {
                    match self
                        .decoder
                        .m2m()
                        .wait(Ready::EVENT, Some(deadline_in(FORMAT_NS)))
                    {
                        Ok(_) => continue,
                        Err(Error::TimedOut) => return Ok(None),
                        Err(error) => return Err(self.failed(error)),
                    }
                }
                _ => {}
            }
            // Consumed packets wake a poll for OUTPUT, which matters only while a packet waits for
            // a buffer, or to notice that all input was read without a format.
            let mut wanted = self.decoder.wanted();
            wanted.set(Ready::OUTPUT, !entered || wanted == Ready::EVENT);
            self.decoder
                .m2m()
                .wait(wanted, stall_deadline())
                .map_err(|e| self.failed(e))?;
        }
    }

    fn has_read_all(&self) -> Result<bool, CodecError> {
        self.decoder.m2m().collect().map_err(|e| self.failed(e))?;
        Ok(self.decoder.m2m().output().queued() == 0)
    }

    /// Gives the buffer of the last received picture back to the driver.
    fn give_back(&mut self) -> Result<(), CodecError> {
        match self.lent.take() {
            Some(held) => held
                .give_back(self.decoder.m2m())
                .map_err(|e| self.failed(e)),
            None => Ok(()),
        }
    }

    /// Waits until a picture is ready or the deadline has passed.
    pub(super) fn wait(&mut self, deadline_ns: u64) -> Result<(), CodecError> {
        self.give_back()?;
        loop {
            if !self.ready.is_empty() {
                return Ok(());
            }
            self.submit_waiting()?;
            if let Some(held) = self.take()? {
                self.ready.push_back(held);
                return Ok(());
            }
            let mut wanted = self.decoder.wanted();
            wanted.set(Ready::OUTPUT, self.waiting.is_some());
            match self.decoder.m2m().wait(wanted, Some(deadline_ns)) {
                Ok(_) => {}
                Err(Error::TimedOut) => return Ok(()),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Returns the memory of the picture received last: a dma-buf for each memory part, and the
    /// layout of the planes.
    pub(super) fn dma_buf(&mut self) -> Result<Option<(&[OwnedFd], &Layout)>, CodecError> {
        let failed = |error| CodecError::Device {
            path: self.path.clone(),
            error,
        };
        let (Some(held), Some(pictures)) = (&self.lent, &mut self.pictures) else {
            return Ok(None);
        };
        let index = held.index();
        let Some(exported) = pictures.exported.get_mut(index as usize) else {
            return Ok(None);
        };
        if exported.is_none() {
            let capture = self.decoder.m2m().capture();
            let parts = 0..capture.lengths().len() as u32;
            let export = |part| capture.export(index, part, ExportAccess::ReadOnly);
            *exported = Some(
                parts
                    .map(export)
                    .collect::<Result<_, _>>()
                    .map_err(failed)?,
            );
        }
        Ok(exported.as_deref().map(|fds| (fds, &pictures.layout)))
    }

    /// Discards all data to continue elsewhere in the stream.
    pub(super) fn reset(&mut self) -> Result<(), CodecError> {
        self.give_back()?;
        while let Some(held) = self.ready.pop_front() {
            held.give_back(self.decoder.m2m())
                .map_err(|e| self.failed(e))?;
        }
        (self.waiting, self.clock, self.draining) = (None, Clock::default(), false);
        self.decoder.seek().map_err(|e| self.failed(e))
    }
}
