//! Opening the source of the command line.

use std::path::Path;
use std::time::Duration;

use videostream::camera::{Camera, CameraStream, find_device};
use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::{Origin, Report};
use videostream::hal::v4l2::{Fraction, NodeKind};
use videostream::{
    CameraError, CameraSource, FrameRate, PatternSource, Source, TestPattern, devices,
};

use crate::args::{DEFAULT_RATE, SourceArgs, assignment};
use crate::failure::Failure;
use crate::output::Output;

/// Default size of the pattern.
pub(crate) const PATTERN_SIZE: (u32, u32) = (1280, 720);
/// How long a working camera may take for its first frame.
const FIRST_FRAME: Duration = Duration::from_secs(3);

/// Formats that can be recorded and saved, cheapest first.
const RECORDABLE: [FourCc; 7] = [
    FourCc::NV12,
    FourCc::NM12,
    FourCc::YU12,
    FourCc::YM12,
    FourCc::YUYV,
    FourCc::RGB3,
    FourCc::MJPG,
];

/// An opened source.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Opened {
    Camera(CameraSource),
    Pattern(PatternSource),
}

/// Description of a source for the user.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct About {
    /// `/dev/video0` or `pattern`.
    pub(crate) source: String,
    /// Pixel format as a FourCC.
    pub(crate) format: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Frames per second, if known.
    pub(crate) fps: Option<f64>,
    /// Kind of the frames' memory, and why it was chosen.
    pub(crate) memory: String,
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            source,
            format,
            width,
            height,
            ..
        } = self;
        write!(f, "{source}, {width}x{height} {format}")?;
        match self.fps {
            Some(fps) => write!(f, ", {} fps", (fps * 100.0).round() / 100.0),
            None => Ok(()),
        }
    }
}

impl Opened {
    /// Opens the source of the arguments; by default the first camera that delivers a frame.
    pub(crate) fn new(args: &SourceArgs, output: &Output) -> Result<Self, Failure> {
        if args.pattern {
            return Self::pattern(args);
        }
        let stream = match &args.device {
            Some(device) => start(&find_device(device)?, args)?,
            None => first_working(args)?,
        };
        if let Some(wanted) = stream.missed_interval() {
            output.note(Rates {
                path: stream.path(),
                wanted,
                has: stream.interval(),
            });
        }
        Ok(Self::Camera(CameraSource::new(stream)))
    }

    /// Opens the test pattern.
    pub(crate) fn pattern(args: &SourceArgs) -> Result<Self, Failure> {
        let (width, height) = args.size.unwrap_or(PATTERN_SIZE);
        let format = args.format.unwrap_or(FourCc::NV12);
        let pattern = TestPattern::new(format, width, height, args.fps.unwrap_or(DEFAULT_RATE))?;
        Ok(Self::Pattern(PatternSource::new(pattern, args.buffers)?))
    }

    pub(crate) fn about(&self) -> About {
        match self {
            Self::Camera(camera) => {
                let source = camera.camera().map_or_else(String::new, |stream| {
                    let card = stream.device().capabilities().card();
                    format!("{} ({card})", stream.path().display())
                });
                let memory = match camera.camera().and_then(CameraStream::origin) {
                    None => "dma-bufs of the camera's driver".to_owned(),
                    Some(Origin::Memfd) => "memfds, as user pointers".to_owned(),
                    Some(origin) => format!("{origin}, imported by the camera's driver"),
                };
                about(camera, source, memory)
            }
            Self::Pattern(pattern) => {
                let memory = pattern.memory().map_or_else(String::new, memory);
                about(pattern, "test pattern".to_owned(), memory)
            }
        }
    }
}

/// A note that a camera's rate differs from the wanted one.
struct Rates<'a> {
    path: &'a Path,
    wanted: Fraction,
    has: Option<Fraction>,
}

impl std::fmt::Display for Rates<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fps = |interval: Fraction| {
            let fps = f64::from(interval.denominator) / f64::from(interval.numerator);
            (fps * 100.0).round() / 100.0
        };
        let (path, wanted) = (self.path.display(), fps(self.wanted));
        match self.has {
            Some(has) => {
                let has = fps(has);
                write!(
                    f,
                    "{path}: captures {has} frames per second, not {wanted}: the nearest that it \
                     has"
                )
            }
            None => write!(
                f,
                "{path}: the frame rate can't be set to {wanted} frames per second"
            ),
        }
    }
}

/// Describes the memory in use, and why better kinds were not available.
fn memory(report: &Report) -> String {
    let taken = report
        .taken
        .map_or_else(String::new, |kind| kind.to_string());
    let against = [("dma-heap", report.dma_heap), ("udmabuf", report.udmabuf)];
    let against: Vec<_> = against
        .into_iter()
        .filter_map(|(kind, errno)| Some(format!("{kind}: {}", errno?)))
        .collect();
    if against.is_empty() {
        taken
    } else {
        format!("{taken} ({})", against.join("; "))
    }
}

fn about(source: &impl Source, name: String, memory: String) -> About {
    let layout = source.layout();
    About {
        source: name,
        format: layout.fourcc.to_string(),
        width: layout.width,
        height: layout.height,
        fps: source.rate().map(FrameRate::as_f64),
        memory,
    }
}

/// Starts the camera at `path` as the arguments say.
fn start(path: &Path, args: &SourceArgs) -> Result<CameraStream, CameraError> {
    let requested = |formats: &[FourCc]| {
        let mut camera = Camera::open(path)?
            .buffers(args.buffers)
            .memory(args.io.into());
        if let Some(rate) = args.fps {
            camera = camera.interval(Fraction::new(rate.seconds(), rate.frames()));
        }
        if let Some((width, height)) = args.size {
            camera = camera.size(width, height);
        } else if let Some((width, height)) = args.near {
            camera = camera.size_near(width, height);
        }
        for (name, value) in args.controls.iter().filter_map(|word| assignment(word)) {
            camera = camera.control(name, value);
        }
        for &format in formats {
            camera = camera.format(format);
        }
        camera.start()
    };
    match args.format {
        Some(format) => requested(&[format]),
        None => match requested(&RECORDABLE) {
            Err(CameraError::UnsupportedFormat { .. }) => requested(&[]),
            other => other,
        },
    }
}

/// Starts the first camera of the system that delivers a frame. Fails with the first camera's
/// error.
pub(crate) fn first_working(args: &SourceArgs) -> Result<CameraStream, CameraError> {
    let mut refused = None;
    let list = devices();
    for device in &list.devices {
        if device.kind != NodeKind::Camera {
            continue;
        }
        let started = start(&device.path, args).and_then(|mut stream| {
            let frame = stream.next_within(FIRST_FRAME)?;
            stream.requeue(frame.index)?;
            Ok(stream)
        });
        match started {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let unreadable = list.unreadable.into_iter().map(|(_, error)| error).next();
    Err(refused.or(unreadable).unwrap_or(CameraError::NoCamera {
        others: list.devices.len(),
    }))
}
