//! Headers for tests, written bit by bit.

/// Writes the bits of a NAL unit.
#[derive(Debug, Default, Clone)]
pub(crate) struct Writer(Vec<bool>);

impl Writer {
    pub(crate) fn bits(mut self, count: u32, value: u32) -> Self {
        self.0
            .extend((0..count).rev().map(|at| value >> at & 1 == 1));
        self
    }

    pub(crate) fn ue(self, value: u32) -> Self {
        let length = (value + 1).ilog2();
        self.bits(length, 0).bits(length + 1, value + 1)
    }

    /// Returns the NAL unit with a start code and this first byte.
    pub(crate) fn nal(self, first: u8) -> Vec<u8> {
        let mut bits = self.bits(1, 1).0;
        bits.resize(bits.len().next_multiple_of(8), false);
        let bytes = bits
            .chunks(8)
            .map(|bits| bits.iter().fold(0, |all, bit| all << 1 | u8::from(*bit)));
        let mut nal = vec![0, 0, 1, first];
        // Emulation prevention.
        let mut zeros = 0;
        for byte in bytes {
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

pub(crate) const IDR: u8 = 0x65;
pub(crate) const REFERRED: u8 = 0x41;
pub(crate) const NOT_REFERRED: u8 = 0x01;

/// Returns a sequence parameter set of Main profile, 320x240, with 4 bits for frame numbers and 4
/// for order counts. `kind` is `pic_order_cnt_type`; with 1, each frame counts two.
pub(crate) fn sps(kind: u32, frames_only: bool) -> Vec<u8> {
    let sps = Writer::default().bits(8, 77).bits(8, 0).bits(8, 30).ue(0);
    let sps = sps.ue(0).ue(kind);
    let sps = match kind {
        0 => sps.ue(0),
        // Slices carry no difference; -1 for frames that are not references; no field difference; 2
        // for each frame.
        1 => sps.bits(1, 1).ue(2).ue(0).ue(1).ue(3),
        _ => sps,
    };
    let sps = sps.ue(1).bits(1, 0).ue(19).ue(14);
    let sps = match frames_only {
        true => sps.bits(1, 1),
        false => sps.bits(2, 0),
    };
    // Direct inference, no cropping; the VUI limits reordering: two of four.
    let sps = sps.bits(2, 0b10).bits(1, 1).bits(8, 0).bits(1, 1);
    let sps = sps.bits(1, 0).ue(0).ue(0).ue(0).ue(0).ue(2).ue(4);
    sps.nal(0x67)
}

/// Returns a picture parameter set.
pub(crate) fn pps(number: u32) -> Vec<u8> {
    let pps = Writer::default().ue(number).ue(0).bits(2, 0);
    let pps = pps.ue(0).ue(0).ue(0).bits(3, 0).ue(0).ue(0).ue(0);
    pps.bits(3, 0).nal(0x68)
}

/// A P slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) first: u8,
    pub(crate) macroblock: u32,
    pub(crate) number: u32,
    /// The low bits of the picture order count.
    pub(crate) low: u32,
    /// Forgets all pictures before it.
    pub(crate) forgets: bool,
    /// In a stream with fields: whether this is one, and whether it is the bottom field.
    pub(crate) field: Option<Option<bool>>,
}

impl Slice {
    pub(crate) fn new(first: u8, number: u32, low: u32) -> Self {
        Self {
            first,
            macroblock: 0,
            number,
            low,
            forgets: false,
            field: None,
        }
    }

    pub(crate) fn nal(self) -> Vec<u8> {
        let slice = Writer::default().ue(self.macroblock).ue(5).ue(0);
        let slice = slice.bits(4, self.number);
        let slice = match self.field {
            None => slice,
            Some(None) => slice.bits(1, 0),
            Some(Some(is_bottom)) => slice.bits(1, 1).bits(1, is_bottom.into()),
        };
        if self.first == IDR {
            return slice.ue(0).bits(4, self.low).bits(2, 0).nal(self.first);
        }
        let slice = slice.bits(4, self.low).bits(2, 0);
        match (self.first, self.forgets) {
            (REFERRED, true) => slice.bits(1, 1).ue(5).ue(0).nal(self.first),
            (REFERRED, false) => slice.bits(1, 0).nal(self.first),
            _ => slice.nal(self.first),
        }
    }
}
