//! Configuring a device, or reporting what it does not support.

use std::path::Path;

use videostream_hal::codec::{Encoder, EncoderRequest, RateControl as Rate, Tuned, Tuning};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{
    Colorimetry, Device, Error, ErrorKind, Fraction, FrameSize, PixFormat, SelectionRect, control,
};

use crate::FrameRate;
use crate::encode::{Codec, CodecError, EncoderConfig, Level, Profile, RateControl, level};

/// Value of `V4L2_CID_MPEG_VIDEO_GOP_SIZE` from which on only the first frame is a key frame.
const ENDLESS: i64 = 1000;

/// Sets formats, size, rate, crop rectangle and controls of a device that encodes the codec.
pub(super) fn configure(
    config: &EncoderConfig,
    device: Device,
    path: &Path,
) -> Result<(Box<Encoder>, Tuned), CodecError> {
    let request = EncoderRequest {
        coded: config.codec.fourcc(),
        packet_size: 0,
        raw: raw(config, &device, path)?,
        interval: Some(interval(config.rate)),
        crop: config.crop.map(|rect| SelectionRect {
            left: rect.x.cast_signed(),
            top: rect.y.cast_signed(),
            width: rect.width,
            height: rect.height,
        }),
    };
    check_size(config, &device, path)?;
    let encoder = Encoder::new(device, &request).map(Box::new);
    let encoder = encoder.map_err(|error| match (error, config.crop) {
        (Error::Rectangle { .. }, Some(rect)) => CodecError::DeviceCrop {
            path: path.to_owned(),
            rect,
        },
        _ => CodecError::Device {
            path: path.to_owned(),
            error,
        },
    })?;
    check_rate(config, encoder.interval(), path)?;
    let tuned = tune(config, &encoder, path)?;
    Ok((encoder, tuned))
}

/// Returns the duration of a picture in seconds.
pub(super) fn interval(rate: FrameRate) -> Fraction {
    Fraction::new(rate.seconds(), rate.frames())
}

/// Checks that the device keeps to the rate, if anything depends on it.
pub(super) fn check_rate(
    config: &EncoderConfig,
    set: Option<Fraction>,
    path: &Path,
) -> Result<(), CodecError> {
    let can = set.and_then(|set| FrameRate::new(set.denominator, set.numerator).ok());
    let ok = match can {
        Some(can) => (can.as_f64() / config.rate.as_f64() - 1.0).abs() < 0.01,
        None => config.rate_control.bitrate().is_none(),
    };
    if ok {
        return Ok(());
    }
    Err(CodecError::DeviceRate {
        path: path.to_owned(),
        rate: config.rate,
        can,
    })
}

/// Returns the picture format to request: that of the configuration, or its variant with planes in
/// one or several memory parts.
fn raw(config: &EncoderConfig, device: &Device, path: &Path) -> Result<PixFormat, CodecError> {
    let output = device.output_type();
    let takes = output.map_or_else(Vec::new, |output| {
        let formats = device.formats(output).flatten();
        formats.map(|format| format.fourcc).collect::<Vec<_>>()
    });
    let together = |fourcc: FourCc| fourcc.info().and_then(|i| i.contiguous).unwrap_or(fourcc);
    let same = |fourcc: &&FourCc| **fourcc == config.fourcc;
    let like = |fourcc: &&FourCc| together(**fourcc) == together(config.fourcc);
    let fourcc = takes.iter().find(same).or(takes.iter().find(like));
    let Some(&fourcc) = fourcc else {
        return Err(CodecError::DeviceFormat {
            path: path.to_owned(),
            fourcc: config.fourcc,
            takes,
        });
    };
    let mut raw = PixFormat::new(fourcc, config.width, config.height);
    raw.colorimetry = colorimetry(config);
    if fourcc == config.fourcc {
        raw.planes[0].bytes_per_line = config.stride.unwrap_or(0);
    }
    Ok(raw)
}

/// Returns the colorimetry in the kernel's numbers: `enum v4l2_colorspace` and so on.
fn colorimetry(config: &EncoderConfig) -> Colorimetry {
    let packed = config.colorimetry.to_v4l2();
    let [colorspace, xfer_func, ycbcr_enc, quantization] = packed.to_le_bytes().map(u32::from);
    Colorimetry {
        colorspace,
        xfer_func,
        ycbcr_enc,
        quantization,
    }
}

/// Checks the size against what the device announces, if it does; drivers adjust other sizes
/// silently.
fn check_size(config: &EncoderConfig, device: &Device, path: &Path) -> Result<(), CodecError> {
    let size = (config.width, config.height);
    let mut limits: Option<((u32, u32), (u32, u32))> = None;
    for announced in device.sizes(config.codec.fourcc()).flatten() {
        let (min, max) = match announced {
            FrameSize::Discrete { width, height } => ((width, height), (width, height)),
            FrameSize::Stepwise { min, max, .. } => (min, max),
        };
        let inside = |at: u32, min: u32, max: u32| (min..=max).contains(&at);
        if inside(size.0, min.0, max.0) && inside(size.1, min.1, max.1) {
            return Ok(());
        }
        let (least, most) = limits.unwrap_or((min, max));
        limits = Some((least.min(min), most.max(max)));
    }
    limits.map_or(Ok(()), |(min, max)| {
        Err(CodecError::DeviceSize {
            path: path.to_owned(),
            size,
            min,
            max,
        })
    })
}

/// Returns the rate control in the driver's terms.
pub(super) fn rate_control(control: RateControl) -> Rate {
    match control {
        RateControl::Constant(bits) => Rate::Constant(bits),
        RateControl::Variable { bitrate, peak } => Rate::Variable {
            average: bitrate,
            peak,
        },
        RateControl::Quantiser(value) => Rate::Quantiser(value.into()),
    }
}

