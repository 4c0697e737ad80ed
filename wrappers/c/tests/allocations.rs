//! What frames cost in the steady state: no allocation for any of them.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "functions of C are called")]

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

use videostream::hal::memory::memfd;
use videostream_c::client::Client;
use videostream_c::exports::client::*;
use videostream_c::exports::frame::*;
use videostream_c::exports::host::*;
use videostream_c::frame::Frame;
use videostream_c::host::Host;
use videostream_testing::counting::{Counting, calls};

const RGBA: u32 = u32::from_le_bytes(*b"RGBA");
const BYTES: usize = 32 * 16 * 4;

/// Frames before the steady state, with the second key frame of a stream among them, and frames
/// that are counted.
const FRAMES: (usize, usize) = (200, 200);

#[global_allocator]
static COUNTING: Counting = Counting;

/// The pool of frames is the program's, and what one test takes from it another has to allocate.
static TURN: Mutex<()> = Mutex::new(());

/// The turn of a test.
fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A host and its client, released on drop.
struct Pair {
    host: *const Host,
    client: *mut Client,
}

impl Pair {
    fn new(test: &str) -> Self {
        let name = CString::new(format!("vsl_{test}_{}", std::process::id())).unwrap();
        // SAFETY: a NUL-terminated string, twice.
        let host = unsafe { vsl_host_init(name.as_ptr()) };
        // SAFETY: as above.
        let client = unsafe { vsl_client_init(name.as_ptr(), null_mut(), false) };
        let pair = Self { host, client };
        vsl_client_set_timeout(pair.client(), 60.0);
        pair.process();
        pair
    }

    fn host(&self) -> Option<&Host> {
        // SAFETY: released on drop.
        unsafe { self.host.as_ref() }
    }

    fn client(&self) -> Option<&Client> {
        // SAFETY: as above.
        unsafe { self.client.as_ref() }
    }

    fn process(&self) {
        assert_eq!(vsl_host_process(self.host()), 0);
    }

    fn post(&self, frame: *mut Frame, expires: i64) {
        // SAFETY: a frame of this thread that is not released.
        let posted = unsafe { vsl_host_post(self.host(), frame, expires, 0, 0, 0) };
        assert_eq!(posted, 0);
    }

    fn take_back(&self, frame: *mut Frame) {
        // SAFETY: as above.
        assert_eq!(unsafe { vsl_host_drop(self.host(), frame) }, 0);
    }

    /// Waits for the next frame, locks it, looks at it, unlocks and releases it.
    fn receive(&self) {
        let frame = vsl_frame_wait(self.client(), 0);
        // SAFETY: a frame that was just received, and of this thread alone.
        let mut borrowed = unsafe { frame.as_mut() };
        assert_eq!(vsl_frame_trylock(borrowed.as_deref_mut()), 0);
        assert!(!vsl_frame_mmap(borrowed.as_deref_mut(), None).is_null());
        assert_eq!(vsl_frame_unlock(borrowed), 0);
        release(frame);
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: from `vsl_client_init`, once.
        unsafe { vsl_client_release(self.client) };
        // SAFETY: from `vsl_host_init`, once.
        unsafe { vsl_host_release(self.host) };
    }
}

fn attached(memory: BorrowedFd<'_>) -> *mut Frame {
    let frame = vsl_frame_init(32, 16, 0, RGBA, null_mut(), None);
    // SAFETY: a frame that was just made.
    let borrowed = unsafe { frame.as_mut() };
    assert_eq!(vsl_frame_attach(borrowed, memory.as_raw_fd(), 0, 0), 0);
    frame
}

fn release(frame: *mut Frame) {
    // SAFETY: of this test alone, which does not use it again.
    unsafe { vsl_frame_release(frame) };
}

/// Calls of the allocator in the steady state of `turn`, which gets the frame's number.
fn in_the_steady_state(mut turn: impl FnMut(usize)) -> u64 {
    let (before, counted) = FRAMES;
    (0..before).for_each(&mut turn);
    calls(|| (before..before + counted).for_each(&mut turn))
}

