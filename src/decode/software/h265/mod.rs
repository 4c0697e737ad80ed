//! Decoding H.265 with the system's libde265.
//!
//! The library gives each picture as soon as it is decoded. Where a stream shows pictures in another order (B
//! pictures), they are copied and held here until it is their turn.

mod de265;

use std::mem;

use videostream_hal::format::{FourCc, Layout};

use self::de265::De265;
use crate::decode::DecodeError;
use crate::decode::software::shown::Shown;
use crate::encode::Codec;
use crate::encode::Packet;
use crate::encode::annex_b::{NalKind, nal_units};
use crate::encode::order::h265::{self, Order, Unit};
use crate::encode::sps::hevc_info;
use crate::picture::{Picture, PictureMut};

/// `DE265_WARNING_SLICEHEADER_INVALID`: what is told of headers that are not given to the library.
const BAD_HEADER: i64 = 1007;
/// Samples of the largest picture that any level allows (6.2), and the longest side.
const MAX_SAMPLES: u64 = 35_651_584;
const MAX_SIDE: u32 = 16_888;
/// The end of a sequence, a NAL unit of two bytes.
const END: [u8; 2] = [36 << 1, 1];

/// A decoder, and the pictures whose turn has not come.
#[derive(Debug)]
pub(super) struct H265 {
    /// None after damage: what it remembers is of no use to the next key frame.
    decoder: Option<De265>,
    order: Order,
    /// Parameter sets of the last packet that had some.
    sets: Vec<Vec<u8>>,
    /// The sequence has ended, which the library is told before the next picture.
    ended: bool,
    /// The picture in the library's memory that was not received yet.
    shown: Option<(Shown, u64)>,
    /// Counts sequences, each of which is shown before the next.
    sequence: u64,
    /// Pictures that may be held.
    reorder: usize,
    held: Vec<Held>,
    /// The held picture that was received last.
    lent: Option<Held>,
    spare: Vec<Vec<u8>>,
}

/// A copy of a picture.
#[derive(Debug)]
struct Held {
    /// Sequence and place in it.
    turn: (u64, i64),
    layout: Layout,
    bytes: Vec<u8>,
    pts_ns: u64,
}

impl H265 {
    pub(super) fn new() -> Result<Self, DecodeError> {
        Ok(Self {
            // Whether the library is there, the maker of the decoder wants to know.
            decoder: Some(De265::new()?),
            order: Order::new(),
            sets: Vec::new(),
            ended: false,
            shown: None,
            sequence: 0,
            reorder: 0,
            held: Vec::new(),
            lent: None,
            spare: Vec::new(),
        })
    }

    pub(super) fn submit(&mut self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        if self.shown.is_some() || self.next_held(false).is_some() {
            return Err(DecodeError::FrameWaiting);
        }
        let result = self.decode(packet);
        if result.is_err() {
            self.decoder = None;
            self.order.begin();
            self.ended = false;
            // Those that are held are shown; nothing comes between them.
            self.sequence += 1;
        }
        result
    }

    pub(super) fn receive(
        &mut self,
        finished: bool,
    ) -> Result<Option<(Picture<'_>, u64)>, DecodeError> {
        // Those of the sequence before come first.
        if let Some(at) = self.next_held(finished) {
            let held = self.held.swap_remove(at);
            self.spare.extend(self.lent.take().map(|held| held.bytes));
            let held = self.lent.insert(held);
            let picture = Picture::new(&held.bytes, &held.layout).map_err(DecodeError::Target)?;
            return Ok(Some((picture, held.pts_ns)));
        }
        match (self.shown.take(), &self.decoder) {
            (Some((shown, pts_ns)), Some(decoder)) => Ok(Some((decoder.picture(&shown)?, pts_ns))),
            _ => Ok(None),
        }
    }

    /// The place of the held picture whose turn it is.
    fn next_held(&self, finished: bool) -> Option<usize> {
        let (at, first) = self
            .held
            .iter()
            .enumerate()
            .min_by_key(|(_, held)| held.turn)?;
        let due = finished || first.turn.0 < self.sequence || self.held.len() > self.reorder;
        due.then_some(at)
    }

