//! Units of controls, where the kernel documents them.

use core::fmt;

use videostream_sys::v4l2 as sys;

use crate::v4l2::ioctl::ControlInfo;

/// The unit of a control. Most controls have driver-specific units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// 100 microseconds: exposure time.
    HundredMicroseconds,
    /// Milliseconds.
    Milliseconds,
    /// Kelvin: colour temperature.
    Kelvin,
    /// Degrees of an angle.
    Degrees,
    /// Seconds of arc: direction of a lens.
    ArcSeconds,
    /// 0.001 EV: exposure compensation.
    MilliEv,
    /// ISO value times 1000.
    MilliIso,
    /// Hertz.
    Hertz,
    /// Pixels.
    Pixels,
    /// Pixels per second.
    PixelsPerSecond,
    /// Lines of a picture.
    Lines,
    /// Frames.
    Frames,
    /// Buffers.
    Buffers,
    /// Bits per second.
    BitsPerSecond,
    /// 1000 bytes.
    Kilobytes,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HundredMicroseconds => "100 µs",
            Self::Milliseconds => "ms",
            Self::Kelvin => "K",
            Self::Degrees => "degrees",
            Self::ArcSeconds => "arc seconds",
            Self::MilliEv => "0.001 EV",
            Self::MilliIso => "0.001 ISO",
            Self::Hertz => "Hz",
            Self::Pixels => "pixels",
            Self::PixelsPerSecond => "pixels/s",
            Self::Lines => "lines",
            Self::Frames => "frames",
            Self::Buffers => "buffers",
            Self::BitsPerSecond => "bit/s",
            Self::Kilobytes => "kB",
        })
    }
}

impl ControlInfo {
    /// Returns the unit of the control, if the kernel documents it for its id.
    ///
    /// Source: kernel pages `userspace-api/media/v4l/ext-ctrls-*.html` and `control.html`.
    #[must_use]
    pub const fn unit(&self) -> Option<Unit> {
        Some(match self.id {
            sys::V4L2_CID_EXPOSURE_ABSOLUTE => Unit::HundredMicroseconds,
            sys::V4L2_CID_MPEG_VIDEO_VBV_DELAY => Unit::Milliseconds,
            sys::V4L2_CID_WHITE_BALANCE_TEMPERATURE => Unit::Kelvin,
            sys::V4L2_CID_ROTATE | sys::V4L2_CID_CAMERA_SENSOR_ROTATION => Unit::Degrees,
            sys::V4L2_CID_PAN_ABSOLUTE
            | sys::V4L2_CID_TILT_ABSOLUTE
            | sys::V4L2_CID_PAN_RELATIVE
            | sys::V4L2_CID_TILT_RELATIVE => Unit::ArcSeconds,
            sys::V4L2_CID_AUTO_EXPOSURE_BIAS => Unit::MilliEv,
            sys::V4L2_CID_ISO_SENSITIVITY => Unit::MilliIso,
            sys::V4L2_CID_LINK_FREQ => Unit::Hertz,
            sys::V4L2_CID_HBLANK => Unit::Pixels,
            sys::V4L2_CID_PIXEL_RATE => Unit::PixelsPerSecond,
            sys::V4L2_CID_VBLANK => Unit::Lines,
            sys::V4L2_CID_MPEG_VIDEO_GOP_SIZE => Unit::Frames,
            sys::V4L2_CID_MIN_BUFFERS_FOR_CAPTURE | sys::V4L2_CID_MIN_BUFFERS_FOR_OUTPUT => {
                Unit::Buffers
            }
            sys::V4L2_CID_MPEG_VIDEO_BITRATE | sys::V4L2_CID_MPEG_VIDEO_BITRATE_PEAK => {
                Unit::BitsPerSecond
            }
            sys::V4L2_CID_MPEG_VIDEO_VBV_SIZE | sys::V4L2_CID_MPEG_VIDEO_H264_CPB_SIZE => {
                Unit::Kilobytes
            }
            _ => return None,
        })
    }
}
