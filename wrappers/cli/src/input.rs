//! Pictures to record or save: from a source of this process, or from a host.

use std::sync::Arc;
use std::time::Duration;

use videostream::hal::format::FourCc;
use videostream::hal::ring::Flags;
use videostream::hal::time::{deadline_in, now_ns};
use videostream::jpeg::JpegError;
use videostream::source::{Lent, Reader};
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
enum From {
    Own(Reader<Box<dyn Source>>),
    Host(Client),
}

/// Pictures, one at a time.
pub(crate) struct Input {
    from: From,
    reconnect: bool,
    endless: bool,
    timeout: Duration,
    /// Frames that a host had and that did not get here.
    missed: u64,
}

/// What is known of a picture besides its pixels.
#[derive(Clone, Copy)]
pub(crate) struct Info {
    /// The source's count.
    pub(crate) sequence: u64,
    pub(crate) timestamp_ns: u64,
    /// When a host published it; else when it was taken from the source.
    pub(crate) published_ns: u64,
    pub(crate) rate: Option<FrameRate>,
    pub(crate) appearance: Appearance,
    /// Whether the source says that the content is damaged.
    pub(crate) corrupted: bool,
}

/// A picture, or the memory that it is in.
#[derive(Clone, Copy)]
pub(crate) enum Shot<'a> {
    Own(&'a Lent<'a>),
    Shared(&'a Frame),
}

impl Shot<'_> {
    /// For a recording.
    pub(crate) fn as_record(&self) -> &dyn record::Shot {
        match self {
            Self::Own(lent) => *lent,
            Self::Shared(frame) => *frame,
        }
    }
    /// Format, width and height.
    pub(crate) fn like(&self) -> (FourCc, u32, u32) {
        match self {
            Self::Own(lent) => {
                let layout = lent.layout();
                (layout.fourcc, layout.width, layout.height)
            }
            Self::Shared(frame) => (frame.fourcc(), frame.width(), frame.height()),
        }
    }

    /// What is wrong with it, if it is JPEG and not whole.
    pub(crate) fn check(&self) -> Result<Option<JpegError>, Failure> {
        if !jpeg::is_jpeg(self.like().0) {
            return Ok(None);
        }
        self.see(|picture| {
            let plane = picture.planes().first();
            jpeg::check(plane.map_or(&[], |plane| plane.data)).err()
        })
    }

    /// Lets `look` see the pixels.
    pub(crate) fn see<T>(&self, look: impl FnOnce(&Picture<'_>) -> T) -> Result<T, Failure> {
        match self {
            Self::Own(lent) => Ok(lent.see(look)?),
            Self::Shared(frame) => Ok(look(&frame.pixels()?.picture()?)),
        }
    }
}

impl Input {
    /// Opens what the arguments say. `None`: the user wants an end. An `endless` input takes the
    /// end of its host for its own.
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
                From::Host(client)
            }
            None => {
                let opened = Opened::new(&args.source, output)?;
                output.detail(format_args!("source: {}", opened.about()));
                let source: Box<dyn Source> = match opened {
                    Opened::Camera(camera) => Box::new(camera),
                    Opened::Pattern(pattern) => Box::new(pattern),
                };
                From::Own(Reader::new(source)?)
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

    /// Lets `look` see the next picture. `None`: the user wants an end, or the host has come to
    /// its own.
    pub(crate) fn next<T>(
        &mut self,
        look: impl FnOnce(&Info, &Shot<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        match &mut self.from {
            From::Own(reader) => read(reader, self.timeout, look),
            From::Host(client) => {
                let next = connect::next(client, self.reconnect, self.endless, self.timeout)?;
                let Some(frame) = next else {
                    return Ok(None);
                };
                self.missed += frame.missed();
                Ok(see(&frame, look))
            }
        }
    }

    /// Waits no longer than this for each picture from now on.
    pub(crate) fn wait_at_most(&mut self, time: Duration) {
        self.timeout = time;
    }

    /// Lets `look` see one more picture after the end, if there is one soon.
    pub(crate) fn one_more<T>(
        &mut self,
        look: impl FnOnce(&Info, &Shot<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        const SOON: Duration = Duration::from_secs(2);
        let end = deadline(SOON);
        match &mut self.from {
            From::Own(reader) => read_by(reader, end, || false, look),
            From::Host(client) => loop {
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
        if let From::Host(client) = &self.from {
            client.ask_for_key_frame();
        }
    }

    /// The parameter sets of compressed frames, where a host keeps them for who comes late.
    pub(crate) fn parameters(&self) -> Result<Option<Arc<[u8]>>, Failure> {
        match &self.from {
            From::Host(client) => Ok(client.parameters()?),
            _ => Ok(None),
        }
    }

    /// Frames between those that were seen that did not get here.
    pub(crate) fn dropped(&self) -> u64 {
        match &self.from {
            From::Own(reader) => reader.dropped(),
            From::Host(_) => self.missed,
        }
    }

    /// How often another host has taken over.
    pub(crate) fn restarts(&self) -> u64 {
        match &self.from {
            From::Host(client) => client.restarts(),
            _ => 0,
        }
    }
}

fn see<T>(frame: &Frame, look: impl FnOnce(&Info, &Shot<'_>) -> T) -> Option<T> {
    let about = frame.descriptor();
    let info = Info {
        sequence: about.sequence,
        timestamp_ns: about.timestamp_ns,
        // A host need not say when.
        published_ns: match about.published_ns {
            0 => now_ns(),
            published_ns => published_ns,
        },
        rate: FrameRate::from_period_ns(about.duration_ns),
        appearance: Appearance::of_frame(about),
        corrupted: frame.flags().contains(Flags::CORRUPTED),
    };
    Some(look(&info, &Shot::Shared(frame)))
}

fn read<T>(
    reader: &mut Reader<Box<dyn Source>>,
    timeout: Duration,
    look: impl FnOnce(&Info, &Shot<'_>) -> T,
) -> Result<Option<T>, Failure> {
    let deadline = deadline(timeout);
    let seen = read_by(reader, deadline, signals::stopped, look)?;
    if seen.is_none() && !signals::stopped() {
        return Err(Error::TimedOut.into());
    }
    Ok(seen)
}

/// Reads in slices of time, which shows that the command is not blocked.
fn read_by<T>(
    reader: &mut Reader<Box<dyn Source>>,
    deadline: u64,
    stopped: impl Fn() -> bool,
    look: impl FnOnce(&Info, &Shot<'_>) -> T,
) -> Result<Option<T>, Failure> {
    let mut look = Some(look);
    while !stopped() {
        let seen = read_until(reader, signals::slice().min(deadline), |info, shot| {
            look.take().map(|look| look(info, shot))
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
    look: impl FnOnce(&Info, &Shot<'_>) -> T,
) -> Result<Option<T>, Failure> {
    let rate = reader.source().rate();
    let sample_aspect = reader.source().appearance().sample_aspect;
    let seen = reader.lend(deadline_ns, |lent| {
        let taken = lent.taken();
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
        look(&info, &Shot::Own(lent))
    });
    Ok(seen?)
}

fn deadline(time: Duration) -> u64 {
    deadline_in(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