#[test]
fn post_lock_and_release_allocate_nothing() {
    let _turn = turn();
    let pair = Pair::new("share");
    let memory = [c"a", c"b", c"c"].map(|name| memfd::create(name, BYTES).unwrap());
    let allocated = in_the_steady_state(|turn| {
        let memory = &memory[turn % memory.len()];
        // It has expired already, and ends with the next call.
        pair.post(attached(memory.as_fd()), -1);
        pair.process();
        let frame = attached(memory.as_fd());
        pair.post(frame, 0);
        pair.receive();
        // The host's, from which it is taken.
        release(frame);
    });
    assert_eq!(allocated, 0);
}

#[test]
fn post_and_drop_allocate_nothing() {
    let _turn = turn();
    let pair = Pair::new("again");
    let memory = memfd::create(c"again", BYTES).unwrap();
    let frame = attached(memory.as_fd());
    let allocated = in_the_steady_state(|_| {
        pair.post(frame, 0);
        pair.receive();
        pair.take_back(frame);
    });
    release(frame);
    assert_eq!(allocated, 0);
}

#[test]
fn copied_frames_allocate_nothing() {
    let _turn = turn();
    let pair = Pair::new("copies");
    // A file cannot be sealed.
    let file = tempfile::tempfile().unwrap();
    file.set_len(BYTES as u64).unwrap();
    let allocated = in_the_steady_state(|_| {
        let frame = attached(file.as_fd());
        pair.post(frame, 0);
        pair.receive();
        release(frame);
    });
    assert_eq!(allocated, 0);
}

#[test]
fn failing_waits_and_locks_allocate_nothing() {
    let _turn = turn();
    let pair = Pair::new("in_vain");
    let memory = memfd::create(c"in vain", BYTES).unwrap();
    let frame = attached(memory.as_fd());
    pair.post(frame, 0);
    pair.receive();
    pair.take_back(frame);
    let allocated = in_the_steady_state(|_| {
        pair.post(frame, 0);
        let received = vsl_frame_wait(pair.client(), 0);
        pair.take_back(frame);
        // SAFETY: a frame that was just received, and of this thread alone.
        assert_eq!(vsl_frame_trylock(unsafe { received.as_mut() }), -1);
        release(received);
        vsl_client_set_timeout(pair.client(), 0.0);
        assert!(vsl_frame_wait(pair.client(), 0).is_null());
        vsl_client_set_timeout(pair.client(), 60.0);
    });
    release(frame);
    assert_eq!(allocated, 0);
}

/// Packets in, frames out.
#[cfg(feature = "software")]
mod codecs {
    use std::ptr::null;

    use videostream_c::decoder::Decoder;
    use videostream_c::exports::decoder::*;
    use videostream_c::exports::encoder::*;

    use super::*;

    const H264: u32 = u32::from_le_bytes(*b"H264");
    const NV12: u32 = u32::from_le_bytes(*b"NV12");
    /// `VSL_CODEC_BACKEND_SOFTWARE`
    const SOFTWARE: u32 = 3;
    /// `VSL_DEC_FRAME_DEC`
    const FRAME_DECODED: u32 = 4;
    const SIDES: (u32, u32) = (64, 48);

    /// Encodes as many pictures as are needed, each into a frame of its own, and shows the packets
    /// to `see`: calls of the allocator in the steady state.
    fn encode(mut see: impl FnMut(&[u8])) -> u64 {
        let encoder = vsl_encoder_create_ex(0, H264, 30, SOFTWARE);
        let (width, height) = SIDES;
        let picture = vsl_frame_init(width, height, 0, NV12, null_mut(), None);
        // SAFETY: a frame that was just made.
        let made = unsafe { picture.as_mut() };
        // SAFETY: no path.
        assert_eq!(unsafe { vsl_frame_alloc(made, null()) }, 0);
        let allocated = in_the_steady_state(|_| {
            // SAFETY: released below.
            let running = unsafe { encoder.as_mut() };
            let packet = vsl_encoder_new_output_frame(running.as_deref(), 64, 48, 0, 0, 0);
            // SAFETY: two frames of this function.
            let encoded = unsafe { vsl_encode_frame(running, picture, packet, None, None) };
            assert_eq!(encoded, 0);
            // SAFETY: a frame of this function.
            let bytes = vsl_frame_size(unsafe { packet.as_ref() });
            let bytes = usize::try_from(bytes).unwrap();
            assert!(bytes > 0);
            // SAFETY: a frame of this function.
            let start = vsl_frame_mmap(unsafe { packet.as_mut() }, None);
            // SAFETY: mapped until the release, and as many bytes were written.
            see(unsafe { std::slice::from_raw_parts(start.cast(), bytes) });
            release(packet);
        });
        release(picture);
        // SAFETY: from `vsl_encoder_create_ex`, once.
        unsafe { vsl_encoder_release(encoder) };
        allocated
    }

