//! JPEG as cameras give it: found in its buffer, and made whole.
//!
//! A frame of Motion-JPEG is a JPEG image that may lack its Huffman tables (they are always the same, those of the
//! standard's annex K), may lack its end, and may be followed by bytes that are none of it.
//!
//! Source: ITU-T T.81, annex B (markers) and K.3 (typical tables); the USB Video Class's document on the payload
//! Motion-JPEG.

/// Start and end of an image, and the segments that are looked at.
const SOI: [u8; 2] = [0xff, 0xd8];
const EOI: [u8; 2] = [0xff, 0xd9];
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;

/// The typical tables: class and number, how many codes of each length from 1 to 16 bits, and the symbols.
const DC_LUMA: [u8; 29] = [
    0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, //
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
];
const DC_CHROMA: [u8; 29] = [
    0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, //
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
];
const AC_LUMA: [u8; 179] = [
    0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d, //
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];
const AC_CHROMA: [u8; 179] = [
    0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77, //
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
    0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
    0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

/// What is found of an image.
struct Found {
    /// Where its first scan begins.
    scan: usize,
    /// Where it ends, if it does.
    end: Option<usize>,
    has_tables: bool,
}

/// The image at the start of `bytes` as a file: with Huffman tables and an end. `None` if there is no image.
pub(super) fn whole(bytes: &[u8]) -> Option<Vec<u8>> {
    let found = find(bytes)?;
    let image = &bytes[..found.end.unwrap_or(bytes.len())];
    let mut file = Vec::with_capacity(image.len() + 512);
    let (head, scans) = image.split_at(found.scan);
    file.extend_from_slice(head);
    if !found.has_tables {
        let tables = [&DC_LUMA[..], &DC_CHROMA, &AC_LUMA, &AC_CHROMA];
        let len: usize = tables.iter().map(|table| table.len()).sum();
        file.extend([0xff, DHT]);
        file.extend((len as u16 + 2).to_be_bytes());
        tables
            .iter()
            .for_each(|table| file.extend_from_slice(table));
    }
    file.extend_from_slice(scans);
    if found.end.is_none() {
        file.extend(EOI);
    }
    Some(file)
}

/// Walks through the segments.
fn find(bytes: &[u8]) -> Option<Found> {
    let mut at = bytes.starts_with(&SOI).then_some(2)?;
    let mut scan = None;
    let mut has_tables = false;
    loop {
        let (&marker, kind) = (bytes.get(at)?, bytes.get(at + 1).copied());
        if marker != 0xff {
            return None;
        }
        match kind? {
            // A marker may have any number of these in front.
            0xff => {
                at += 1;
                continue;
            }
            kind if [0xff, kind] == EOI => {
                let end = Some(at + 2);
                return scan.map(|scan| Found {
                    scan,
                    end,
                    has_tables,
                });
            }
            kind => {
                has_tables |= kind == DHT;
                let begin = at;
                let len = bytes.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([len[0], len[1]]));
                if kind != SOS {
                    continue;
                }
                scan.get_or_insert(begin);
            }
        }
        // Coded data goes on to the next marker that is neither a stuffed byte nor a restart.
        let rest = bytes.get(at..)?;
        let next = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff));
        match (next, scan) {
            (Some(next), _) => at += next,
            (None, Some(scan)) => {
                return Some(Found {
                    scan,
                    end: None,
                    has_tables,
                });
            }
            (None, None) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small image of noise, with the typical tables.
    fn image() -> Vec<u8> {
        let mut state = 7_u32;
        let rgb: Vec<u8> = (0..64 * 48 * 3)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mut file = Vec::new();
        jpeg_encoder::Encoder::new(&mut file, 90)
            .encode(&rgb, 64, 48, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        file
    }

    /// The same without its tables.
    fn without_tables(file: &[u8]) -> Vec<u8> {
        let mut rest = SOI.to_vec();
        let mut at = 2;
        while file[at + 1] != SOS {
            let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
            if file[at + 1] != DHT {
                rest.extend_from_slice(&file[at..end]);
            }
            at = end;
        }
        rest.extend_from_slice(&file[at..]);
        rest
    }

    #[test]
    fn a_whole_image_stays_as_it_is_without_what_is_behind() {
        let file = image();
        assert!(whole(&file).unwrap() == file);
        let padded = [&file[..], &[0, 0xff, 0xd8, 7, 9]].concat();
        assert!(whole(&padded).unwrap() == file);
    }

    #[test]
    fn missing_tables_and_a_missing_end_are_added() {
        let file = image();
        let bare = without_tables(&file);
        assert!(bare.len() + 400 < file.len());
        let decode = |bytes: &[u8]| crate::snapshot::decode::to_rgb(bytes, 64, 48).unwrap();
        let made = whole(&bare).unwrap();
        assert!(decode(&made) == decode(&file));
        let open = whole(&bare[..bare.len() - 2]).unwrap();
        assert!(open == made);
    }

    #[test]
    fn other_bytes_are_no_image() {
        let file = image();
        for bytes in [&[][..], &[0xff], &SOI, &file[2..], &file[..9], &file[..200]] {
            assert!(whole(bytes).is_none(), "{} bytes", bytes.len());
        }
        // None of them makes it read past the end.
        for at in 0..file.len().min(700) {
            for value in [0, 0xff, SOS, 0xd9] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let _ = whole(&damaged);
                let _ = whole(&damaged[..at]);
            }
        }
    }
}
