//! Pictures to record or save, from a source in this process or from a host.

use std::sync::Arc;
use std::time::Duration;

use videostream::hal::format::FourCc;
use videostream::hal::ring::Flags;
use videostream::hal::time::{deadline_in, now_ns};
use videostream::jpeg::PictureError;
use videostream::source::{BorrowedFrame, Reader};
use videostream::{
    Appearance, Client, Colorimetry, Error, Frame, FrameRate, Mode, Picture, Source, jpeg, record,
};

use crate::args::InputArgs;
use crate::connect;
use crate::failure::Failure;
use crate::open::Opened;
use crate::output::Output;
use crate::signals;

/// Where pictures come from.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Feed {
    Own(Reader<Box<dyn Source>>),
    Host(Client),
}

/// Pictures, one at a time.
pub(crate) struct Input {
    from: Feed,
    reconnect: bool,
    endless: bool,
    timeout: Duration,
    /// Frames that the host published and this client missed.
    missed: u64,
}

/// Metadata of a picture.
#[derive(Clone, Copy)]
pub(crate) struct Info {
    /// The source's sequence number.
    pub(crate) sequence: u64,
    pub(crate) timestamp_ns: u64,
    /// When the host published it, or when it was taken from the source.
    pub(crate) published_ns: u64,
    pub(crate) rate: Option<FrameRate>,
    pub(crate) appearance: Appearance,
    /// Whether the source marks the content as damaged.
    pub(crate) corrupted: bool,
}

/// A picture in the memory of either kind of input.
#[derive(Clone, Copy)]
pub(crate) enum InputFrame<'a> {
    Own(&'a BorrowedFrame<'a>),
    Shared(&'a Frame),
}

impl InputFrame<'_> {
    /// Returns the picture as input of a recording.
    pub(crate) fn as_record(&self) -> &dyn record::Recordable {
        match self {
            Self::Own(lent) => *lent,
            Self::Shared(frame) => *frame,
        }
    }
    /// Returns format, width and height.
    pub(crate) fn format_and_size(&self) -> (FourCc, u32, u32) {
        match self {
            Self::Own(lent) => {
                let layout = lent.layout();
                (layout.fourcc, layout.width, layout.height)
            }
            Self::Shared(frame) => (frame.fourcc(), frame.width(), frame.height()),
        }
    }

    /// Returns what is wrong with a JPEG picture, if anything.
    pub(crate) fn check(&self) -> Result<Option<PictureError>, Failure> {
        if !jpeg::is_jpeg(self.format_and_size().0) {
            return Ok(None);
        }
        self.see(|picture| {
            let plane = picture.planes().first();
            jpeg::check(plane.map_or(&[], |plane| plane.data)).err()
        })
    }

    /// Maps the pixels for `look`.
    pub(crate) fn see<T>(&self, look: impl FnOnce(&Picture<'_>) -> T) -> Result<T, Failure> {
        match self {
            Self::Own(lent) => Ok(lent.see(look)?),
            Self::Shared(frame) => Ok(look(&frame.pixels()?.picture()?)),
        }
    }
}

impl Input {
    /// Opens the input of the arguments. Returns `None` if the user stops the command. An `endless`
    /// input ends with its host; otherwise the host's end is an error.
    pub(crate) fn open(
        args: &InputArgs,
        endless: bool,
        output: &Output,
    ) -> Result<Option<Self>, Failure> {
        let from = match &args.ipc {
            Some(socket) => {
                let builder = Client::builder(socket)
                    .mode(Mode::Every)
                    .reconnect(args.reconnect);
                let Some(client) = connect::connect(&builder, true, args.timeout)? else {
                    return Ok(None);
                };
                output.detail(format_args!("connected to {socket}"));
                Feed::Host(client)
            }
            None => {
                let opened = Opened::new(&args.source, output)?;
                output.detail(format_args!("source: {}", opened.about()));
                let source: Box<dyn Source> = match opened {
                    Opened::Camera(camera) => Box::new(camera),
                    Opened::Pattern(pattern) => Box::new(pattern),
                };
                Feed::Own(Reader::new(source)?)
            }
        };
        Ok(Some(Self {
            from,
            reconnect: args.reconnect,
            endless,
            timeout: args.timeout,
            missed: 0,
        }))
    }

