//! H.264 streams that start at a recovery point, without an IDR picture.
//!
//! The library waits for an IDR picture unless it conceals errors, and needs every frame's
//! predecessor. So grey pictures are decoded first, in place of the missing ones. They are not
//! displayed, and neither are pictures before the first complete one: those that follow the first
//! picture in the stream but precede it in display order, and those of a refresh over several
//! pictures.
//!
//! Source: ITU-T H.264, clauses 7.3.3 (slice header), 7.4.3 (`frame_num`) and D.2.8 (recovery
//! point).

use crate::bitstream::Codec;
use crate::bitstream::{BitWriter, NalKind, ParameterSets, first_slice, h264, sei};

/// Macroblocks of the largest picture in the standard (table A-1).
const MAX_MACROBLOCKS: u32 = 139_264;
/// First byte of a picture parameter set, and of a slice of a reference frame.
const PPS: u8 = 0x68;
const SLICE: u8 = 0x61;

/// How to decode the next picture of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Unchanged.
    Whole,
    /// Unchanged, after others that are not displayed.
    Begin {
        /// Decoded without the frames before it.
        first: Vec<u8>,
        others: Vec<Vec<u8>>,
        is_shown: bool,
    },
    /// Decoded, but not displayed.
    Hidden,
    /// Replaced by another picture, which is not displayed.
    Instead(Vec<u8>),
    /// Skipped: no other picture refers to it.
    Nothing,
}

impl Step {
    pub(super) fn is_shown(&self) -> bool {
        match self {
            Self::Whole => true,
            Self::Begin { is_shown, .. } => *is_shown,
            Self::Hidden | Self::Instead(_) | Self::Nothing => false,
        }
    }
}

/// Decides how to decode pictures until one is complete, and with it all later ones.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    sets: h264::Sets,
    counter: h264::Counter,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Start,
    Begun(Begun),
    Whole,
}

/// The values of the first picture.
#[derive(Debug, Clone, Copy)]
struct Begun {
    /// Picture order count.
    count: i64,
    /// Frame number, and the number of frames after which output is complete.
    number: u32,
    frames: u32,
    /// Number of an unused picture parameter set, for grey pictures.
    grey: u8,
}

impl Recovery {
    /// Returns how to decode the picture of this packet, the next one.
    pub(super) fn step(&mut self, packet: &[u8]) -> Step {
        if matches!(self.state, State::Whole) {
            return Step::Whole;
        }
        let step = self.beginning(packet);
        if step.is_none() {
            self.state = State::Whole;
        }
        step.unwrap_or(Step::Whole)
    }

    /// Handles the pictures before the first complete one, for which it returns `None`.
    fn beginning(&mut self, packet: &[u8]) -> Option<Step> {
        let (slice, frames) = self.first_slice(packet)?;
        let (slice, sps) = self.sets.slice(slice)?;
        let place = self.counter.position(&slice, sps);
        let (across, down) = sps.macroblocks;
        if place.begins || across.saturating_mul(down) > MAX_MACROBLOCKS {
            return None;
        }
        let mask = (1 << sps.number_bits) - 1;
        let picture = &slice.picture;
        match self.state {
            State::Start => {
                let begun = Begun {
                    count: place.count,
                    number: picture.number,
                    // The standard's limit; frame numbers could not reach a higher one.
                    frames: frames.min(mask),
                    grey: self.sets.unused_pps()?,
                };
                let step = begin(packet, &begun, picture.count[0], sps);
                self.state = State::Begun(begun);
                Some(step)
            }
            State::Begun(begun) if place.count < begun.count => Some(match picture.is_referred {
                true => Step::Instead(grey(begun.grey, picture.number, picture.count[0], sps)),
                false => Step::Nothing,
            }),
            State::Begun(begun) => {
                let frames = picture.number.wrapping_sub(begun.number) & mask;
                (frames < begun.frames).then_some(Step::Hidden)
            }
            State::Whole => None,
        }
    }

