//! Compressed streams.

use videostream::hal::format::FourCc;
use videostream::hal::ring::Flags;

use crate::host::{TestHost, host, packet};
use crate::reader::Reader;
use crate::support::until;

/// A sequence parameter set, a picture parameter set, and the start of pictures of either kind.
const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x1e, 0x84];
const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xcb, 0x83, 0xcb, 0x20];
const IDR: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 0x84, 0x0a, 0xf2, 0x62, 0x80];
const DELTA: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a, 0x24, 0x6c, 0x41, 0x4f];

struct Stream {
    _folder: tempfile::TempDir,
    path: String,
    host: TestHost,
    /// A memory for each of a few packets.
    memory: Vec<u32>,
    next: usize,
}

impl Stream {
    fn new() -> Self {
        let (folder, path, mut host) = host();
        let memory = (0..16).map(|_| host.memory(4096, 0)).collect();
        Self {
            _folder: folder,
            path,
            host,
            memory,
            next: 0,
        }
    }

    fn publish(&mut self, fourcc: FourCc, bytes: &[u8], is_key: bool) -> u64 {
        let id = self.memory[self.next % self.memory.len()];
        self.next += 1;
        self.host.write(id, bytes);
        let mut packet = packet(fourcc, id, bytes.len() as u32);
        if is_key {
            packet.flags = Flags::KEY_FRAME.bits();
        }
        self.host.publish(&packet)
    }

    fn key(&mut self) -> u64 {
        self.publish(FourCc::H264, &[SPS, PPS, IDR].concat(), true)
    }

    fn delta(&mut self) -> u64 {
        self.publish(FourCc::H264, DELTA, false)
    }

    /// A reader that takes every packet: it reconnects once it knows that the stream is compressed.
    fn reader(&mut self) -> Reader {
        let reader = Reader::playing(&self.path, &[]);
        self.key();
        until("it has come again", || {
            let stats = self.host.publisher().host().stats();
            self.host.clients() == 1 && stats.left == 1
        });
        reader
    }
}

#[test]
fn a_stream_begins_with_a_key_frame() {
    let mut stream = Stream::new();
    let mut reader = Reader::playing(&stream.path, &[("mode", "every")]);
    for _ in 0..3 {
        stream.delta();
    }
    let key = stream.key();
    stream.delta();
    let first = reader.pull();
    assert_eq!(first.offset(), key);
    let flags = first.flags();
    assert!(!flags.contains(gst::BufferFlags::DELTA_UNIT));
    assert!(flags.contains(gst::BufferFlags::HEADER | gst::BufferFlags::DISCONT));
    assert_eq!(
        first.map_readable().unwrap().as_slice(),
        [SPS, PPS, IDR].concat()
    );
    let second = reader.pull();
    assert!(second.flags().contains(gst::BufferFlags::DELTA_UNIT));
    assert!(!second.flags().contains(gst::BufferFlags::HEADER));
    assert_eq!(second.map_readable().unwrap().as_slice(), DELTA);
    assert!(first.pts() < second.pts());
    assert_eq!(second.pts(), second.dts());
    assert_eq!(reader.stats("undecodable"), 3);
    let caps = reader.caps().to_string();
    for part in ["video/x-h264", "byte-stream", "au", "30/1"] {
        assert!(caps.contains(part), "{caps}");
    }
}

#[test]
fn packets_come_in_order_by_default() {
    let mut stream = Stream::new();
    let mut reader = stream.reader();
    let mut expected: Vec<u64> = vec![reader.pull().offset()];
    expected.extend((0..6).map(|_| stream.delta()));
    let got: Vec<u64> = (0..6).map(|_| reader.pull().offset()).collect();
    assert_eq!(got, expected[1..]);
}

