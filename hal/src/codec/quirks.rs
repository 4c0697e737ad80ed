//! What known drivers do otherwise than the kernel's documents say, as far as the codecs here act
//! upon it.
//!
//! Whatever can be asked of a driver (formats, limits, controls, counts) is asked and not listed.

/// Deviations of a driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// While draining, `VIDIOC_DQBUF` fails with `EPIPE` on the output queue, too, once the last
    /// buffer was taken: what the driver has read must be taken back before.
    pub collect_before_end: bool,
    /// A decoder that is told the true picture size reports no first change of source, so that
    /// it must be left at its placeholder.
    pub placeholder_size: bool,
    /// After a command to go on, `VIDIOC_DQBUF` still fails with `EPIPE`: the capture queue must be
    /// stopped and started, which begins a new stream.
    pub end_outlives_start: bool,
}

/// A row of [`TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// How `v4l2_capability.driver` begins.
    pub driver: &'static str,
    /// What it does otherwise.
    pub quirks: Quirks,
    /// Where that is to be seen.
    pub source: &'static str,
}

const NONE: Quirks = Quirks {
    collect_before_end: false,
    placeholder_size: false,
    end_outlives_start: false,
};

/// The known deviations, by driver.
///
/// Wave5, Wave6, Venus, Iris, MFC, MediaTek and Amphion have no row. What they lack (key frames on
/// demand, rate control modes, a way to say where parameter sets go) they can be asked for; where they
/// refuse a command that comes too early, the codecs here do not send it.
pub const TABLE: &[Row] = &[
    Row {
        driver: "vsi_v4l2",
        quirks: Quirks {
            collect_before_end: true,
            ..NONE
        },
        source: "nxp-imx/linux-imx, drivers/mxc/hantro_v4l2/vsi-v4l2-enc.c",
    },
    Row {
        driver: "bcm2835-codec",
        quirks: Quirks {
            placeholder_size: true,
            ..NONE
        },
        source: "raspberrypi/linux, drivers/staging/vc04_services/bcm2835-codec/bcm2835-v4l2-codec.c",
    },
    Row {
        driver: "vicodec",
        quirks: Quirks {
            end_outlives_start: true,
            ..NONE
        },
        source: "Linux 6.12, drivers/media/test-drivers/vicodec/vicodec-core.c: the command clears the \
                 state that it then looks at",
    },
];

impl Quirks {
    /// Those of a driver, by its name.
    #[must_use]
    pub fn of(driver: &str) -> Self {
        let mut rows = TABLE.iter();
        rows.find(|row| driver.starts_with(row.driver))
            .map_or(NONE, |row| row.quirks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_known_by_the_beginning_of_their_names() {
        assert!(Quirks::of("vsi_v4l2enc").collect_before_end);
        assert!(Quirks::of("bcm2835-codec-decode").placeholder_size);
        assert_eq!(Quirks::of("vivid"), Quirks::default());
        assert_eq!(Quirks::of(""), Quirks::default());
    }

    #[test]
    fn every_row_deviates_and_says_where() {
        for row in TABLE {
            assert_ne!(row.quirks, NONE, "{}", row.driver);
            assert!(row.source.contains('/'), "{}", row.driver);
        }
    }
}