    /// Returns the first slice of a packet and the number of frames until recovery. Parameter sets
    /// before the slice are stored.
    fn first_slice<'a>(&mut self, packet: &'a [u8]) -> Option<(&'a [u8], u32)> {
        let mut frames = 0;
        let slice = first_slice(Codec::H264, packet, |nal| {
            match NalKind::of(Codec::H264, nal) {
                NalKind::Sei => frames = sei::recovery_point(nal).unwrap_or(frames),
                _ => self.sets.note(nal),
            }
        })?;
        Some((slice, frames))
    }
}

/// Returns a step that starts with grey pictures, one more than the first picture may refer to.
fn begin(packet: &[u8], begun: &Begun, count: i32, sps: &h264::Sps) -> Step {
    let before = |frames| grey(begun.grey, begun.number.wrapping_sub(frames), count, sps);
    let referred = u32::from(sps.references.max(1));
    let mut sets = ParameterSets::new(Codec::H264);
    sets.add_all(packet);
    let mut first = sets.to_bytes();
    first.extend(grey_pps(begun.grey, sps.id));
    first.extend(before(referred + 1));
    Step::Begin {
        first,
        others: (1..=referred).rev().map(before).collect(),
        is_shown: begun.frames == 0,
    }
}

/// Returns a picture parameter set for [`grey`] pictures.
fn grey_pps(id: u8, sps: u8) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.ue(id.into());
    bits.ue(sps.into());
    // CAVLC, one order count for both fields; one slice group, one reference picture.
    bits.bits(2, 0);
    bits.bits(3, 0b111);
    // No weights, no quantiser offsets, nothing optional in slices.
    bits.bits(3, 0);
    bits.bits(3, 0b111);
    bits.bits(3, 0);
    nal(PPS, bits)
}

/// Returns a frame in one slice that is predicted from nothing, and so grey.
fn grey(pps: u8, number: u32, count: i32, sps: &h264::Sps) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.ue(0);
    // All slices are I slices.
    bits.ue(7);
    bits.ue(pps.into());
    bits.bits(sps.number_bits.into(), number);
    match &sps.count {
        h264::Count::Coded { bits: low } => bits.bits(u32::from(*low), count as u32),
        h264::Count::Cycle(cycle) if !cycle.always_zero => bits.ue(0),
        _ => {}
    }
    // The oldest frame is dropped; no quantiser offset.
    bits.bits(1, 0);
    bits.ue(0);
    for _ in 0..sps.macroblocks.0 * sps.macroblocks.1 {
        // I_16x16_2_0_0, DC prediction of chroma, no quantiser offset, no coefficients.
        bits.bits(8, 0b0010_0111);
    }
    nal(SLICE, bits)
}