#[test]
fn a_gap_waits_for_a_key_frame_and_asks() {
    use gst::prelude::ElementExt;
    let mut stream = Stream::new();
    let mut reader = stream.reader();
    reader.pull();
    reader.element.set_state(gst::State::Paused).unwrap();
    let before = stream.host.publisher().host().stats().left;
    // More than the ring keeps.
    for _ in 0..20 {
        stream.delta();
    }
    reader.element.set_state(gst::State::Playing).unwrap();
    until("a key frame is asked for", || {
        // A slow host is asked again after some more packets.
        stream.delta();
        stream.host.publisher().host().stats().left > before
    });
    let key = stream.key();
    // A packet that was under way at the pause comes first.
    let next = loop {
        let next = reader.pull();
        if next.offset() > 2 {
            break next;
        }
    };
    assert_eq!(next.offset(), key);
    assert!(next.flags().contains(gst::BufferFlags::DISCONT));
}

#[test]
fn downstream_asks_for_a_key_frame() {
    use gst::prelude::PadExtManual;
    let mut stream = Stream::new();
    let mut reader = stream.reader();
    reader.pull();
    let left = |stream: &Stream| stream.host.publisher().host().stats().left;
    let before = left(&stream);
    let event = gst_video::UpstreamForceKeyUnitEvent::builder().build();
    assert!(reader.harness.sinkpad().unwrap().push_event(event));
    until("a client has come and gone", || left(&stream) > before);
}

#[test]
fn parameter_sets_of_the_host_are_prepended() {
    let mut stream = Stream::new();
    let sets = [SPS, PPS].concat();
    let kept = stream.host.publisher().host_mut().set_parameters(&sets);
    kept.unwrap();
    let mut reader = Reader::playing(&stream.path, &[("mode", "every")]);
    stream.publish(FourCc::H264, IDR, true);
    let first = reader.pull();
    assert_eq!(
        first.map_readable().unwrap().as_slice(),
        [SPS, PPS, IDR].concat()
    );
    assert!(first.flags().contains(gst::BufferFlags::HEADER));
}

#[test]
fn packets_are_copied_into_downstreams_memory() {
    let mut stream = Stream::new();
    let sets = [SPS, PPS].concat();
    let kept = stream.host.publisher().host_mut().set_parameters(&sets);
    kept.unwrap();
    let mut reader = Reader::new(&stream.path, &[("mode", "every"), ("hold", "1")]);
    let round = reader.is_asked_for_round_addresses();
    reader.harness.play();
    stream.publish(FourCc::H264, IDR, true);
    let first = reader.pull();
    let address = |memory: &gst::MemoryRef| memory.map_readable().unwrap().as_ptr().addr();
    assert_eq!(first.n_memory(), 2);
    assert_eq!(address(first.peek_memory(0)) % round, 0);
    for _ in 0..8 {
        stream.delta();
        let copy = reader.pull();
        assert_eq!(address(copy.peek_memory(0)) % round, 0);
        assert_eq!(copy.map_readable().unwrap().as_slice(), DELTA);
    }
    assert_eq!(reader.stats("copied"), 8);
}

#[test]
fn jpeg_is_its_used_bytes() {
    let mut stream = Stream::new();
    let mut reader = Reader::playing(&stream.path, &[]);
    stream.publish(FourCc::MJPG, &[0xff, 0xd8, 0xff, 0xd9], true);
    let buffer = reader.pull();
    assert_eq!(
        buffer.map_readable().unwrap().as_slice(),
        [0xff, 0xd8, 0xff, 0xd9]
    );
    assert!(reader.caps().to_string().starts_with("image/jpeg"));
    assert!(!buffer.flags().contains(gst::BufferFlags::DELTA_UNIT));
}

#[test]
fn packets_beyond_hold_are_copied() {
    let mut stream = Stream::new();
    let mut reader = Reader::playing(&stream.path, &[("mode", "every"), ("hold", "1")]);
    stream.key();
    let kept = reader.pull();
    stream.delta();
    let copy = reader.pull();
    assert_eq!(copy.map_readable().unwrap().as_slice(), DELTA);
    assert!(copy.flags().contains(gst::BufferFlags::DELTA_UNIT));
    assert_eq!(reader.stats("copied"), 1);
    assert_eq!(stream.host.held(), 1);
    drop(kept);
}
