//! Decoding with a device: a stateful V4L2 decoder.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use videostream_hal::codec::{Buffers, Decoder, DecoderState, DecoderWishes, PictureFormat};
use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::Access;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::queue::Content;
use videostream_hal::v4l2::{Device, Error, ErrorKind, ExportAccess, NodeKind, Ready};

use super::{DecodeError, DecoderConfig, Shown};
use crate::encode::Packet;
use crate::hardware::{BUFFERS, Clock, Held, Pages, find, patience};
use crate::picture::Rect;

/// Bytes that a packet may have, unless the driver wants more: a key frame of 4K at its largest.
const PACKET_SIZE: u32 = 4 << 20;

/// How long a driver that has read a whole stream may take to tell its format.
const FORMAT_NS: u64 = 1_000_000_000;

/// A decoder, and what is on its way into it and out of it.
#[derive(Debug)]
pub(super) struct V4l2 {
    decoder: Box<Decoder>,
    path: PathBuf,
    packets: Pages,
    /// Once the stream has told its format.
    pictures: Option<Pictures>,
    clock: Clock,
    /// A packet that waits until pictures of another size were received.
    waiting: Option<(Vec<u8>, u64)>,
    /// Pictures that were finished while there was no room for a packet.
    ready: VecDeque<Held>,
    /// The picture that was received last.
    lent: Option<Held>,
    draining: bool,
    /// What pictures are asked for.
    format: Option<FourCc>,
}

/// The pictures of one format.
#[derive(Debug)]
struct Pictures {
    pages: Pages,
    layout: Layout,
    visible: Rect,
    /// A descriptor for each memory part of each buffer, made when it is asked for.
    exported: Vec<Option<Vec<OwnedFd>>>,
}

// What is made of a device is handed on by value: the stack of a small thread (128 KiB with musl) has to do.
const _: () = assert!(size_of::<V4l2>() < 4096);

impl V4l2 {
    pub(super) fn new(config: &DecoderConfig) -> Result<Self, DecodeError> {
        let take = |device, path: &Path| Self::of(config, device, path);
        find(NodeKind::Decoder, config.codec, config.device, take)
            .map_err(|error| error.unwrap_or_else(DecodeError::NoDevice))
    }