fn nal(first: u8, mut bits: BitWriter) -> Vec<u8> {
    bits.bits(1, 1);
    [&[0, 0, 0, 1, first], &*bits.finish()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitstream::nal_units;
    use crate::bitstream::testing::{IDR, NOT_REFERRED, REFERRED, Slice, Writer, pps, sps};

    fn slice(first: u8, number: u32, low: u32) -> Vec<u8> {
        Slice::new(first, number, low).nal()
    }

    /// Returns a first picture that is complete after `frames` frames: 0 or 5.
    fn start(frames: u32, number: u32, low: u32) -> Vec<u8> {
        let code = if frames == 0 { 0xc4 } else { 0x34 };
        let message = vec![0, 0, 1, 6, 6, 1, code, 0x80];
        let parts = [sps(0, true), pps(0), message, slice(REFERRED, number, low)];
        parts.concat()
    }

    /// Frame number, low bits of the order count, and number of NAL units of a grey picture's
    /// packet.
    fn read(sets: &mut h264::Sets, packet: &[u8]) -> (u32, i32, usize) {
        let mut read = None;
        for (_, nal) in nal_units(packet) {
            sets.note(nal);
            read = sets.slice(nal).map(|(slice, _)| slice.picture).or(read);
        }
        let picture = read.unwrap();
        assert!(picture.is_referred && picture.idr.is_none());
        (picture.number, picture.count[0], nal_units(packet).count())
    }

    #[test]
    fn missing_frames_are_filled_before_the_first() {
        let mut sets = h264::Sets::default();
        let Step::Begin {
            first,
            others,
            is_shown,
        } = Recovery::default().step(&start(0, 1, 8))
        else {
            panic!("nothing in front");
        };
        assert!(is_shown);
        // One reference frame: frame numbers of 4 bits wrap around.
        assert_eq!(read(&mut sets, &first), (15, 8, 4));
        let others: Vec<_> = others.iter().map(|other| read(&mut sets, other)).collect();
        assert_eq!(others, [(0, 8, 1)]);
    }

    #[test]
    fn pictures_shown_before_the_first_one_are_not_shown() {
        let mut recovery = Recovery::default();
        let Step::Begin { first, .. } = recovery.step(&start(0, 1, 8)) else {
            panic!("nothing in front");
        };
        let mut sets = h264::Sets::default();
        read(&mut sets, &first);
        let Step::Instead(other) = recovery.step(&slice(REFERRED, 2, 4)) else {
            panic!("another one refers to it");
        };
        assert_eq!(read(&mut sets, &other), (2, 4, 1));
        assert_eq!(recovery.step(&slice(NOT_REFERRED, 3, 6)), Step::Nothing);
        assert_eq!(recovery.step(&slice(REFERRED, 3, 10)), Step::Whole);
        // Later pictures are complete.
        assert_eq!(recovery.step(&slice(NOT_REFERRED, 4, 6)), Step::Whole);
    }

    #[test]
    fn a_refresh_is_hidden_until_its_end() {
        let mut recovery = Recovery::default();
        let begins = recovery.step(&start(5, 13, 0));
        assert!(matches!(begins, Step::Begin { is_shown, .. } if !is_shown));
        for (at, number) in [14, 15, 0, 1].into_iter().enumerate() {
            let low = 2 * (at as u32 + 1);
            assert_eq!(recovery.step(&slice(REFERRED, number, low)), Step::Hidden);
        }
        assert_eq!(recovery.step(&slice(REFERRED, 2, 10)), Step::Whole);
    }

    #[test]
    fn a_refresh_ends_before_numbers_come_again() {
        let mut recovery = Recovery::default();
        let mut first = [sps(0, true), pps(0)].concat();
        // 99 frames, though a frame number has 4 bits.
        first.extend([0, 0, 1, 6, 6, 2, 0x03, 0x24, 0x80]);
        first.extend(slice(REFERRED, 13, 0));
        assert!(matches!(recovery.step(&first), Step::Begin { .. }));
        let steps = (1..=15).map(|at| recovery.step(&slice(REFERRED, (13 + at) % 16, 2 * at % 16)));
        let shown = steps.filter(|step| *step == Step::Whole).count();
        assert_eq!(shown, 1);
    }

    #[test]
    fn idr_pictures_and_bad_headers_stay_unchanged() {
        let idr = [sps(0, true), pps(0), slice(IDR, 0, 0)].concat();
        // 65536x65537 macroblocks, which overflow 32 bits, cropped to 320x240.
        let vast = Writer::default().bits(8, 77).bits(8, 0).bits(8, 30);
        let vast = vast.ue(0).ue(0).ue(0).ue(0).ue(1).bits(1, 0);
        let vast = vast.ue(65_535).ue(65_536).bits(3, 0b101);
        let vast = vast.ue(0).ue(524_128).ue(0).ue(524_176).bits(1, 0);
        let vast = [vast.nal(0x67), pps(0), slice(REFERRED, 1, 8)].concat();
        for packet in [
            &idr[..],
            &vast,
            &slice(REFERRED, 3, 0),
            &[0, 0, 1, 0x41, 0xff],
            &[],
        ] {
            let mut recovery = Recovery::default();
            assert_eq!(recovery.step(packet), Step::Whole);
            assert_eq!(recovery.step(&start(0, 1, 8)), Step::Whole);
        }
        let mut recovery = Recovery::default();
        recovery.step(&start(5, 13, 0));
        assert_eq!(recovery.step(&idr), Step::Whole);
    }
}
