//! Setting a device up as a configuration says, or telling what it can't do.

use std::path::Path;

use videostream_hal::codec::{Encoder, EncoderWishes, RateControl as Rate, Tuned, Tuning};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{
    Colorimetry, Device, Error, ErrorKind, Fraction, FrameSize, PixFormat, SelectionRect, control,
};

use crate::FrameRate;
use crate::encode::{Codec, EncodeError, EncoderConfig, Level, Profile, RateControl, level};

/// `V4L2_CID_MPEG_VIDEO_GOP_SIZE` of a driver stands for "no key frames but the first" from here on.
const ENDLESS: i64 = 1000;

/// Formats, size, rate, crop rectangle and controls of a device that encodes the codec.
pub(super) fn configure(
    config: &EncoderConfig,
    device: Device,
    path: &Path,
) -> Result<(Box<Encoder>, Tuned), EncodeError> {
    let wishes = EncoderWishes {
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
    let encoder = Encoder::new(device, &wishes).map(Box::new);
    let encoder = encoder.map_err(|error| match (error, config.crop) {
        (Error::Argument { name, .. }, Some(rect)) if name.starts_with("crop") => {
            EncodeError::DeviceCrop {
                path: path.to_owned(),
                rect,
            }
        }
        _ => EncodeError::Device {
            path: path.to_owned(),
            error,
        },
    })?;
    check_rate(config, encoder.interval(), path)?;
    let tuned = tune(config, &encoder, path)?;
    Ok((encoder, tuned))
}

/// Seconds per picture.
pub(super) fn interval(rate: FrameRate) -> Fraction {
    Fraction::new(rate.seconds(), rate.frames())
}

/// Whether the device keeps to the rate, as far as something depends on it.
pub(super) fn check_rate(
    config: &EncoderConfig,
    set: Option<Fraction>,
    path: &Path,
) -> Result<(), EncodeError> {
    let can = set.and_then(|set| FrameRate::new(set.denominator, set.numerator).ok());
    let ok = match can {
        Some(can) => (can.as_f64() / config.rate.as_f64() - 1.0).abs() < 0.01,
        None => config.rate_control.bitrate().is_none(),
    };
    if ok {
        return Ok(());
    }
    Err(EncodeError::DeviceRate {
        path: path.to_owned(),
        rate: config.rate,
        can,
    })
}

/// The format of pictures to ask for: the one of the configuration, or the same with its planes together or apart.
fn raw(config: &EncoderConfig, device: &Device, path: &Path) -> Result<PixFormat, EncodeError> {
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
        return Err(EncodeError::DeviceFormat {
            path: path.to_owned(),
            fourcc: config.fourcc,
            takes,
        });
    };
    let mut raw = PixFormat::wish(fourcc, config.width, config.height);
    raw.colorimetry = colorimetry(config);
    if fourcc == config.fourcc {
        raw.planes[0].bytes_per_line = config.stride.unwrap_or(0);
    }
    Ok(raw)
}

/// As the kernel numbers them: `enum v4l2_colorspace` and so on.
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

/// Whether the size lies in what the device announces, if it does: drivers change others in silence.
fn check_size(config: &EncoderConfig, device: &Device, path: &Path) -> Result<(), EncodeError> {
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
        Err(EncodeError::DeviceSize {
            path: path.to_owned(),
            size,
            min,
            max,
        })
    })
}

/// How the device is to spend bits.
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

fn tune(config: &EncoderConfig, encoder: &Encoder, path: &Path) -> Result<Tuned, EncodeError> {
    let set = |tuning: &Tuning| {
        encoder.tune(tuning).map_err(|error| EncodeError::Control {
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
            let level = level.ok_or(EncodeError::Unsupported {
                what: "a level that the codec does not have",
                can: "1.0 to 6.2",
            })?;
            set(&Tuning {
                level: Some(level),
                ..Tuning::default()
            })?;
        }
        // A level that is too low makes some devices give nothing; one that can't be set is the driver's matter.
        (Codec::H264, None) => {
            let level = level_number(Codec::H264, level::needs(config));
            let tuning = Tuning {
                level,
                ..Tuning::default()
            };
            match encoder.tune(&tuning) {
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    return Err(EncodeError::Control {
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

/// Frames from key frame to key frame in the driver's terms, in which there is no "never".
fn gop(config: &EncoderConfig, encoder: &Encoder) -> u32 {
    if config.gop > 0 {
        return config.gop;
    }
    let most = match encoder.device().control(control::id::GOP_SIZE) {
        Ok(Some(info)) => info.maximum,
        _ => 0,
    };
    // A 0 is refused, with the limits of the control.
    u32::try_from(most)
        .ok()
        .filter(|_| most >= ENDLESS)
        .unwrap_or(0)
}

/// The numbers of a profile, the best first; `None` for a codec without.
fn profiles(config: &EncoderConfig) -> Result<Option<&'static [u32]>, EncodeError> {
    Ok(Some(match (config.codec, config.profile) {
        // Constrained Baseline, or what a driver that has no such entry means by Baseline.
        (Codec::H264, Profile::Baseline) => &[1, 0],
        (Codec::H264, Profile::Main) => &[2],
        (Codec::H264, Profile::High) => &[4],
        (Codec::H265, Profile::Main) => &[0],
        (Codec::H265, _) => {
            return Err(EncodeError::Unsupported {
                what: "this profile in H.265",
                can: "Main",
            });
        }
        (Codec::Fwht | Codec::Mjpeg, _) => return Ok(None),
    }))
}

/// The place of a level in `enum v4l2_mpeg_video_h264_level` or `v4l2_mpeg_video_hevc_level`.
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
