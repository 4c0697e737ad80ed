//! Boxes in a file and in other boxes.
//!
//! Source: ISO/IEC 14496-12, clause 4.2.

use std::io::{self, Read, Seek, SeekFrom};

use mp4_atom::Atom;

use super::damaged;

/// The type of a box.
pub(super) type Kind = [u8; 4];

/// A box of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxSpan {
    pub(super) kind: Kind,
    /// Offset of its header.
    pub(super) at: u64,
    /// Offset of its content.
    pub(super) body: u64,
    /// Offset of its end, which may be after the end of the file.
    pub(super) end: u64,
}

/// Returns the box at byte `at` of a file of `len` bytes; `None` after the last one.
pub(super) fn at(from: &mut (impl Read + Seek), at: u64, len: u64) -> io::Result<Option<BoxSpan>> {
    if len.saturating_sub(at) < 8 {
        return Ok(None);
    }
    from.seek(SeekFrom::Start(at))?;
    let mut header = [0; 8];
    from.read_exact(&mut header)?;
    let [a, b, c, d, kind @ ..] = header;
    let (body, size) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (at + 8, len - at),
        1 => {
            let mut size = [0; 8];
            match len - at < 16 {
                true => return Ok(None),
                false => from.read_exact(&mut size)?,
            }
            (at + 16, u64::from_be_bytes(size))
        }
        size => (at + 8, size.into()),
    };
    if size < body - at {
        return Err(damaged(format_args!(
            "the box at byte {at} has {size} bytes"
        )));
    }
    let end = at.saturating_add(size);
    Ok(Some(BoxSpan {
        kind,
        at,
        body,
        end,
    }))
}

/// Reads the content of a box, at most `most` bytes; `None` if it is truncated.
pub(super) fn read(
    from: &mut (impl Read + Seek),
    place: BoxSpan,
    len: u64,
    most: u64,
) -> io::Result<Option<Vec<u8>>> {
    if place.end > len {
        return Ok(None);
    }
    let size = place.end - place.body;
    if size > most {
        let kind = place.kind.escape_ascii();
        let what = format_args!("its {kind} has {size} bytes, more than {most}");
        return Err(damaged(what));
    }
    let mut bytes = vec![0; size as usize];
    from.seek(SeekFrom::Start(place.body))?;
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// Returns the boxes in a box, up to the first invalid one.
pub(super) fn children(mut bytes: &[u8]) -> impl Iterator<Item = (Kind, &[u8])> {
    std::iter::from_fn(move || {
        let (header, rest) = bytes.split_first_chunk::<8>()?;
        let [a, b, c, d, kind @ ..] = *header;
        let (size, rest) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (rest.len(), rest),
            1 => {
                let (size, rest) = rest.split_first_chunk::<8>()?;
                let size = u64::from_be_bytes(*size).checked_sub(16)?;
                (usize::try_from(size).ok()?, rest)
            }
            size => (size.checked_sub(8)? as usize, rest),
        };
        let (body, behind) = rest.split_at_checked(size)?;
        bytes = behind;
        Some((kind, body))
    })
}

/// Returns the content of the first child of this type.
pub(super) fn child<'b>(bytes: &'b [u8], kind: &Kind) -> Option<&'b [u8]> {
    children(bytes).find_map(|(of, body)| (of == *kind).then_some(body))
}

/// Returns the content of the child at the end of a path.
pub(super) fn descend<'b>(bytes: &'b [u8], path: &[&Kind]) -> Option<&'b [u8]> {
    path.iter()
        .try_fold(bytes, |bytes, kind| child(bytes, kind))
}

/// Parses the content of a box; trailing bytes are ignored.
pub(super) fn parse<T: Atom>(mut body: &[u8]) -> io::Result<T> {
    T::decode_body(&mut body).map_err(|error| damaged(format_args!("its {}: {error}", T::KIND)))
}

/// Parses the child of this type, if there is one.
pub(super) fn parse_child<T: Atom>(bytes: &[u8]) -> io::Result<Option<T>> {
    let kind: [u8; 4] = T::KIND.into();
    child(bytes, &kind).map(parse).transpose()
}

/// Parses the child of this type, which is required.
pub(super) fn need<T: Atom>(bytes: &[u8]) -> io::Result<T> {
    parse_child(bytes)?.ok_or_else(|| damaged(format_args!("a track without {}", T::KIND)))
}
