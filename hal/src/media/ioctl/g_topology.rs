//! `MEDIA_IOC_G_TOPOLOGY`.
#![expect(
    unsafe_code,
    reason = "the kernel writes to four arrays that the argument points to"
)]

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use videostream_sys::media as sys;

use super::request::{GTopology, call_with_pointers};
use crate::media::{Entity, Interface, Link, MediaError, Pad, Storage};
use crate::{Call, Error};

/// The number of objects of a media device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TopologyCounts {
    /// Increases with every change of the graph.
    pub version: u64,
    /// Entities.
    pub entities: usize,
    /// Interfaces: device nodes.
    pub interfaces: usize,
    /// Pads.
    pub pads: usize,
    /// Links of all kinds.
    pub links: usize,
}

/// `MEDIA_IOC_G_TOPOLOGY`: fills the arrays and returns the number of valid entries in each.
/// Without arrays it only counts.
///
/// # Errors
/// - [`MediaError::TooSmall`]: an array is too short; the error names it and the number of
///   entries needed.
/// - [`MediaError::Device`] with `ENOTTY`: not a media device, or a kernel before 4.19, or with
///   `ENODEV`: unplugged.
/// - [`MediaError::Device`] with [`Error::Answer`]: the driver claims more entries than it was
///   given room for.
pub fn g_topology(
    fd: BorrowedFd<'_>,
    storage: Option<&mut Storage<'_>>,
) -> Result<TopologyCounts, MediaError> {
    let mut raw = sys::media_v2_topology::default();
    let Some(storage) = storage else {
        // SAFETY: all pointers are null, which the kernel takes as "do not write".
        unsafe { call_with_pointers::<GTopology>(fd, &mut raw) }?;
        return Ok(counts(&raw));
    };
    (raw.num_entities, raw.ptr_entities) = array(storage.entities);
    (raw.num_interfaces, raw.ptr_interfaces) = array(storage.interfaces);
    (raw.num_pads, raw.ptr_pads) = array(storage.pads);
    (raw.num_links, raw.ptr_links) = array(storage.links);
    let room = counts(&raw);
    // SAFETY: each pointer is that of an exclusively borrowed slice of the type that the kernel
    // writes there (the four types are transparent over the kernel's structs), and the number
    // beside it is not more than the slice's length; the kernel writes no more than that.
    let result = unsafe { call_with_pointers::<GTopology>(fd, &mut raw) };
    if let Err(error) = result {
        // The kernel stops at the first array that is too short and does not report which.
        if error.errno() == Some(Errno::NOSPC) {
            let needed = g_topology(fd, None)?;
            fits(needed, room)?;
        }
        return Err(error.into());
    }
    let found = counts(&raw);
    // An array of length 0 has no pointer, so it is counted but not filled.
    fits(found, room)?;
    Ok(found)
}

/// Returns length and address for the kernel.
fn array<T: Element>(slice: &mut [T]) -> (u32, u64) {
    let number = u32::try_from(slice.len()).unwrap_or(u32::MAX);
    let address = if slice.is_empty() {
        0
    } else {
        slice.as_mut_ptr().expose_provenance() as u64
    };
    (number, address)
}

/// An element that the kernel may overwrite: transparent over one of its structs, and any bytes are
/// valid.
trait Element {}
impl Element for Entity {}
impl Element for Interface {}
impl Element for Pad {}
impl Element for Link {}

fn counts(raw: &sys::media_v2_topology) -> TopologyCounts {
    TopologyCounts {
        version: raw.topology_version,
        entities: raw.num_entities as usize,
        interfaces: raw.num_interfaces as usize,
        pads: raw.num_pads as usize,
        links: raw.num_links as usize,
    }
}

/// Checks the arrays; the error names the first one that is too short.
fn fits(needed: TopologyCounts, room: TopologyCounts) -> Result<(), MediaError> {
    for (what, needed, room) in [
        ("entities", needed.entities, room.entities),
        ("interfaces", needed.interfaces, room.interfaces),
        ("pads", needed.pads, room.pads),
        ("links", needed.links, room.links),
    ] {
        if needed > room {
            return Err(MediaError::TooSmall { what, needed, room });
        }
    }
    Ok(())
}

/// The error for an invalid value in the driver's answer.
pub(in crate::media) const fn g_topology_answer(field: &'static str, value: u64) -> Error {
    Error::Answer {
        call: Call::MediaGTopology,
        field,
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_array_that_is_too_short_is_named() {
        let room = TopologyCounts {
            entities: 4,
            interfaces: 4,
            pads: 4,
            links: 4,
            version: 0,
        };
        assert_eq!(fits(room, room), Ok(()));
        let needed = TopologyCounts { pads: 5, ..room };
        assert_eq!(
            fits(needed, room),
            Err(MediaError::TooSmall {
                what: "pads",
                needed: 5,
                room: 4
            })
        );
    }
}
