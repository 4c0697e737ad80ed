//! The function of an entity.

use core::fmt;

use videostream_sys::media as sys;

/// `MEDIA_ENT_F_*`: the function of an entity. Numbers without a constant here are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "MEDIA_ENT_F")]
pub struct Function(pub u32);

macro_rules! functions {
    ($($name:ident = $code:ident, $doc:literal;)*) => {
        impl Function {
            $(
                #[doc = concat!("`", stringify!($code), "`: ", $doc)]
                pub const $name: Self = Self(sys::$code);
            )*

            /// Returns the name of the kernel's constant without `MEDIA_ENT_F_`: `CAM_SENSOR`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(sys::$code => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

functions! {
    DTV_DEMOD = MEDIA_ENT_F_DTV_DEMOD, "Demodulator of digital TV.";
    TS_DEMUX = MEDIA_ENT_F_TS_DEMUX, "Demultiplexer of an MPEG transport stream.";
    DTV_CA = MEDIA_ENT_F_DTV_CA, "Conditional access module of digital TV.";
    DTV_NET_DECAP = MEDIA_ENT_F_DTV_NET_DECAP, "Network decapsulator of digital TV.";
    IO_V4L = MEDIA_ENT_F_IO_V4L, "Video node: the end of a pipeline.";
    IO_DTV = MEDIA_ENT_F_IO_DTV, "Digital TV node.";
    IO_VBI = MEDIA_ENT_F_IO_VBI, "VBI node.";
    IO_SWRADIO = MEDIA_ENT_F_IO_SWRADIO, "Software radio node.";
    CAM_SENSOR = MEDIA_ENT_F_CAM_SENSOR, "Camera sensor.";
    FLASH = MEDIA_ENT_F_FLASH, "Flash.";
    LENS = MEDIA_ENT_F_LENS, "Lens.";
    TUNER = MEDIA_ENT_F_TUNER, "Tuner.";
    IF_VID_DECODER = MEDIA_ENT_F_IF_VID_DECODER, "Decoder of intermediate-frequency video.";
    IF_AUD_DECODER = MEDIA_ENT_F_IF_AUD_DECODER, "Decoder of intermediate-frequency audio.";
    AUDIO_CAPTURE = MEDIA_ENT_F_AUDIO_CAPTURE, "Audio capture.";
    AUDIO_PLAYBACK = MEDIA_ENT_F_AUDIO_PLAYBACK, "Audio playback.";
    AUDIO_MIXER = MEDIA_ENT_F_AUDIO_MIXER, "Audio mixer.";
    PROC_VIDEO_COMPOSER = MEDIA_ENT_F_PROC_VIDEO_COMPOSER, "Video composer.";
    PROC_VIDEO_PIXEL_FORMATTER = MEDIA_ENT_F_PROC_VIDEO_PIXEL_FORMATTER, "Pixel formatter.";
    PROC_VIDEO_PIXEL_ENC_CONV = MEDIA_ENT_F_PROC_VIDEO_PIXEL_ENC_CONV, "Pixel encoding converter, such as a debayer.";
    PROC_VIDEO_LUT = MEDIA_ENT_F_PROC_VIDEO_LUT, "Look-up table.";
    PROC_VIDEO_SCALER = MEDIA_ENT_F_PROC_VIDEO_SCALER, "Scaler.";
    PROC_VIDEO_STATISTICS = MEDIA_ENT_F_PROC_VIDEO_STATISTICS, "Statistics of the picture.";
    PROC_VIDEO_ENCODER = MEDIA_ENT_F_PROC_VIDEO_ENCODER, "Encoder.";
    PROC_VIDEO_DECODER = MEDIA_ENT_F_PROC_VIDEO_DECODER, "Decoder.";
    PROC_VIDEO_ISP = MEDIA_ENT_F_PROC_VIDEO_ISP, "Image signal processor.";
    VID_MUX = MEDIA_ENT_F_VID_MUX, "Multiplexer.";
    VID_IF_BRIDGE = MEDIA_ENT_F_VID_IF_BRIDGE, "Bridge between video interfaces, such as a CSI-2 receiver.";
    ATV_DECODER = MEDIA_ENT_F_ATV_DECODER, "Receiver of analogue video.";
    DV_DECODER = MEDIA_ENT_F_DV_DECODER, "Receiver of digital video, such as HDMI.";
    DV_ENCODER = MEDIA_ENT_F_DV_ENCODER, "Transmitter of digital video.";
    V4L2_SUBDEV_UNKNOWN = MEDIA_ENT_F_V4L2_SUBDEV_UNKNOWN, "Sub-device of unknown function.";
    UNKNOWN = MEDIA_ENT_F_UNKNOWN, "Unknown function.";
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}
