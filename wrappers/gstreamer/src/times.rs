//! Converting between a pipeline's clock and `CLOCK_MONOTONIC`.

use gst::prelude::*;
use videostream::hal::time::now_ns;

/// Caps of reference timestamps on `CLOCK_MONOTONIC`.
pub(crate) const MONOTONIC: &str = "timestamp/x-system-monotonic";

/// The offset of a pipeline's clock to `CLOCK_MONOTONIC`.
#[derive(Debug, Default)]
pub(crate) struct ClockOffset {
    /// The clock, and whether it is `CLOCK_MONOTONIC`.
    known: Option<(gst::Clock, bool)>,
}

impl ClockOffset {
    /// Returns how far `CLOCK_MONOTONIC` is ahead of a clock, in nanoseconds.
    pub(crate) fn ahead_ns(&mut self, clock: gst::Clock) -> i64 {
        let (clock, is_monotonic) = match &mut self.known {
            Some(known) if known.0 == clock => known,
            known => {
                let is_monotonic = is_monotonic(&clock);
                known.insert((clock, is_monotonic))
            }
        };
        if *is_monotonic {
            return 0;
        }
        let look = || {
            let before = now_ns();
            let time = clock.time().nseconds();
            let took = now_ns() - before;
            (took, (before + took / 2).cast_signed() - time.cast_signed())
        };
        // Preemption between the two readings would falsify the offset: take the quickest of three.
        let looks = [look(), look(), look()];
        looks.into_iter().min().map_or(0, |(_, ahead)| ahead)
    }
}

/// Whether a clock is the system clock on `CLOCK_MONOTONIC`.
fn is_monotonic(clock: &gst::Clock) -> bool {
    let system = clock.downcast_ref::<gst::SystemClock>();
    system.is_some_and(|clock| {
        clock.property::<gst::ClockType>("clock-type") == gst::ClockType::Monotonic
    })
}

/// Returns the capture time of a buffer's reference timestamp.
pub(crate) fn taken_ns(buffer: &gst::BufferRef) -> Option<u64> {
    let metas = buffer.iter_meta::<gst::ReferenceTimestampMeta>();
    let mut monotonic = metas.filter(|meta| {
        let name = meta.reference().structure(0).map(|s| s.name().as_str());
        name == Some(MONOTONIC)
    });
    monotonic.next().map(|meta| meta.timestamp().nseconds())
}
