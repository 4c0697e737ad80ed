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
use super::{CodecError, CopyReason, EncoderConfig, Packet, RateControl};
use crate::codec::{Clock, MappedBuffers, OutBuffer, find, stall_deadline};

/// A stateful encoder with its input and output.
#[derive(Debug)]
pub(super) struct V4l2 {
    encoder: Box<Encoder>,
    path: PathBuf,
    /// Includes later changes.
    config: EncoderConfig,
    clock: Clock,
    /// Set by the first picture, which decides between own and imported memory.
    input: Option<Input>,
    /// Mappings of the capture queue, while it has buffers.
    pages: Option<MappedBuffers>,
    packets: Packets,
    /// Finished packets that were not received yet.
    ready: VecDeque<Finished>,
    /// The packet received last.
    lent: Option<Finished>,
    /// A picture was submitted since the device was started.
    entered: bool,
    /// The next picture is to be a key frame.
    force: bool,
    /// Why pictures in dma-bufs are copied, if they are.
    copying: Option<CopyReason>,
    /// Counter of imported pictures.
    serial: u64,
}

/// A finished packet.
#[derive(Debug)]
enum Finished {
    /// Still in the device's buffer.
    Held(OutBuffer),
    /// Copied out of the device's buffer, and its timestamp.
    Copied(Vec<u8>, u64),
}

// The value is moved about, and must fit the stack of a small thread (128 KiB with musl).
const _: () = assert!(size_of::<V4l2>() < 4096);

impl V4l2 {
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, CodecError> {
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
            .map_err(|error| error.unwrap_or_else(CodecError::NoDevice))
    }

    fn failed(&self, error: Error) -> CodecError {
        CodecError::Device {
            path: self.path.clone(),
            error,
        }
    }

    fn refused(&self, error: TuningError) -> CodecError {
        CodecError::Control {
            path: self.path.clone(),
            error,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.encoder.m2m().as_fd()
    }

    pub(super) fn copying(&self) -> Option<CopyReason> {
        self.copying
    }

    pub(super) fn parameter_sets(&self) -> Option<&[u8]> {
        let sets = self.packets.sets.as_slice();
        (!sets.is_empty()).then_some(sets)
    }

    /// Dequeues a finished packet, if there is one.
    fn take(&mut self) -> Result<bool, CodecError> {
        match self.encoder.take_packet() {
            Ok(done) => {
                let held = OutBuffer::keep(done);
                self.ready.push_back(Finished::Held(held));
                Ok(true)
            }
            Err(error) => match error.kind() {
                ErrorKind::NotReady | ErrorKind::EndOfStream => Ok(false),
                _ => Err(self.failed(error)),
            },
        }
    }

    fn take_all(&mut self) -> Result<(), CodecError> {
        while self.take()? {}
        Ok(())
    }

    pub(super) fn receive(&mut self, finished: bool) -> Result<Option<Packet<'_>>, CodecError> {
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
                return Err(CodecError::Damaged { pts_ns });
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
        let (Finished::Held(OutBuffer { timestamp_ns, .. }) | Finished::Copied(_, timestamp_ns)) =
            ready;
        let pts_ns = self.clock.exact(*timestamp_ns);
        let bytes = bytes(&self.pages, ready);
        Ok(Some(self.packets.packet(bytes, pts_ns)))
    }

    /// Returns whether a packet is ready. After the end of input it waits for one.
    fn next(&mut self, finished: bool) -> Result<bool, CodecError> {
        while self.ready.is_empty() && self.input.is_some() && !self.take()? {
            if !finished || self.encoder.state() == EncoderState::Stopped {
                return Ok(false);
            }
            self.encoder
                .m2m()
                .wait(Ready::CAPTURE, stall_deadline())
                .map_err(|e| self.failed(e))?;
        }
        Ok(!self.ready.is_empty())
    }