    /// The frame that comes out for a packet; NULL for the first ones.
    fn decode(decoder: *mut Decoder, packet: &[u8]) -> *mut Frame {
        let (mut used, mut frame) = (0, null_mut());
        let length = u32::try_from(packet.len()).unwrap();
        // SAFETY: a decoder that is not released.
        let decoder = unsafe { decoder.as_mut() };
        let (data, used_bytes) = (packet.as_ptr().cast(), Some(&mut used));
        // SAFETY: as many bytes.
        let code = unsafe { vsl_decode_frame(decoder, data, length, used_bytes, Some(&mut frame)) };
        assert_eq!(used, packet.len());
        assert_eq!(code & FRAME_DECODED != 0, !frame.is_null());
        frame
    }

    /// As many packets.
    fn packets() -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        encode(|packet| packets.push(packet.to_vec()));
        packets
    }

    #[test]
    fn encoding_into_new_frames_allocates_nothing() {
        let _turn = turn();
        assert_eq!(encode(|_| {}), 0);
    }

    #[test]
    fn sharing_decoded_frames_allocates_nothing() {
        let _turn = turn();
        let packets = packets();
        let pair = Pair::new("decoded");
        let decoder = vsl_decoder_create_ex(H264, 30, SOFTWARE);
        let allocated = in_the_steady_state(|turn| {
            let frame = decode(decoder, &packets[turn]);
            if frame.is_null() {
                return assert!(turn < FRAMES.0);
            }
            // It has expired already, and ends with the next call.
            pair.post(frame, -1);
            pair.process();
        });
        // SAFETY: from `vsl_decoder_create_ex`, once.
        unsafe { vsl_decoder_release(decoder) };
        assert_eq!(allocated, 0);
    }

    #[test]
    fn reading_decoded_frames_allocates_nothing() {
        let _turn = turn();
        let packets = packets();
        let decoder = vsl_decoder_create_ex(H264, 30, SOFTWARE);
        let mut out = [null_mut::<Frame>(); 3];
        let allocated = in_the_steady_state(|turn| {
            // As a program has some on their way.
            let place = &mut out[turn % 3];
            if !place.is_null() {
                release(std::mem::replace(place, null_mut()));
            }
            *place = decode(decoder, &packets[turn]);
            if place.is_null() {
                return assert!(turn < FRAMES.0);
            }
            // SAFETY: a frame of this test.
            assert!(!vsl_frame_mmap(unsafe { place.as_mut() }, None).is_null());
        });
        // SAFETY: from `vsl_decoder_create_ex`, once.
        unsafe { vsl_decoder_release(decoder) };
        // They outlive it.
        out.into_iter().for_each(release);
        assert_eq!(allocated, 0);
    }

    #[test]
    fn decoders_do_not_reuse_shared_memory() {
        let _turn = turn();
        let packets = packets();
        let pair = Pair::new("held");
        let decoder = vsl_decoder_create_ex(H264, 30, SOFTWARE);
        let decoded = packets.iter().map(|packet| decode(decoder, packet));
        let mut decoded = decoded.filter(|frame| !frame.is_null());
        let frame = decoded.next().unwrap();
        let identity = |frame: *mut Frame| {
            // SAFETY: a frame of this test.
            let fd = vsl_frame_handle(unsafe { frame.as_ref() });
            // SAFETY: of that frame, used for one call.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            rustix::fs::fstat(fd).unwrap().st_ino
        };
        let first = identity(frame);
        pair.post(frame, 0);
        let received = vsl_frame_wait(pair.client(), 0);
        // SAFETY: a frame of this test.
        assert_eq!(vsl_frame_trylock(unsafe { received.as_mut() }), 0);
        // Taken from its host, which a client has it of.
        release(frame);
        let frame = decoded.next().unwrap();
        let second = identity(frame);
        assert_ne!(first, second);
        release(frame);
        release(received);
        let frame = decoded.next().unwrap();
        assert_eq!(identity(frame), second);
        release(frame);
        // SAFETY: from `vsl_decoder_create_ex`, once.
        unsafe { vsl_decoder_release(decoder) };
    }
}
