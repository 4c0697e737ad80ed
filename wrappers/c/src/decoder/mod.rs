//! A decoder: byte streams in, frames out.

mod pictures;

use std::collections::VecDeque;
use std::sync::Arc;

use rustix::io::Errno;
use videostream::decode::{CodecError, Decoder as Inner, DecoderConfig};
use videostream::encode::{Backend, Codec, Packet, UnitFinder};
use videostream::hal::time::deadline_in;

use self::pictures::to_frame;
use crate::boundary::{errno_of_device, explain};
use crate::codecs::{self, errno_of_none};
use crate::frame::{BufferPool, Frame};

/// Environment variable with the path of the device.
const DEVICE_VARIABLE: &str = "VSL_V4L2_DECODER_DEV";

/// How long a call waits for the device.
const PICTURE_TIMEOUT_NS: u64 = 100_000_000;

/// Maximum input of a call in bytes, as in the 2.x library.
const MAX_INPUT: usize = 2 << 20;

/// Frames that may wait for the program before no more input is taken.
const MAX_WAITING: usize = 8;

/// Time from picture to picture. The interface has no times; they only have to grow.
const STEP_NS: u64 = 1_000_000;

/// `VSLDecoder`.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    inner: Inner,
    finder: UnitFinder,
    /// Parameter sets and other units that precede the next picture.
    before: Vec<u8>,
    waiting: VecDeque<Frame>,
    /// Memory of frames, reused.
    buffers: Arc<BufferPool>,
    size: Option<(u32, u32)>,
    /// Input has arrived since the last end of stream.
    holds: bool,
    count: u64,
}

/// Result of a call.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Bytes of the input that were taken, also by a call that failed.
    pub(crate) used: usize,
    pub(crate) frame: Option<Frame>,
    /// This call has found the picture size, or a new one.
    pub(crate) new_size: bool,
    pub(crate) failure: Option<Errno>,
}

impl Decoder {
    pub(crate) fn new(codec: Codec, backend: Backend) -> Result<Self, Errno> {
        let inner = codecs::make(
            backend,
            DEVICE_VARIABLE,
            |backend, device| {
                let mut config = DecoderConfig::new(codec).backend(backend);
                if let Some(device) = device {
                    config = config.device(device);
                }
                Inner::new(&config)
            },
            |error| matches!(error, CodecError::NoBackend { .. }),
            errno_of,
        )?;
        Ok(Self {
            codec,
            inner,
            finder: UnitFinder::new(codec),
            before: Vec::new(),
            waiting: VecDeque::new(),
            buffers: BufferPool::new(),
            size: None,
            holds: false,
            count: 0,
        })
    }

    /// Width and height of the pictures, once they are known.
    pub(crate) const fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    /// Decodes the first picture of `data` and returns the next frame. Empty data flushes the
    /// decoder.
    pub(crate) fn decode(&mut self, data: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        if data.is_empty() {
            // Frames that wait already are let out first, one by one.
            if self.waiting.is_empty() {
                outcome.failure = self.flush(&mut outcome.new_size).err();
            }
        } else if self.waiting.len() < MAX_WAITING {
            let unit = self.first_unit(data);
            match self.take(unit, &mut outcome.new_size) {
                // To be given again.
                Err(Errno::AGAIN) => {}
                result => {
                    outcome.used = unit.len();
                    outcome.failure = result.err();
                }
            }
        }
        outcome.frame = self.waiting.pop_front();
        outcome
    }

    /// The bytes up to the end of the first picture: all of them if there is no second one.
    fn first_unit<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let data = &data[..data.len().min(MAX_INPUT)];
        self.finder.first(data).unwrap_or(data)
    }

    /// # Errors
    /// EAGAIN if the device has no free buffer; then no input is consumed.
    fn take(&mut self, unit: &[u8], new_size: &mut bool) -> Result<(), Errno> {
        let kept = self.before.len();
        self.before.extend_from_slice(unit);
        if self.before.len() > MAX_INPUT {
            self.before.clear();
            return Err(Errno::MSGSIZE);
        }
        let packet = Packet::new(self.codec, &self.before, self.count * STEP_NS, 0);
        if !packet.has_picture() {
            return Ok(());
        }
        let mut submitted = self.inner.submit(&packet);
        if submitted == Err(CodecError::OutputWaiting) {
            let packet = std::mem::take(&mut self.before);
            let collected = self.wait_and_collect(new_size);
            self.before = packet;
            collected?;
            let packet = Packet::new(self.codec, &self.before, self.count * STEP_NS, 0);
            submitted = self.inner.submit(&packet);
        }
        if submitted == Err(CodecError::OutputWaiting) {
            self.before.truncate(kept);
            return Err(Errno::AGAIN);
        }
        self.count += 1;
        self.before.clear();
        match submitted {
            // In the middle of a stream: nothing comes before the next key frame.
            Err(CodecError::KeyFrameNeeded) => return Ok(()),
            Err(error) => return Err(errno_of(&error)),
            Ok(()) => self.holds = true,
        }
        self.collect(new_size)?;
        match self.waiting.is_empty() {
            true => self.wait_and_collect(new_size),
            false => Ok(()),
        }
    }

    /// Waits for a device and collects its pictures. Software has decoded them before.
    fn wait_and_collect(&mut self, new_size: &mut bool) -> Result<(), Errno> {
        let deadline = deadline_in(PICTURE_TIMEOUT_NS);
        self.inner
            .wait(deadline)
            .map_err(|error| errno_of(&error))?;
        self.collect(new_size)
    }

    /// Makes frames of the pictures that are ready.
    fn collect(&mut self, new_size: &mut bool) -> Result<(), Errno> {
        while let Some(decoded) = self.inner.receive().map_err(|error| errno_of(&error))? {
            let picture = decoded.picture();
            let size = Some((picture.width(), picture.height()));
            *new_size |= self.size != size;
            self.size = size;
            self.waiting.push_back(to_frame(&decoded, &self.buffers)?);
        }
        Ok(())
    }

    /// Ends the stream; another may begin.
    fn flush(&mut self, new_size: &mut bool) -> Result<(), Errno> {
        self.before.clear();
        if !std::mem::take(&mut self.holds) {
            return Ok(());
        }
        self.inner.finish().map_err(|error| errno_of(&error))?;
        let collected = self.collect(new_size);
        self.inner.reset().map_err(|error| errno_of(&error))?;
        collected
    }
}

/// Converts an error of a decoder to `errno`, and keeps its message.
fn errno_of(error: &CodecError) -> Errno {
    explain(number_of(error), error.to_string())
}

fn number_of(error: &CodecError) -> Errno {
    match error {
        CodecError::NoDevice(none) => errno_of_none(none, DEVICE_VARIABLE),
        CodecError::NoBackend { .. } | CodecError::Library(_) => Errno::NODEV,
        CodecError::Device { error, .. } => errno_of_device(*error),
        CodecError::TooLarge { .. } => Errno::MSGSIZE,
        CodecError::UnknownBackend(_) | CodecError::UnsupportedStream { .. } => Errno::NOTSUP,
        CodecError::Corrupt { .. } => Errno::BADMSG,
        CodecError::Codec { .. } | CodecError::Picture(_) => Errno::INVAL,
        _ => Errno::IO,
    }
}
