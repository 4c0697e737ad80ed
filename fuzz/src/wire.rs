//! Any bytes as a message, a header, a frame descriptor and a socket's name.

use videostream::hal::ring::layout::Header;
use videostream::hal::ring::{FrameDescriptor, MAX_PLANES, RingLayout};
use videostream::ipc::address::Address;
use videostream::ipc::wire::Message;

pub fn run(bytes: &[u8]) {
    let Some((&fds, bytes)) = bytes.split_first() else {
        return;
    };
    message(bytes, usize::from(fds % 5));
    header(bytes);
    descriptor(bytes);
    // What it takes for a name is within the limit.
    let _ = Address::new(bytes);
}

/// What is a message is one message: encoding and reading it again changes nothing.
fn message(bytes: &[u8], fds: usize) {
    let message = match Message::decode(bytes, fds) {
        Ok(message) => message,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(message.fds(), fds);
    assert_eq!(Message::decode(&message.encode(), fds), Ok(message));
}

fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
        let mut whole = [0; 8];
        whole[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_ne_bytes(whole);
    }
    words
}

/// A header that is taken describes memory that is all inside the segment.
fn header(bytes: &[u8]) {
    let w: [u64; 9] = words(bytes);
    let low = |word: u64| word as u32;
    let high = |word: u64| (word >> 32) as u32;
    let header = Header {
        magic: w[0],
        epoch: w[1],
        total_size: w[2],
        version: low(w[3]),
        slots: high(w[3]),
        slot_stride: low(w[4]),
        host_pid: high(w[4]),
        reserved: [w[5], w[6], w[7]],
    };
    match RingLayout::from_header(&header, w[8]) {
        Ok(layout) => {
            let last = layout.slots() as usize - 1;
            let end = layout.descriptor_offset(last) + size_of::<FrameDescriptor>();
            assert!(end as u64 <= w[8]);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A plane that is taken lies inside its buffer.
fn descriptor(bytes: &[u8]) {
    const WORDS: usize = size_of::<FrameDescriptor>() / 8;
    let frame = FrameDescriptor::from_words(words::<WORDS>(bytes));
    assert!(frame.planes().len() <= MAX_PLANES);
    let size = frame.modifier;
    for plane in 0..MAX_PLANES {
        if let Ok(range) = frame.plane_range(plane, size) {
            assert!(range.start <= range.end && range.end as u64 <= size);
        }
    }
    let good = frame.check(frame.serial).is_ok();
    assert_eq!(good, (1..=MAX_PLANES as u32).contains(&frame.plane_count));
}