    fn of(config: &DecoderConfig, device: Device, path: &Path) -> Result<Self, DecodeError> {
        let failed = |error| DecodeError::Device {
            path: path.to_owned(),
            error,
        };
        let wishes = DecoderWishes {
            coded: config.codec.fourcc(),
            size: None,
            packet_size: PACKET_SIZE,
        };
        let decoder = Decoder::new(device, &wishes, Buffers::driver(BUFFERS));
        let decoder = decoder.map(Box::new).map_err(failed)?;
        let packets = Pages::of(decoder.output(), Access::ReadWrite).map_err(failed)?;
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

    fn failed(&self, error: Error) -> DecodeError {
        DecodeError::Device {
            path: self.path.clone(),
            error,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.decoder.as_fd()
    }

    pub(super) fn submit(&mut self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        self.give_back()?;
        while self.waiting.is_some() {
            if !self.submit_waiting()? && !self.make_room()? {
                return Err(DecodeError::FrameWaiting);
            }
        }
        while !self.enter(packet.annex_b(), packet.pts_ns())? {
            if !self.make_room()? {
                // The pictures of the old size come first.
                self.waiting = Some((packet.annex_b().to_vec(), packet.pts_ns()));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Puts a packet into a free buffer, if there is one.
    fn enter(&mut self, bytes: &[u8], pts_ns: u64) -> Result<bool, DecodeError> {
        if self.decoder.state() == DecoderState::Stopped {
            // The stream itself had an end.
            self.decoder.resume().map_err(|e| self.failed(e))?;
        }
        let Some(index) = self.decoder.free_input().map_err(|e| self.failed(e))? else {
            return Ok(false);
        };
        if !self.packets.write(&self.decoder, index, bytes) {
            let limit = self
                .decoder
                .output()
                .lengths()
                .first()
                .copied()
                .unwrap_or(0);
            return Err(DecodeError::TooLarge {
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
            .submit(index, &content)
            .map_err(|e| self.failed(e))?;
        Ok(true)
    }

    fn submit_waiting(&mut self) -> Result<bool, DecodeError> {
        let Some((bytes, pts_ns)) = self.waiting.take() else {
            return Ok(true);
        };
        let entered = self.enter(&bytes, pts_ns)?;
        if !entered {
            self.waiting = Some((bytes, pts_ns));
        }
        Ok(entered)
    }

    /// Waits until the decoder has done something; whether it goes on without pictures being received.
    fn make_room(&mut self) -> Result<bool, DecodeError> {
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
        let ready = self.decoder.wait(wanted, patience());
        ready.map(|_| true).map_err(|e| self.failed(e))
    }

    /// A finished picture, if there is one. Takes up another format when nothing of the old one is out.
    fn take(&mut self) -> Result<Option<Held>, DecodeError> {
        loop {
            let error = match self.decoder.take_picture() {
                Ok(done) => return Ok(Some(Held::keep(done))),
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
        // Drivers want mappings and descriptors gone before buffers are freed.
        self.pictures = None;
        let PictureFormat { format, visible } =
            self.decoder.set_up(self.format, Buffers::driver(BUFFERS))?;
        let capture = self.decoder.capture();
        let layout = format.layout().map_err(|_| Error::NoFormat {
            wanted: format.fourcc,
        })?;
        self.pictures = Some(Pictures {
            pages: Pages::of(capture, Access::Read)?,
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

    pub(super) fn receive(&mut self, finished: bool) -> Result<Option<Shown<'_>>, DecodeError> {
        self.give_back()?;
        let Some(held) = self.next(finished)? else {
            return Ok(None);
        };
        let pts_ns = self.clock.exact(held.timestamp_ns);
        if held.corrupted {
            let _ = held.give_back(&self.decoder);
            return Err(DecodeError::Corrupt { pts_ns, code: 0 });
        }
        let held = self.lent.insert(held);
        let Some(pictures) = &self.pictures else {
            return Ok(None);
        };
        let picture = pictures.pages.picture(held, &pictures.layout);
        let picture = picture
            .and_then(|picture| picture.crop(pictures.visible))
            .map_err(DecodeError::Target)?;
        Ok(Some((picture, pts_ns)))
    }

    fn next(&mut self, finished: bool) -> Result<Option<Held>, DecodeError> {
        loop {
            if let Some(held) = self.ready.pop_front() {
                return Ok(Some(held));
            }
            let entered = self.submit_waiting()?;
            if let Some(held) = self.take()? {
                return Ok(Some(held));
            }
            if !entered
                && self
                    .decoder
                    .free_input()
                    .map_err(|e| self.failed(e))?
                    .is_some()
            {
                continue;
            }
            if !finished {
                return Ok(None);
            }
            if entered && !self.draining {
                self.decoder.drain().map_err(|e| self.failed(e))?;
                self.draining = true;
            }
            match self.decoder.state() {
                DecoderState::Stopped => return Ok(None),
                // Everything was read: if it was a stream, its format is told now.
                DecoderState::Initialization if self.has_read_all()? => {
                    match self
                        .decoder
                        .wait(Ready::EVENT, Some(deadline_in(FORMAT_NS)))
                    {
                        Ok(_) => continue,
                        Err(Error::TimedOut) => return Ok(None),
                        Err(error) => return Err(self.failed(error)),
                    }
                }
                _ => {}
            }
            let mut wanted = self.decoder.wanted();
            wanted.set(Ready::OUTPUT, !entered || wanted == Ready::EVENT);
            self.decoder
                .wait(wanted, patience())
                .map_err(|e| self.failed(e))?;
        }
    }

    fn has_read_all(&self) -> Result<bool, DecodeError> {
        self.decoder.collect().map_err(|e| self.failed(e))?;
        Ok(self.decoder.output().queued() == 0)
    }

    /// The picture that was received is not looked at any more.
    fn give_back(&mut self) -> Result<(), DecodeError> {
        match self.lent.take() {
            Some(held) => held.give_back(&self.decoder).map_err(|e| self.failed(e)),
            None => Ok(()),
        }
    }

    /// Waits until a picture is there.
    pub(super) fn wait(&mut self, deadline_ns: u64) -> Result<(), DecodeError> {
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
            match self.decoder.wait(wanted, Some(deadline_ns)) {
                Ok(_) => {}
                Err(Error::TimedOut) => return Ok(()),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// The memory of the picture that was received last: a dma-buf for each memory part, and where its planes lie.
    pub(super) fn dma_buf(&mut self) -> Result<Option<(&[OwnedFd], &Layout)>, DecodeError> {
        let failed = |error| DecodeError::Device {
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
            let capture = self.decoder.capture();
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

    /// Goes to another place of the stream.
    pub(super) fn reset(&mut self) -> Result<(), DecodeError> {
        self.give_back()?;
        while let Some(held) = self.ready.pop_front() {
            held.give_back(&self.decoder).map_err(|e| self.failed(e))?;
        }
        (self.waiting, self.clock, self.draining) = (None, Clock::default(), false);
        self.decoder.seek().map_err(|e| self.failed(e))
    }
}