fn tune(config: &EncoderConfig, encoder: &Encoder, path: &Path) -> Result<Tuned, CodecError> {
    let set = |tuning: &Tuning| {
        encoder.tune(tuning).map_err(|error| CodecError::Control {
            path: path.to_owned(),
            error,
        })
    };
    if let Some(profiles) = profiles(config)? {
        let mut tried = Ok(());
        for &profile in profiles {
            tried = set(&Tuning {
                profile: Some(profile),
                ..Tuning::default()
            })
            .map(drop);
            if tried.is_ok() {
                break;
            }
        }
        tried?;
    }
    match (config.codec, config.level) {
        (_, Some(asked)) => {
            let level = level_number(config.codec, asked);
            let level = level.ok_or(CodecError::Unsupported {
                what: "a level that the codec does not have",
                can: "1.0 to 6.2",
            })?;
            set(&Tuning {
                level: Some(level),
                ..Tuning::default()
            })?;
        }
        // With too low a level some devices produce nothing. If the level can't be set, the driver
        // decides.
        (Codec::H264, None) => {
            let level = level_number(Codec::H264, level::needs(config));
            let tuning = Tuning {
                level,
                ..Tuning::default()
            };
            match encoder.tune(&tuning) {
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    return Err(CodecError::Control {
                        path: path.to_owned(),
                        error,
                    });
                }
                _ => {}
            }
        }
        _ => {}
    }
    set(&Tuning {
        rate_control: Some(rate_control(config.rate_control)),
        quantiser_range: config
            .quantisers
            .map(|(finest, coarsest)| (finest.into(), coarsest.into())),
        gop: Some(gop(config, encoder)),
        b_frames: Some(0),
        parameter_sets: config.repeat_sets,
        ..Tuning::default()
    })
}

/// Returns the distance of key frames in the driver's terms, which have no "never".
fn gop(config: &EncoderConfig, encoder: &Encoder) -> u32 {
    if config.gop > 0 {
        return config.gop;
    }
    let most = match encoder.m2m().device().node().control(control::id::GOP_SIZE) {
        Ok(Some(info)) => info.maximum,
        _ => 0,
    };
    // The driver rejects 0, and its error names the limits of the control.
    u32::try_from(most)
        .ok()
        .filter(|_| most >= ENDLESS)
        .unwrap_or(0)
}

/// Returns the numbers of a profile, best first; `None` for a codec without profiles.
fn profiles(config: &EncoderConfig) -> Result<Option<&'static [u32]>, CodecError> {
    Ok(Some(match (config.codec, config.profile) {
        // Constrained Baseline, or plain Baseline for drivers that lack that entry.
        (Codec::H264, Profile::Baseline) => &[1, 0],
        (Codec::H264, Profile::Main) => &[2],
        (Codec::H264, Profile::High) => &[4],
        (Codec::H265, Profile::Main) => &[0],
        (Codec::H265, _) => {
            return Err(CodecError::Unsupported {
                what: "this profile in H.265",
                can: "Main",
            });
        }
        (Codec::Fwht | Codec::Mjpeg, _) => return Ok(None),
    }))
}

/// Returns the index of a level in `enum v4l2_mpeg_video_h264_level` or
/// `v4l2_mpeg_video_hevc_level`.
fn level_number(codec: Codec, level: Level) -> Option<u32> {
    const H264: [(u8, u8); 20] = [
        (1, 0),
        (1, 9),
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 0),
        (2, 1),
        (2, 2),
        (3, 0),
        (3, 1),
        (3, 2),
        (4, 0),
        (4, 1),
        (4, 2),
        (5, 0),
        (5, 1),
        (5, 2),
        (6, 0),
        (6, 1),
        (6, 2),
    ];
    const HEVC: [(u8, u8); 13] = [
        (1, 0),
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 1),
        (4, 0),
        (4, 1),
        (5, 0),
        (5, 1),
        (5, 2),
        (6, 0),
        (6, 1),
        (6, 2),
    ];
    let table = match codec {
        Codec::H264 => &H264[..],
        Codec::H265 => &HEVC,
        Codec::Fwht | Codec::Mjpeg => return None,
    };
    let at = table
        .iter()
        .position(|&at| at == (level.major, level.minor))?;
    u32::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_kernels_numbers() {
        let h264 = |major, minor| level_number(Codec::H264, Level::new(major, minor));
        // V4L2_MPEG_VIDEO_H264_LEVEL_1_0, _4_0, _6_2.
        assert_eq!(
            [h264(1, 0), h264(4, 0), h264(6, 2)],
            [Some(0), Some(11), Some(19)]
        );
        assert_eq!(h264(7, 0), None);
        let hevc = |major, minor| level_number(Codec::H265, Level::new(major, minor));
        // V4L2_MPEG_VIDEO_HEVC_LEVEL_1, _3_1, _6_2.
        assert_eq!(
            [hevc(1, 0), hevc(3, 1), hevc(6, 2)],
            [Some(0), Some(4), Some(12)]
        );
        assert_eq!(level_number(Codec::Fwht, Level::new(1, 0)), None);
    }

    #[test]
    fn a_profile_that_a_codec_does_not_have_is_refused() {
        let rate = FrameRate::fps(30).unwrap();
        let config = EncoderConfig::new(Codec::H265, FourCc::NV12, 640, 480, rate);
        assert_eq!(profiles(&config), Ok(Some(&[0][..])));
        assert!(profiles(&config.profile(Profile::High)).is_err());
        let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 640, 480, rate);
        assert_eq!(profiles(&config), Ok(Some(&[4][..])));
    }
}