    /// Passes the next picture to `look`. Returns `None` if the user stops the command, or at the
    /// end of an `endless` input.
    pub(crate) fn next<T>(
        &mut self,
        look: impl FnOnce(&Info, &InputFrame<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        match &mut self.from {
            Feed::Own(reader) => read(reader, self.timeout, look),
            Feed::Host(client) => {
                let next = connect::next(client, self.reconnect, self.endless, self.timeout)?;
                let Some(frame) = next else {
                    return Ok(None);
                };
                self.missed += frame.missed();
                Ok(see(&frame, look))
            }
        }
    }

    /// Sets the time-out for each further picture.
    pub(crate) fn wait_at_most(&mut self, time: Duration) {
        self.timeout = time;
    }

    /// Passes one more picture to `look` after the end, if one comes soon.
    pub(crate) fn one_more<T>(
        &mut self,
        look: impl FnOnce(&Info, &InputFrame<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        const SOON: Duration = Duration::from_secs(2);
        let end = deadline(SOON);
        match &mut self.from {
            Feed::Own(reader) => read_by(reader, end, || false, look),
            Feed::Host(client) => loop {
                match client.next_until(signals::slice().min(end)) {
                    Ok(frame) => return Ok(see(&frame, look)),
                    Err(error) if error.is_timeout() => {
                        if now_ns() >= end {
                            return Ok(None);
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
            },
        }
    }

    /// Asks the host for a key frame.
    pub(crate) fn ask_for_key_frame(&self) {
        if let Feed::Host(client) = &self.from {
            client.ask_for_key_frame();
        }
    }

    /// Returns the parameter sets that a host keeps for clients that join later.
    pub(crate) fn parameters(&self) -> Result<Option<Arc<[u8]>>, Failure> {
        match &self.from {
            Feed::Host(client) => Ok(client.parameters()?),
            _ => Ok(None),
        }
    }

    /// Returns the number of frames that were lost in between.
    pub(crate) fn dropped(&self) -> u64 {
        match &self.from {
            Feed::Own(reader) => reader.dropped(),
            Feed::Host(_) => self.missed,
        }
    }

    /// Returns how often another host has taken over.
    pub(crate) fn restarts(&self) -> u64 {
        match &self.from {
            Feed::Host(client) => client.restarts(),
            _ => 0,
        }
    }
}

fn see<T>(frame: &Frame, look: impl FnOnce(&Info, &InputFrame<'_>) -> T) -> Option<T> {
    let about = frame.descriptor();
    let info = Info {
        sequence: about.sequence,
        timestamp_ns: about.timestamp_ns,
        // Optional for a host.
        published_ns: match about.published_ns {
            0 => now_ns(),
            published_ns => published_ns,
        },
        rate: FrameRate::from_period_ns(about.duration_ns),
        appearance: Appearance::of_frame(about),
        corrupted: frame.flags().contains(Flags::CORRUPTED),
    };
    Some(look(&info, &InputFrame::Shared(frame)))
}

fn read<T>(
    reader: &mut Reader<Box<dyn Source>>,
    timeout: Duration,
    look: impl FnOnce(&Info, &InputFrame<'_>) -> T,
) -> Result<Option<T>, Failure> {
    let deadline = deadline(timeout);
    let seen = read_by(reader, deadline, signals::stopped, look)?;
    if seen.is_none() && !signals::stopped() {
        return Err(Error::TimedOut.into());
    }
    Ok(seen)
}

/// Reads in short waits, so that `signals` sees that the command is not blocked.
fn read_by<T>(
    reader: &mut Reader<Box<dyn Source>>,
    deadline: u64,
    stopped: impl Fn() -> bool,
    look: impl FnOnce(&Info, &InputFrame<'_>) -> T,
) -> Result<Option<T>, Failure> {
    let mut look = Some(look);
    while !stopped() {
        let seen = read_until(reader, signals::slice().min(deadline), |info, frame| {
            look.take().map(|look| look(info, frame))
        })?;
        if let Some(seen) = seen {
            return Ok(seen);
        }
        if now_ns() >= deadline {
            break;
        }
    }
    Ok(None)
}

fn read_until<T>(
    reader: &mut Reader<Box<dyn Source>>,
    deadline_ns: u64,
    look: impl FnOnce(&Info, &InputFrame<'_>) -> T,
) -> Result<Option<T>, Failure> {
    let rate = reader.source().rate();
    let sample_aspect = reader.source().appearance().sample_aspect;
    let seen = reader.next_borrowed(deadline_ns, |lent| {
        let taken = lent.source_frame();
        let info = Info {
            sequence: taken.sequence,
            timestamp_ns: taken.timestamp_ns,
            published_ns: now_ns(),
            rate,
            appearance: Appearance {
                colorimetry: Colorimetry::from_v4l2(taken.colorimetry, lent.layout().fourcc),
                sample_aspect,
                chroma: None,
            },
            corrupted: taken.flags.contains(Flags::CORRUPTED),
        };
        look(&info, &InputFrame::Own(lent))
    });
    Ok(seen?)
}

fn deadline(time: Duration) -> u64 {
    deadline_in(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