    fn decode(&mut self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        let pts_ns = packet.pts_ns();
        let (mut sets, mut units) = (Vec::new(), Vec::new());
        let mut picture = None;
        let mut ends = false;
        let mut empty = true;
        for (_, nal) in nal_units(packet.annex_b()) {
            empty = false;
            if NalKind::of(Codec::H265, nal) == NalKind::Sps {
                supported(nal, pts_ns)?;
            }
            let unit = self.order.read(nal);
            match unit.map_err(|_| corrupt(pts_ns, BAD_HEADER))? {
                Unit::Set => sets.push(nal),
                Unit::Picture(found) if picture.is_none() => {
                    picture = Some(found);
                    units.push(nal);
                }
                Unit::Slice if picture.is_some() => units.push(nal),
                Unit::End => ends = true,
                Unit::Other => {}
                // Of two pictures, or without its beginning.
                Unit::Picture(_) | Unit::Slice => return Err(corrupt(pts_ns, BAD_HEADER)),
            }
        }
        if empty {
            return Err(corrupt(pts_ns, BAD_HEADER));
        }
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => De265::new()?,
        };
        if mem::take(&mut self.ended) {
            decoder.prepare(&[&END], pts_ns)?;
        }
        self.ended = ends;
        // The library takes repeated sets for others, and pictures lose what they refer to.
        let other = !sets.is_empty() && self.sets != sets;
        if other {
            self.sets = sets.into_iter().map(<[u8]>::to_vec).collect();
        }
        if other || decoder.is_new() {
            let sets: Vec<_> = self.sets.iter().map(Vec::as_slice).collect();
            decoder.prepare(&sets, pts_ns)?;
        }
        if let Some(picture) = picture.filter(|picture| !picture.orphan) {
            let shown = decoder.decode(&units, pts_ns, picture.shown)?;
            self.keep(&decoder, shown, &picture, pts_ns)?;
        }
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Keeps a picture until its turn: in the library if that is now.
    fn keep(
        &mut self,
        decoder: &De265,
        shown: Option<Shown>,
        header: &h265::Picture,
        pts_ns: u64,
    ) -> Result<(), DecodeError> {
        if header.place.begins {
            self.sequence += 1;
        }
        self.reorder = header.reorder;
        let Some(shown) = shown else {
            return Ok(());
        };
        // What is held of sequences before comes out of `receive` first.
        let due = self.held.iter().all(|held| held.turn.0 < self.sequence);
        if header.reorder == 0 && due {
            self.shown = Some((shown, pts_ns));
            return Ok(());
        }
        let picture = decoder.picture(&shown)?;
        let mut bytes = self.spare.pop().unwrap_or_default();
        let layout = copy(&picture, &mut bytes)?;
        self.held.push(Held {
            turn: (self.sequence, header.place.count),
            layout,
            bytes,
            pts_ns,
        });
        Ok(())
    }
}

/// Whether the library may see a sequence parameter set.
fn supported(nal: &[u8], pts_ns: u64) -> Result<(), DecodeError> {
    let (info, hevc) = hevc_info(nal).ok_or(corrupt(pts_ns, BAD_HEADER))?;
    let samples = u64::from(info.width) * u64::from(info.height);
    let what = if (hevc.chroma_format, hevc.luma_bits, hevc.chroma_bits) != (1, 8, 8) {
        "H.265 that is not 4:2:0 of 8 bits (Main profile)"
    } else if samples > MAX_SAMPLES || info.width.max(info.height) > MAX_SIDE {
        "H.265 of more pixels than level 6.2 allows"
    } else {
        return Ok(());
    };
    Err(DecodeError::Unsupported { what })
}

/// Copies a picture into memory that may have held another, and says how it lies there.
fn copy(picture: &Picture<'_>, bytes: &mut Vec<u8>) -> Result<Layout, DecodeError> {
    let (width, height) = (picture.width(), picture.height());
    let layout = Layout::new(FourCc::YU12, width, height).map_err(|_| failed("picture size", 0))?;
    bytes.resize(layout.size as usize, 0);
    let mut target = PictureMut::new(bytes, &layout).map_err(DecodeError::Target)?;
    picture.copy_to(&mut target).map_err(DecodeError::Target)?;
    Ok(layout)
}

fn corrupt(pts_ns: u64, code: i64) -> DecodeError {
    DecodeError::Corrupt { pts_ns, code }
}

fn failed(call: &'static str, code: i64) -> DecodeError {
    DecodeError::Backend { call, code }
}
