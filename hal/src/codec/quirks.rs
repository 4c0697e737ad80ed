//! Known deviations of drivers from the kernel's documents, as far as the codecs here handle them.
//!
//! What can be queried from a driver (formats, limits, controls, counts) is queried and not listed.

/// Deviations of a driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// While draining, `VIDIOC_DQBUF` fails with `EPIPE` on the output queue, too, once the last
    /// buffer was taken: what the driver has read must be dequeued before that.
    pub collect_before_end: bool,
    /// A decoder that is given the true picture size does not report the first source change, so it
    /// must be left at its placeholder size.
    pub placeholder_size: bool,
    /// After a resume command, `VIDIOC_DQBUF` still fails with `EPIPE`: the capture queue must be
    /// stopped and started, which begins a new stream.
    pub end_outlives_start: bool,
}

/// A row of [`TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Prefix of `v4l2_capability.driver`.
    pub driver: &'static str,
    /// How it deviates.
    pub quirks: Quirks,
    /// The source that shows the deviation.
    pub source: &'static str,
}

const NONE: Quirks = Quirks {
    collect_before_end: false,
    placeholder_size: false,
    end_outlives_start: false,
};

/// The known deviations, one row for each driver. The first row that matches applies: a longer
/// name comes before its beginning.
///
/// Wave5, Wave6, Venus, Iris, MFC, MediaTek, and Amphion have no row. What they lack (key frames on
/// demand, rate control modes, the placement of parameter sets) can be queried; where they refuse a
/// command that comes too early, the codecs here do not send it.
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
        source: "raspberrypi/linux, \
                 drivers/staging/vc04_services/bcm2835-codec/bcm2835-v4l2-codec.c",
    },
    Row {
        driver: "vicodec",
        quirks: Quirks {
            end_outlives_start: true,
            ..NONE
        },
        source: "Linux 6.12, drivers/media/test-drivers/vicodec/vicodec-core.c: the command clears \
                 the state that it then looks at",
    },
];

impl Quirks {
    /// Returns the deviations of a driver, by its name.
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
    fn no_row_is_hidden_by_an_earlier_one() {
        for row in TABLE {
            assert_eq!(Quirks::of(row.driver), row.quirks, "{}", row.driver);
        }
        for (at, row) in TABLE.iter().enumerate() {
            let earlier = &mut TABLE[..at].iter();
            assert!(
                !earlier.any(|e| row.driver.starts_with(e.driver)),
                "{}",
                row.driver
            );
        }
    }

    #[test]
    fn every_row_deviates_and_says_where() {
        for row in TABLE {
            assert_ne!(row.quirks, NONE, "{}", row.driver);
            assert!(row.source.contains('/'), "{}", row.driver);
        }
    }
}
