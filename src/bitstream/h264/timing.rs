//! Adding timing to sequence parameter sets without it.
//!
//! Source: ITU-T H.264, clause E.1.1 (`timing_info_present_flag`).

use super::super::bits::{BitWriter, Bits};
use super::super::nal::{NalKind, find_start, nal_units};
use super::Sps;
use crate::bitstream::Codec;
use crate::frame_rate::FrameRate;

/// Returns the byte stream with this rate in its sequence parameter sets; `None` if they carry one
/// already or there are none.
pub(crate) fn with_rate(stream: &[u8], rate: FrameRate) -> Option<Vec<u8>> {
    // A packet that does not start with parameter sets has none.
    let (_, first) = find_start(stream, 0)?;
    if !matches!(stream.get(first).map(|byte| byte & 0x1f), Some(7 | 9)) {
        return None;
    }
    let mut whole = Vec::new();
    let mut copied = 0;
    for (at, nal) in nal_units(stream) {
        if NalKind::of(Codec::H264, nal) != NalKind::Sps {
            continue;
        }
        let Some(set) = set_with_rate(nal, rate) else {
            continue;
        };
        whole.extend(&stream[copied..at]);
        whole.extend([0, 0, 0, 1]);
        whole.extend(set);
        let len = stream[at..].iter().take_while(|byte| **byte == 0).count() + 1 + nal.len();
        copied = at + len;
    }
    (copied > 0).then(|| {
        whole.extend(&stream[copied..]);
        whole
    })
}

fn set_with_rate(nal: &[u8], rate: FrameRate) -> Option<Vec<u8>> {
    let timing_at = Sps::read(nal)?.vui.no_timing_at?;
    let mut from = Bits::new(nal.get(1..)?);
    let mut to = BitWriter::default();
    for _ in 0..timing_at {
        to.bits(1, from.flag()?.into());
    }
    from.skip(1)?;
    to.bits(1, 1);
    // One tick is the duration of a field.
    to.bits(32, rate.seconds());
    to.bits(32, rate.frames().checked_mul(2)?);
    // Not `fixed_frame_rate_flag`: the rate is nominal.
    to.bits(1, 0);
    // The rest, with the stop bit.
    let rest: Vec<_> = std::iter::from_fn(|| from.flag()).collect();
    let end = rest.iter().rposition(|bit| *bit)?;
    for bit in &rest[..=end] {
        to.bits(1, (*bit).into());
    }
    Some([&nal[..1], &to.finish()].concat())
}

#[cfg(test)]
mod tests {
    use super::super::super::stream_info;
    use super::super::super::testing::{IDR, Slice, pps, sps};
    use super::*;

    #[test]
    fn sets_get_the_rate_that_they_lack() {
        let slice = Slice::new(IDR, 0, 0).nal();
        let stream = [&[0][..], &sps(2, true), &pps(0), &slice].concat();
        let rate = FrameRate::new(30_000, 1001).unwrap();
        let before = stream_info(Codec::H264, &stream).unwrap();
        let timed = with_rate(&stream, rate).unwrap();
        let info = stream_info(Codec::H264, &timed).unwrap();
        assert_eq!((before.rate, info.rate), (None, Some(rate)));
        assert_eq!((info.width, info.reorder), (before.width, before.reorder));
        assert!(timed.ends_with(&[pps(0), slice.clone()].concat()));
        // A second call changes nothing.
        assert_eq!(with_rate(&timed, rate), None);
        assert_eq!(with_rate(&slice, rate), None);
    }
}
