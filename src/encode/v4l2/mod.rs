//! Encoding with a device: a stateful V4L2 encoder.

mod configure;
mod input;
mod packets;

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use videostream_hal::codec::{Encoder, EncoderState, Tuning, TuningError};
use videostream_hal::v4l2::{Device, Error, ErrorKind, NodeKind, Ready};

use self::input::Input;
pub(super) use self::input::Reading;
use self::packets::Packets;
use super::{CopyReason, EncodeError, EncoderConfig, Packet, RateControl};
use crate::FrameRate;
use crate::hardware::{Clock, Held, Pages, find, patience};

/// An encoder, and what is on its way into it and out of it.
#[derive(Debug)]
pub(super) struct V4l2 {
    encoder: Box<Encoder>,
    path: PathBuf,
    /// With later changes.
    config: EncoderConfig,
    clock: Clock,
    /// Once the first picture has told whose memory they are in.
    input: Option<Input>,
    /// Of the capture queue, while there is one.
    pages: Option<Pages>,
    packets: Packets,
    /// Packets that were finished and not received yet.
    ready: VecDeque<Finished>,
    /// The packet that was received last.
    lent: Option<Finished>,
    /// A picture was submitted since the device was started.
    entered: bool,
    /// The next picture is to be a key frame.
    force: bool,
    /// Why pictures in dma-bufs are copied, once one had to be.
    copying: Option<CopyReason>,
    /// Counts pictures that are read where they lie.
    serial: u64,
}

/// A finished packet.
#[derive(Debug)]
enum Finished {
    /// In the device's buffer.
    Held(Held),
    /// Taken out of it.
    Copied(Vec<u8>, u64),
}

// What is made of a device is handed on by value: the stack of a small thread (128 KiB with musl) has to do.
const _: () = assert!(size_of::<V4l2>() < 4096);

