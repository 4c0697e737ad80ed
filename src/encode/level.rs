//! The H.264 level that a configuration needs.
//!
//! Source: ITU-T H.264, table A-1 (limits of levels) and clause A.3.1 (bits per second).

use crate::codec::CodecError;
use crate::encode::{EncoderConfig, Level};

/// Level, macroblocks per second, macroblocks per picture, kbit/s.
const LEVELS: [(Level, u64, u64, u64); 16] = [
    (Level::new(1, 0), 1_485, 99, 64),
    (Level::new(1, 1), 3_000, 396, 192),
    (Level::new(1, 2), 6_000, 396, 384),
    (Level::new(1, 3), 11_880, 396, 768),
    (Level::new(2, 0), 11_880, 396, 2_000),
    (Level::new(2, 1), 19_800, 792, 4_000),
    (Level::new(2, 2), 20_250, 1_620, 4_000),
    (Level::new(3, 0), 40_500, 1_620, 10_000),
    (Level::new(3, 1), 108_000, 3_600, 14_000),
    (Level::new(3, 2), 216_000, 5_120, 20_000),
    (Level::new(4, 0), 245_760, 8_192, 20_000),
    (Level::new(4, 1), 245_760, 8_192, 50_000),
    (Level::new(4, 2), 522_240, 8_704, 50_000),
    (Level::new(5, 0), 589_824, 22_080, 135_000),
    (Level::new(5, 1), 983_040, 36_864, 240_000),
    (Level::new(5, 2), 2_073_600, 36_864, 240_000),
];

/// Checks that a configuration fits into its level.
#[cfg_attr(
    not(feature = "software"),
    expect(dead_code, reason = "devices check it themselves")
)]
pub(super) fn check(config: &EncoderConfig) -> Result<(), CodecError> {
    let Some(asked) = config.level else {
        return Ok(());
    };
    if !LEVELS.iter().any(|(level, ..)| *level == asked) {
        return Err(CodecError::Unsupported {
            what: "a level that H.264 does not have",
            can: "levels 1.0 to 1.3, 2.0 to 2.2, 3.0 to 3.2, 4.0 to 4.2 and 5.0 to 5.2",
        });
    }
    let needs = needs(config);
    if asked < needs {
        return Err(CodecError::Level { asked, needs });
    }
    Ok(())
}

/// Returns the lowest level that allows size, rate and bitrate; the highest if none does.
pub(super) fn needs(config: &EncoderConfig) -> Level {
    let visible = config.visible();
    let (across, down) = (visible.width.div_ceil(16), visible.height.div_ceil(16));
    let picture = u64::from(across) * u64::from(down);
    let side = u64::from(across.max(down));
    let (frames, seconds) = (
        u64::from(config.rate.frames()),
        u64::from(config.rate.seconds()),
    );
    let bits = u64::from(config.rate_control.bitrate().unwrap_or(0));
    let fits = |&&(_, per_second, per_picture, kilobits): &&(Level, u64, u64, u64)| {
        picture <= per_picture
            && picture * frames <= per_second * seconds
            // A side may be at most sqrt(8 * per_picture) macroblocks.
            && side * side <= 8 * per_picture
            && bits <= kilobits * 1000
    };
    let (level, ..) = LEVELS.iter().find(fits).unwrap_or(&LEVELS[15]);
    *level
}

#[cfg(test)]
mod tests {
    use videostream_hal::format::FourCc;

    use super::*;
    use crate::FrameRate;
    use crate::encode::{Codec, RateControl};

    #[test]
    fn the_lowest_level_is_that_of_the_table() {
        let of = |width, height, fps, bits| {
            let rate = FrameRate::fps(fps).unwrap();
            let config = EncoderConfig::new(Codec::H264, FourCc::NV12, width, height, rate);
            needs(&config.rate_control(RateControl::Constant(bits))).to_string()
        };
        assert_eq!(of(640, 360, 30, 1_000_000), "3.0");
        assert_eq!(of(1280, 720, 30, 5_000_000), "3.1");
        assert_eq!(of(1280, 720, 60, 5_000_000), "3.2");
        assert_eq!(of(1280, 720, 30, 30_000_000), "4.1");
        assert_eq!(of(1920, 1080, 30, 8_000_000), "4.0");
        assert_eq!(of(1920, 1080, 60, 8_000_000), "4.2");
        assert_eq!(of(3840, 2160, 30, 8_000_000), "5.1");
        assert_eq!(of(3840, 16, 1, 10_000), "4.0");
    }
}
