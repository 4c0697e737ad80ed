//! Parsing links and formats of the command line.

use videostream::hal::media::{MbusCode, MbusFormat};
use videostream::hal::v4l2::Field;
use videostream::media::PadName;

use crate::args::size;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinkSetting {
    pub(super) source: PadName,
    pub(super) sink: PadName,
    pub(super) on: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FormatSetting {
    pub(super) pad: PadName,
    pub(super) format: MbusFormat,
}

/// Parses `Sensor A:0`, with or without quotes around the name.
fn pad(text: &str) -> Option<PadName> {
    let (entity, index) = text.trim().rsplit_once(':')?;
    let entity = entity.trim().trim_matches('"');
    (!entity.is_empty()).then_some(PadName {
        entity: entity.to_owned(),
        index: index.trim().parse().ok()?,
    })
}

/// Parses `Debayer A:1->Scaler:0=on`.
pub(super) fn link(text: &str) -> Result<LinkSetting, String> {
    let parsed = || {
        let (ends, state) = text.rsplit_once('=')?;
        let (source, sink) = ends.split_once("->")?;
        Some(LinkSetting {
            source: pad(source)?,
            sink: pad(sink)?,
            on: match state.trim() {
                "on" | "1" => true,
                "off" | "0" => false,
                _ => return None,
            },
        })
    };
    parsed().ok_or_else(|| "expected ENTITY:PAD->ENTITY:PAD=on or =off".to_owned())
}

/// Parses `Sensor A:0=SBGGR8_1X8/640x480`.
pub(super) fn format(text: &str) -> Result<FormatSetting, String> {
    let expected = "expected ENTITY:PAD=CODE/WIDTHxHEIGHT, such as 'ov5640:0=UYVY8_1X16/640x480'";
    let parts = || {
        let (at, format) = text.rsplit_once('=')?;
        let (code, wide) = format.rsplit_once('/')?;
        Some((pad(at)?, code.trim(), wide.trim()))
    };
    let (pad, code, wide) = parts().ok_or_else(|| expected.to_owned())?;
    let code = MbusCode::from_name(code)
        .ok_or_else(|| format!("{code} is not a media bus format; {expected}"))?;
    let (width, height) = size(wide)?;
    let mut format = MbusFormat::new(code, width, height);
    format.field = Field::None;
    Ok(FormatSetting { pad, format })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_with_and_without_quotes() {
        let requested = link("Debayer A:1->Scaler:0=on").unwrap();
        assert_eq!(requested.source.to_string(), "\"Debayer A\":1");
        assert_eq!(
            requested,
            link("\"Debayer A\":1 -> \"Scaler\":0=1").unwrap()
        );
        assert!(!link("a:0->b:1=off").unwrap().on);
        // Names may contain colons and hyphens.
        let requested = link("i2c:4-0036:0->rkisp1_csi:0=on").unwrap();
        assert_eq!(requested.source.entity, "i2c:4-0036");
        for wrong in [
            "",
            "a->b=on",
            "a:0->b:0",
            "a:0->b:0=maybe",
            ":0->b:0=on",
            "a:x->b:0=on",
        ] {
            assert!(link(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn formats_are_read_by_the_kernels_names() {
        let requested = format("imx219 10-0010:0=SRGGB10_1X10/1920x1080").unwrap();
        assert_eq!(requested.format.to_string(), "SRGGB10_1X10/1920x1080");
        assert_eq!(requested.pad.entity, "imx219 10-0010");
        for wrong in [
            "",
            "a:0=1920x1080",
            "a:0=NV12/64x64",
            "a:0=SRGGB10_1X10/64",
            "a=Y8_1X8/1x1",
        ] {
            assert!(format(wrong).is_err(), "{wrong}");
        }
    }
}