impl V4l2 {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        let take = |device: Device, path: &Path| {
            let (encoder, _) = configure::configure(config, device, path)?;
            Ok(Self {
                encoder,
                path: path.to_owned(),
                config: *config,
                clock: Clock::default(),
                input: None,
                pages: None,
                packets: Packets::new(config.codec, config.repeat_sets),
                ready: VecDeque::new(),
                lent: None,
                entered: false,
                force: false,
                copying: None,
                serial: 0,
            })
        };
        find(NodeKind::Encoder, config.codec, config.device, take)
            .map_err(|error| error.unwrap_or_else(EncodeError::NoDevice))
    }

    fn failed(&self, error: Error) -> EncodeError {
        EncodeError::Device {
            path: self.path.clone(),
            error,
        }
    }

    fn refused(&self, error: TuningError) -> EncodeError {
        EncodeError::Control {
            path: self.path.clone(),
            error,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.encoder.as_fd()
    }

    pub(super) fn copying(&self) -> Option<CopyReason> {
        self.copying
    }

    pub(super) fn parameter_sets(&self) -> Option<&[u8]> {
        let sets = self.packets.sets.as_slice();
        (!sets.is_empty()).then_some(sets)
    }

    /// Takes a finished packet out of the device, if there is one.
    fn take(&mut self) -> Result<bool, EncodeError> {
        match self.encoder.take_packet() {
            Ok(done) => {
                let held = Held::keep(done);
                self.ready.push_back(Finished::Held(held));
                Ok(true)
            }
            Err(error) => match error.kind() {
                ErrorKind::NotReady | ErrorKind::EndOfStream => Ok(false),
                _ => Err(self.failed(error)),
            },
        }
    }

    fn take_all(&mut self) -> Result<(), EncodeError> {
        while self.take()? {}
        Ok(())
    }

    pub(super) fn receive(&mut self, finished: bool) -> Result<Option<Packet<'_>>, EncodeError> {
        loop {
            self.give_back()?;
            if !self.next(finished)? {
                return Ok(None);
            }
            let Some(ready) = self.ready.pop_front() else {
                return Ok(None);
            };
            if let Finished::Held(held) = &ready
                && held.corrupted
            {
                let pts_ns = self.clock.exact(held.timestamp_ns);
                self.lent = Some(ready);
                self.force = true;
                return Err(EncodeError::Damaged { pts_ns });
            }
            let ready = self.lent.insert(ready);
            let bytes = bytes(&self.pages, ready);
            if !bytes.is_empty() && self.packets.is_picture(bytes) {
                break;
            }
        }
        let Some(ready) = &self.lent else {
            return Ok(None);
        };
        let (Finished::Held(Held { timestamp_ns, .. }) | Finished::Copied(_, timestamp_ns)) = ready;
        let pts_ns = self.clock.exact(*timestamp_ns);
        let bytes = bytes(&self.pages, ready);
        Ok(Some(self.packets.packet(bytes, pts_ns)))
    }

    /// Whether a packet is ready; after the end, waits for the next one.
    fn next(&mut self, finished: bool) -> Result<bool, EncodeError> {
        while self.ready.is_empty() && self.input.is_some() && !self.take()? {
            if !finished || self.encoder.state() == EncoderState::Stopped {
                return Ok(false);
            }
            self.encoder
                .wait(Ready::CAPTURE, patience())
                .map_err(|e| self.failed(e))?;
        }
        Ok(!self.ready.is_empty())
    }

    /// Waits until a packet is ready.
    pub(super) fn wait(&mut self, deadline_ns: u64) -> Result<bool, EncodeError> {
        self.give_back()?;
        while !self.next(false)? {
            if self.input.is_none() || self.encoder.state() == EncoderState::Stopped {
                return Ok(false);
            }
            match self.encoder.wait(Ready::CAPTURE, Some(deadline_ns)) {
                Ok(_) => {}
                Err(Error::TimedOut) => return Ok(false),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(true)
    }

    /// The packet that was received is not looked at any more.
    fn give_back(&mut self) -> Result<(), EncodeError> {
        match self.lent.take() {
            Some(Finished::Held(held)) => held.give_back(&self.encoder).map_err(|e| self.failed(e)),
            _ => Ok(()),
        }
    }

    /// Begins the drain at the end.
    pub(super) fn finish(&mut self) -> Result<(), EncodeError> {
        self.give_back()?;
        if self.input.is_none() {
            return Ok(());
        }
        self.encoder.drain().map_err(|e| self.failed(e))
    }

    pub(super) fn force_key_frame(&mut self) {
        self.force = true;
    }

    /// Makes the picture that is submitted next a key frame, where that was asked for.
    fn force(&mut self) -> Result<(), EncodeError> {
        if !std::mem::take(&mut self.force) || !self.entered {
            return Ok(());
        }
        match self.encoder.force_key_frame() {
            Ok(()) => Ok(()),
            // A new stream begins with one.
            Err(error) if error.kind() == ErrorKind::NotSupported => {
                self.rest()?;
                self.encoder.reset().map_err(|e| self.failed(e))
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    pub(super) fn set_bitrate(
        &mut self,
        control: RateControl,
        bits_per_second: u32,
    ) -> Result<(), EncodeError> {
        let has_peak = matches!(control, RateControl::Variable { peak: Some(_), .. });
        let set = if has_peak {
            let tuning = Tuning {
                rate_control: Some(configure::rate_control(control)),
                ..Tuning::default()
            };
            self.change(|encoder| encoder.tune(&tuning).map(drop))
        } else {
            self.change(|encoder| encoder.set_bitrate(bits_per_second).map(drop))
        };
        set?.map_err(|error| self.refused(error))?;
        self.config.rate_control = control;
        Ok(())
    }

    /// Changes something; where the driver does not while it encodes, in between.
    fn change(
        &mut self,
        mut change: impl FnMut(&Encoder) -> Result<(), TuningError>,
    ) -> Result<Result<(), TuningError>, EncodeError> {
        match change(&self.encoder) {
            Err(error) if error.kind() == ErrorKind::Busy && self.input.is_some() => {
                self.pause()?;
                Ok(change(&self.encoder))
            }
            result => Ok(result),
        }
    }

    pub(super) fn set_frame_rate(&mut self, rate: FrameRate) -> Result<(), EncodeError> {
        let config = EncoderConfig {
            rate,
            ..self.config
        };
        let interval = configure::interval(rate);
        let mut set = self.encoder.set_interval(interval);
        if set.is_err_and(|error| error.kind() == ErrorKind::Busy) && self.input.is_some() {
            self.pause()?;
            set = self.encoder.set_interval(interval);
        }
        let set = match set {
            Ok(set) => Some(set),
            Err(error) if error.kind() == ErrorKind::NotSupported => None,
            Err(error) => return Err(self.failed(error)),
        };
        configure::check_rate(&config, set, &self.path)?;
        self.config = config;
        Ok(())
    }

    /// Lets the device finish what it has, and keeps the packets.
    fn rest(&mut self) -> Result<(), EncodeError> {
        self.give_back()?;
        self.encoder.drain().map_err(|e| self.failed(e))?;
        // A device that has no free buffer for packets does not come to an end.
        self.copy_ready()?;
        while self.encoder.state() != EncoderState::Stopped {
            if !self.take()? && self.encoder.state() != EncoderState::Stopped {
                let waited = self.encoder.wait(Ready::CAPTURE, patience());
                waited.map_err(|e| self.failed(e))?;
            }
            self.copy_ready()?;
        }
        Ok(())
    }

    /// Takes what is ready out of the device's buffers.
    fn copy_ready(&mut self) -> Result<(), EncodeError> {
        for ready in &mut self.ready {
            let Finished::Held(held) = ready else {
                continue;
            };
            let bytes = match held.corrupted {
                // Without content it is left out.
                true => Vec::new(),
                false => self
                    .pages
                    .as_ref()
                    .map_or(&[][..], |p| p.bytes(held))
                    .to_vec(),
            };
            let copied = Finished::Copied(bytes, held.timestamp_ns);
            if let Finished::Held(held) = std::mem::replace(ready, copied) {
                let given = held.give_back(&self.encoder);
                given.map_err(|error| EncodeError::Device {
                    path: self.path.clone(),
                    error,
                })?;
            }
        }
        Ok(())
    }

    /// Lets the device finish what it has and stops it; it goes on with the next picture, a key frame.
    fn pause(&mut self) -> Result<(), EncodeError> {
        if self.entered {
            self.rest()?;
        }
        // Drivers want mappings gone before buffers are freed.
        (self.pages, self.input) = (None, None);
        self.encoder.stop().map_err(|e| self.failed(e))
    }
}

/// The content of a packet.
fn bytes<'a>(pages: &'a Option<Pages>, ready: &'a Finished) -> &'a [u8] {
    match (ready, pages) {
        (Finished::Copied(bytes, _), _) => bytes,
        (Finished::Held(held), Some(pages)) => pages.bytes(held),
        (Finished::Held(_), None) => &[],
    }
}
