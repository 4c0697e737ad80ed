//! Decoding H.265 with the system's libde265.
//!
//! The library returns pictures in decoding order. If the display order differs (B pictures), they
//! are copied and held here until their turn.

mod de265;

use std::mem;

use videostream_hal::format::{FourCc, Layout};

use self::de265::De265;
use crate::bitstream::{Codec, Packet};
use crate::bitstream::{DisplayPosition, NalKind, ParameterSets, h265, nal_units};
use crate::codec::CodecError;
use crate::decode::software::library_picture::LibraryPicture;
use crate::picture::{Picture, PictureMut};

/// `DE265_WARNING_SLICEHEADER_INVALID`: reported for headers that are not given to the library.
const BAD_HEADER: i64 = 1007;
/// Samples of the largest picture of any level (6.2), and the longest side.
const MAX_SAMPLES: u64 = 35_651_584;
const MAX_SIDE: u32 = 16_888;
/// An end of sequence NAL unit, of two bytes.
const END: [u8; 2] = [36 << 1, 1];

/// A decoder, and pictures that are out of order.
#[derive(Debug)]
pub(super) struct H265 {
    /// `None` after damage, since its state would harm the next key frame.
    decoder: Option<De265>,
    /// The parameter sets of the stream: raw, and parsed for reading slice headers.
    sets: ParameterSets,
    headers: h265::Sets,
    counter: h265::Counter,
    /// The sequence has ended; the library is told before the next picture.
    ended: bool,
    /// The picture in the library's memory that was not received yet.
    shown: Option<(LibraryPicture, u64)>,
    /// Counter of sequences; each is displayed before the next.
    sequence: u64,
    /// The most pictures to reorder.
    reorder: usize,
    held: Vec<ReorderedPicture>,
    /// The held picture that was received last.
    lent: Option<ReorderedPicture>,
    spare: Vec<Vec<u8>>,
}

/// Properties of a picture from its header, before it is decoded.
struct Header {
    place: DisplayPosition,
    /// The most pictures to reorder.
    reorder: usize,
    is_shown: bool,
}

/// A copy of a picture, to be displayed later.
#[derive(Debug)]
struct ReorderedPicture {
    /// Sequence and order count.
    turn: (u64, i64),
    layout: Layout,
    bytes: Vec<u8>,
    pts_ns: u64,
}

impl H265 {
    pub(super) fn new() -> Result<Self, CodecError> {
        Ok(Self {
            // Fails here, when the decoder is created, if the library is missing.
            decoder: Some(De265::new()?),
            sets: ParameterSets::new(Codec::H265),
            headers: h265::Sets::default(),
            counter: h265::Counter::default(),
            ended: false,
            shown: None,
            sequence: 0,
            reorder: 0,
            held: Vec::new(),
            lent: None,
            spare: Vec::new(),
        })
    }

    pub(super) fn submit(&mut self, packet: &Packet<'_>) -> Result<(), CodecError> {
        if self.shown.is_some() || self.next_held(false).is_some() {
            return Err(CodecError::OutputWaiting);
        }
        let result = self.decode(packet);
        if result.is_err() {
            self.decoder = None;
            self.counter.begin();
            self.ended = false;
            // Pictures held so far are displayed; none can come between them any more.
            self.sequence += 1;
        }
        result
    }

    pub(super) fn receive(
        &mut self,
        finished: bool,
    ) -> Result<Option<(Picture<'_>, u64)>, CodecError> {
        // Pictures of earlier sequences come first.
        if let Some(at) = self.next_held(finished) {
            let held = self.held.swap_remove(at);
            self.spare.extend(self.lent.take().map(|held| held.bytes));
            let held = self.lent.insert(held);
            let picture = Picture::new(&held.bytes, &held.layout).map_err(CodecError::Picture)?;
            return Ok(Some((picture, held.pts_ns)));
        }
        match (self.shown.take(), &self.decoder) {
            (Some((shown, pts_ns)), Some(decoder)) => Ok(Some((decoder.picture(&shown)?, pts_ns))),
            _ => Ok(None),
        }
    }

    /// Returns the index of the held picture to display next.
    fn next_held(&self, finished: bool) -> Option<usize> {
        let (at, first) = self
            .held
            .iter()
            .enumerate()
            .min_by_key(|(_, held)| held.turn)?;
        let due = finished || first.turn.0 < self.sequence || self.held.len() > self.reorder;
        due.then_some(at)
    }