    /// Waits until a packet is ready.
    pub(super) fn wait(&mut self, deadline_ns: u64) -> Result<bool, CodecError> {
        self.give_back()?;
        while !self.next(false)? {
            if self.input.is_none() || self.encoder.state() == EncoderState::Stopped {
                return Ok(false);
            }
            match self.encoder.m2m().wait(Ready::CAPTURE, Some(deadline_ns)) {
                Ok(_) => {}
                Err(Error::TimedOut) => return Ok(false),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(true)
    }

    /// Gives the buffer of the last received packet back to the driver.
    fn give_back(&mut self) -> Result<(), CodecError> {
        match self.lent.take() {
            Some(Finished::Held(held)) => held
                .give_back(self.encoder.m2m())
                .map_err(|e| self.failed(e)),
            _ => Ok(()),
        }
    }

    /// Starts to drain the encoder.
    pub(super) fn finish(&mut self) -> Result<(), CodecError> {
        self.give_back()?;
        if self.input.is_none() {
            return Ok(());
        }
        self.encoder.drain().map_err(|e| self.failed(e))
    }

    pub(super) fn force_key_frame(&mut self) {
        self.force = true;
    }

    /// Makes the next submitted picture a key frame, if that was requested.
    fn force(&mut self) -> Result<(), CodecError> {
        if !std::mem::take(&mut self.force) || !self.entered {
            return Ok(());
        }
        match self.encoder.force_key_frame() {
            Ok(()) => Ok(()),
            // Without the control: a restarted stream begins with a key frame.
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
    ) -> Result<(), CodecError> {
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

    /// Applies a change. If the driver is busy, it is drained and stopped before.
    fn change(
        &mut self,
        mut change: impl FnMut(&Encoder) -> Result<(), TuningError>,
    ) -> Result<Result<(), TuningError>, CodecError> {
        match change(&self.encoder) {
            Err(error) if error.kind() == ErrorKind::Busy && self.input.is_some() => {
                self.pause()?;
                Ok(change(&self.encoder))
            }
            result => Ok(result),
        }
    }

    /// Drains the device, keeping its packets.
    fn rest(&mut self) -> Result<(), CodecError> {
        self.give_back()?;
        self.encoder.drain().map_err(|e| self.failed(e))?;
        // A drain does not complete while all packet buffers are out of the queue, so they are
        // copied and returned.
        self.copy_ready()?;
        while self.encoder.state() != EncoderState::Stopped {
            if !self.take()? && self.encoder.state() != EncoderState::Stopped {
                let waited = self.encoder.m2m().wait(Ready::CAPTURE, stall_deadline());
                waited.map_err(|e| self.failed(e))?;
            }
            self.copy_ready()?;
        }
        Ok(())
    }

    /// Copies finished packets and returns their buffers to the device.
    fn copy_ready(&mut self) -> Result<(), CodecError> {
        for ready in &mut self.ready {
            let Finished::Held(held) = ready else {
                continue;
            };
            let bytes = match held.corrupted {
                // Damaged: an empty packet, which `receive` skips.
                true => Vec::new(),
                false => self
                    .pages
                    .as_ref()
                    .map_or(&[][..], |p| p.bytes(held))
                    .to_vec(),
            };
            let copied = Finished::Copied(bytes, held.timestamp_ns);
            if let Finished::Held(held) = std::mem::replace(ready, copied) {
                let given = held.give_back(self.encoder.m2m());
                given.map_err(|error| CodecError::Device {
                    path: self.path.clone(),
                    error,
                })?;
            }
        }
        Ok(())
    }

    /// Drains and stops the device; the next picture restarts it with a key frame.
    fn pause(&mut self) -> Result<(), CodecError> {
        if self.entered {
            self.rest()?;
        }
        // Some drivers refuse to free buffers that are still mapped.
        (self.pages, self.input) = (None, None);
        self.encoder.stop().map_err(|e| self.failed(e))
    }
}

/// Returns the data of a packet.
fn bytes<'a>(pages: &'a Option<MappedBuffers>, ready: &'a Finished) -> &'a [u8] {
    match (ready, pages) {
        (Finished::Copied(bytes, _), _) => bytes,
        (Finished::Held(held), Some(pages)) => pages.bytes(held),
        (Finished::Held(_), None) => &[],
    }
}
