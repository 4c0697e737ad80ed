//! An encoder: pictures of frames in, packets into frames out.

mod config;
mod copies;
mod errno;
mod input;

use std::sync::Arc;

use rustix::io::Errno;
use videostream::encode::{Backend, CodecError, CopyReason, Encoder as Codec};
use videostream::hal::format::Layout;
use videostream::hal::time::deadline_in;
use videostream::{DmaBufPicture, Rect};

pub use self::config::Config;
pub(crate) use self::config::profile;
pub use self::copies::EncoderCopies;
use self::copies::Reason;
use self::errno::errno_of;
use self::input::Input;
use crate::boundary::explain;
use crate::frame::{BufferPool, Filled, Frame, Shape, errno_of_picture};

/// Minimum size of an output frame in bytes, as in the 2.x library.
const OUTPUT_BYTES: usize = 2 << 20;

/// How long a call waits for a packet.
const PACKET_TIMEOUT_NS: u64 = 1_000_000_000;

/// `VSLEncoder`.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    running: Option<Running>,
    /// Memory of output frames, reused.
    buffers: Arc<BufferPool>,
}

/// State that depends on the first picture.
#[derive(Debug)]
struct Running {
    codec: Codec,
    input: Input,
    /// Pictures so far.
    count: u64,
    /// Why hardware gets copies even before it is asked.
    copying: Option<Reason>,
}

impl Encoder {
    /// Checks that a backend can encode like this; the size is that of the first picture.
    pub(crate) fn new(config: Config) -> Result<Self, Errno> {
        config.probe()?;
        Ok(Self {
            config,
            running: None,
            buffers: BufferPool::new(),
        })
    }

    /// A frame for packets of pictures of this size.
    pub(crate) fn new_output(&self, width: u32, height: u32) -> Result<Frame, Errno> {
        let shape = Shape::new(width, height, width, self.config.codec.fourcc().0)?;
        // As large as the picture, which no packet is: what would be is left out by encoders.
        let raw = u64::from(width) * u64::from(height) * 3 / 2;
        let raw = usize::try_from(raw).map_err(|_| Errno::NOMEM)?;
        let mut frame = Frame::new(shape, std::ptr::null_mut(), None);
        frame.take_pooled(&self.buffers, raw.max(OUTPUT_BYTES))?;
        Ok(frame)
    }

    /// Encodes a picture into `destination`, whose size is 0 afterwards if no packet is ready.
    /// Returns whether the packet is a key frame.
    pub(crate) fn encode(
        &mut self,
        source: &Frame,
        destination: &mut Frame,
        crop: Option<Rect>,
    ) -> Result<bool, Errno> {
        let input = Input::of(source.shape(), crop)?;
        if let Some(running) = &self.running
            && running.input != input
        {
            let words = format!(
                "the picture is {input}, those before were {}",
                running.input
            );
            return Err(explain(Errno::INVAL, words));
        }
        if self.running.is_none() {
            let codec = self.config.open(&input, source.colorimetry())?;
            self.running = Some(Running {
                codec,
                input,
                count: 0,
                copying: None,
            });
        }
        let running = self.running.as_mut().ok_or(Errno::INVAL)?;
        running.encode(source, destination, &self.config)
    }
}

impl Running {
    fn encode(
        &mut self,
        source: &Frame,
        destination: &mut Frame,
        config: &Config,
    ) -> Result<bool, Errno> {
        let pts_ns = config.rate.time_ns(self.count);
        // A packet that waits, of a backend that holds some back, comes before this picture.
        let waiting = self.receive(destination)?;
        let layout = source.shape().layout()?;
        match self.in_place(source, &layout) {
            Some(layout) => self.submit_in_place(source, &layout, pts_ns)?,
            None => self.submit(source, &layout, pts_ns)?,
        }
        self.count += 1;
        if let Some(is_key) = waiting {
            return Ok(is_key);
        }
        // Software is ready at once; a device may hold pictures back.
        let is_ready = self.codec.wait(deadline_in(PACKET_TIMEOUT_NS));
        let is_key = match is_ready.map_err(|error| errno_of(&error))? {
            true => self.receive(destination)?,
            false => None,
        };
        Ok(is_key.unwrap_or_else(|| {
            destination.set_empty();
            false
        }))
    }

    /// Layout of a picture in a dma-buf that hardware can read. After the first copy all pictures
    /// are copied, because a device begins a new stream with each change between the two.
    fn in_place(&mut self, source: &Frame, layout: &Layout) -> Option<Layout> {
        if self.codec.backend() != Backend::V4l2 || self.copying.is_some() {
            return None;
        }
        let (from, to) = (self.input.fourcc(), self.codec.config().input_format());
        if from != to {
            self.copying = Some(Reason::Converted { from, to });
            return None;
        }
        if !source.is_dma_buf() {
            self.copying = Some(Reason::Memory(CopyReason::NoDmaBuf));
            return None;
        }
        source.layout_in_memory(layout)
    }

    /// Submits a picture without a copy, and waits until hardware has read it, since the program
    /// may write it afterwards.
    fn submit_in_place(
        &mut self,
        source: &Frame,
        layout: &Layout,
        pts_ns: u64,
    ) -> Result<(), Errno> {
        source.with_device_access(|fd| {
            let picture = DmaBufPicture::new(layout, &[fd]).map_err(errno_of_picture)?;
            let submitted = self.codec.submit_dmabuf(&picture, pts_ns);
            let submitted = submitted.map_err(|error| errno_of(&error))?;
            let finished = self.codec.finish_reading(&submitted);
            finished.map_err(|error| errno_of(&error))
        })
    }

    /// Submits a picture that the CPU reads.
    fn submit(&mut self, source: &Frame, layout: &Layout, pts_ns: u64) -> Result<(), Errno> {
        let fourcc = self.codec.config().input_format();
        let from = source.colorimetry();
        let colours = (from, from.converted(layout.fourcc, fourcc));
        let wanted = (fourcc, colours);
        source.read(|pixels| {
            self.input.with_picture(layout, pixels, wanted, |picture| {
                self.codec
                    .submit(picture, pts_ns)
                    .map_err(|error| errno_of(&error))
            })
        })
    }

    /// Writes a finished packet into a frame. Returns whether it is a key frame.
    fn receive(&mut self, destination: &mut Frame) -> Result<Option<bool>, Errno> {
        let packet = match self.codec.receive() {
            Ok(Some(packet)) => packet,
            Ok(None) => return Ok(None),
            Err(error) => return Err(errno_of(&error)),
        };
        let (bytes, is_key) = (packet.annex_b(), packet.is_key());
        destination.write(|place| {
            let place = place.get_mut(..bytes.len()).ok_or(Errno::MSGSIZE)?;
            place.copy_from_slice(bytes);
            Ok(())
        })?;
        let size = bytes.len();
        let (width, height) = self.input.visible();
        let shape = Shape::new(width, height, width, packet.codec().fourcc().0)?;
        destination.set_filled(Filled { size, shape });
        Ok(Some(is_key))
    }
}

/// Whether an encoder with another input format may succeed.
fn wants_another_format(error: &CodecError) -> bool {
    matches!(
        error,
        CodecError::Format { .. } | CodecError::DeviceFormat { .. }
    )
}