    fn decode(&mut self, packet: &Packet<'_>) -> Result<(), CodecError> {
        let pts_ns = packet.pts_ns();
        let (mut sets, mut units) = (Vec::new(), Vec::new());
        let mut begins = false;
        let mut header = None;
        let mut ends = false;
        let mut empty = true;
        for (_, nal) in nal_units(packet.annex_b()) {
            empty = false;
            let kind = NalKind::of(Codec::H265, nal);
            if kind.is_set() {
                if kind == NalKind::Sps {
                    supported(nal, pts_ns)?;
                }
                self.headers.note(nal);
                // The library takes repeated sets for changed ones, and pictures would lose their
                // references.
                if self.sets.add(nal).ok_or(corrupt(pts_ns, BAD_HEADER))? {
                    begins |= kind != NalKind::Pps;
                    sets.push(nal.to_vec());
                }
            } else if kind.is_slice() {
                let found = self.header(nal).filter(|found| match header {
                    None => found.is_some(),
                    Some(_) => found.is_none(),
                });
                // Slices of two pictures, no first slice, or an invalid one.
                let found = found.ok_or(corrupt(pts_ns, BAD_HEADER))?;
                header = header.or(found);
                units.push(nal);
            } else {
                ends |= h265::is_end(nal);
            }
        }
        if empty {
            return Err(corrupt(pts_ns, BAD_HEADER));
        }
        let picture = header.and_then(|header| self.picture(&header));
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => De265::new()?,
        };
        if mem::take(&mut self.ended) {
            decoder.prepare(&[&END], pts_ns)?;
        }
        self.ended = ends;
        // With another sequence parameter set the library drops the picture parameter sets.
        let sets: Vec<_> = match begins || decoder.is_new() {
            true => self.sets.all().collect(),
            false => sets.iter().map(Vec::as_slice).collect(),
        };
        if !sets.is_empty() {
            decoder.prepare(&sets, pts_ns)?;
        }
        if let Some(picture) = picture {
            let shown = decoder.decode(&units, pts_ns, picture.is_shown)?;
            self.keep(&decoder, shown, &picture, pts_ns)?;
        }
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Parses a slice header if it is the first of its picture; `None` if it is invalid.
    #[expect(clippy::option_option, reason = "nothing to say is not nonsense")]
    fn header(&self, nal: &[u8]) -> Option<Option<(h265::Slice, h265::Sps)>> {
        // `first_slice_segment_in_pic_flag`.
        if nal.get(2)? & 0x80 == 0 {
            return Some(None);
        }
        let (slice, sps) = self.headers.slice(nal)?;
        Some(Some((slice, *sps)))
    }

    /// Returns the position of the picture of a first slice; `None` if it refers to pictures before
    /// the start of decoding.
    fn picture(&mut self, (slice, sps): &(h265::Slice, h265::Sps)) -> Option<Header> {
        Some(Header {
            place: self.counter.position(slice, sps)?,
            reorder: sps.reorder.into(),
            is_shown: slice.is_shown,
        })
    }

    /// Stores a picture until its turn; if that is now, it stays in the library's memory.
    fn keep(
        &mut self,
        decoder: &De265,
        shown: Option<LibraryPicture>,
        header: &Header,
        pts_ns: u64,
    ) -> Result<(), CodecError> {
        if header.place.begins {
            self.sequence += 1;
        }
        self.reorder = header.reorder;
        let Some(shown) = shown else {
            return Ok(());
        };
        // Held pictures of earlier sequences are returned by `receive` first.
        let due = self.held.iter().all(|held| held.turn.0 < self.sequence);
        if header.reorder == 0 && due {
            self.shown = Some((shown, pts_ns));
            return Ok(());
        }
        let picture = decoder.picture(&shown)?;
        let mut bytes = self.spare.pop().unwrap_or_default();
        let layout = copy(&picture, &mut bytes)?;
        self.held.push(ReorderedPicture {
            turn: (self.sequence, header.place.count),
            layout,
            bytes,
            pts_ns,
        });
        Ok(())
    }
}

/// Checks that the library can handle a sequence parameter set.
fn supported(nal: &[u8], pts_ns: u64) -> Result<(), CodecError> {
    let sps = h265::Sps::read(nal).ok_or(corrupt(pts_ns, BAD_HEADER))?;
    let (width, height) = sps.visible;
    let samples = u64::from(width) * u64::from(height);
    let what = if (sps.chroma_format, sps.luma_bits, sps.chroma_bits) != (1, 8, 8) {
        "H.265 that is not 4:2:0 of 8 bits (Main profile)"
    } else if samples > MAX_SAMPLES || width.max(height) > MAX_SIDE {
        "H.265 of more pixels than level 6.2 allows"
    } else {
        return Ok(());
    };
    Err(CodecError::UnsupportedStream { what })
}

/// Copies a picture into memory that may be reused, and returns its layout.
fn copy(picture: &Picture<'_>, bytes: &mut Vec<u8>) -> Result<Layout, CodecError> {
    let (width, height) = (picture.width(), picture.height());
    let layout = Layout::new(FourCc::YU12, width, height).map_err(|_| failed("picture size", 0))?;
    bytes.resize(layout.size as usize, 0);
    let mut target = PictureMut::new(bytes, &layout).map_err(CodecError::Picture)?;
    picture.copy_to(&mut target).map_err(CodecError::Picture)?;
    Ok(layout)
}

fn corrupt(pts_ns: u64, code: i64) -> CodecError {
    CodecError::Corrupt { pts_ns, code }
}

fn failed(call: &'static str, code: i64) -> CodecError {
    CodecError::Backend { call, code }
}
