//! The virtual codec of the guest, end to end, for the codec tests.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod clip;

use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::codec::{
    Buffers, CodecQueue, Decoder, DecoderRequest, Encoder, EncoderRequest, FinishedBuffer,
    PictureFormat, find,
};
use videostream_hal::format::FourCc;
use videostream_hal::memory::heap::DmaHeap;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::queue::Content;
use videostream_hal::v4l2::{
    BufferFlags, Device, Error, ErrorKind, Memory, NodeKind, PixFormat, Ready,
};
use videostream_sys::v4l2 as sys;

use clip::Clip;

/// A deadline that only a codec that hangs misses.
pub(crate) fn patience() -> Option<u64> {
    Some(deadline_in(120_000_000_000))
}

pub(crate) fn open(kind: NodeKind) -> Device {
    find(kind, FourCc::FWHT, &mut |device| {
        device.capabilities().driver() == "vicodec"
    })
    .unwrap()
    .unwrap_or_else(|| panic!("no {}", kind.name()))
}

/// Returns the raw formats of the encoder.
pub(crate) fn raw_formats() -> Vec<FourCc> {
    let device = open(NodeKind::Encoder);
    let formats = device.formats(device.output_type().unwrap());
    formats.map(|format| format.unwrap().fourcc).collect()
}

/// When picture `number` is shown.
pub(crate) const fn time(number: usize) -> u64 {
    (number as u64 + 1) * 33_333_000
}

/// A packet as it came out of the encoder.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) time: u64,
    pub(crate) key: bool,
}

/// Whether a packet needs no other: the driver does not mark it, its header (big-endian) does.
fn is_key(packet: &[u8]) -> bool {
    let flags = u32::from_be_bytes(packet[20..24].try_into().unwrap());
    flags & sys::V4L2_FWHT_FL_I_FRAME != 0
}

/// The memory of a queue's buffers, as the test sees it.
pub(crate) struct MappedBuffers {
    pub(crate) mappings: Vec<Mapping>,
    /// Of memory that was imported.
    pub(crate) fds: Vec<OwnedFd>,
}

/// Maps every buffer of a queue, after giving it memory of a heap if it takes imports.
pub(crate) fn pages<D: AsFd>(side: &mut CodecQueue<D>) -> MappedBuffers {
    assert_eq!(side.lengths().len(), 1, "one memory plane");
    let len = side.lengths()[0] as usize;
    let (mut mappings, mut fds) = (Vec::new(), Vec::new());
    let heap = (side.memory() == Some(Memory::DmaBuf)).then(|| DmaHeap::open("system").unwrap());
    for index in 0..side.count() {
        mappings.push(match &heap {
            None => side.map(index, 0, Access::ReadWrite).unwrap(),
            Some(heap) => {
                let fd = heap.allocate(len as u64).unwrap();
                side.import(index, &[fd.as_fd()]).unwrap();
                let mapping = Mapping::new(&fd, len, Access::ReadWrite).unwrap();
                fds.push(fd);
                mapping
            }
        });
    }
    MappedBuffers { mappings, fds }
}

impl MappedBuffers {
    /// Fills a buffer that the driver does not have.
    pub(crate) fn fill(&mut self, index: u32, bytes: &[u8]) {
        // SAFETY: the driver gave the buffer back, and only this thread uses it.
        #[expect(unsafe_code, reason = "the bytes of a mapping")]
        let memory = unsafe { self.mappings[index as usize].bytes_mut() }.unwrap();
        memory[..bytes.len()].copy_from_slice(bytes);
    }

    /// The content of a buffer that the driver does not write.
    pub(crate) fn content(&self, done: &FinishedBuffer<'_>) -> &[u8] {
        // SAFETY: the buffer is out of the queue while `done` lives, and the callers use the
        // bytes no longer.
        #[expect(unsafe_code, reason = "the bytes of a mapping")]
        let memory = unsafe { self.mappings[done.index as usize].bytes() };
        let plane = done.planes()[0];
        &memory[plane.data_offset as usize..plane.bytes_used as usize]
    }
}

pub(crate) fn content(bytes_used: &u32, time: u64) -> Content<'_> {
    Content {
        bytes_used: std::slice::from_ref(bytes_used),
        timestamp_ns: time,
        ..Content::default()
    }
}

/// Buffers of a memory type.
pub(crate) fn buffers(memory: Memory, count: u32) -> Buffers {
    Buffers { memory, count }
}

pub(crate) fn request(clip: &Clip) -> EncoderRequest {
    EncoderRequest {
        coded: FourCc::FWHT,
        packet_size: 0,
        raw: PixFormat::new(clip.fourcc(), clip.layout.width, clip.layout.height),
        interval: None,
        crop: None,
    }
}

/// An encoder that runs, with its memory.
pub(crate) struct Encoding {
    pub(crate) encoder: Encoder,
    pub(crate) pictures: MappedBuffers,
    pub(crate) packets: MappedBuffers,
}

impl Encoding {
    pub(crate) fn start(clip: &Clip, memory: Memory) -> Self {
        let encoder = Encoder::new(open(NodeKind::Encoder), &request(clip)).unwrap();
        let layout = encoder.raw_format().layout().unwrap();
        assert_eq!(layout, clip.layout, "vicodec has no padding");
        Self::started(encoder, memory)
    }

    /// Gives an encoder its buffers and starts it.
    pub(crate) fn started(mut encoder: Encoder, memory: Memory) -> Self {
        encoder
            .allocate(buffers(memory, 3), buffers(memory, 3))
            .unwrap();
        let pictures = pages(encoder.m2m_mut().output_mut());
        let packets = pages(encoder.m2m_mut().capture_mut());
        encoder.start().unwrap();
        Self {
            encoder,
            pictures,
            packets,
        }
    }

    /// Submits a picture if there is a buffer for it.
    pub(crate) fn submit(&mut self, clip: &Clip, number: usize) -> bool {
        let Some(index) = self.encoder.m2m().free_input().unwrap() else {
            return false;
        };
        self.pictures.fill(index, clip.picture(number));
        let len = clip.layout.size;
        self.encoder
            .m2m()
            .submit(index, &content(&len, time(number)))
            .unwrap();
        true
    }

    /// A packet, if one is ready.
    pub(crate) fn take(&self) -> Result<Packet, Error> {
        self.encoder.take_packet().map(|done| self.copy(&done))
    }

    /// The next packet.
    pub(crate) fn next(&self) -> Result<Packet, Error> {
        let done = self.encoder.next_packet(patience())?;
        Ok(self.copy(&done))
    }

    fn copy(&self, done: &FinishedBuffer<'_>) -> Packet {
        assert!(!done.is_corrupted());
        let bytes = self.packets.content(done).to_vec();
        Packet {
            key: is_key(&bytes),
            bytes,
            time: done.timestamp_ns,
        }
    }

    /// Encodes pictures and drains: every packet up to the end.
    pub(crate) fn run(&mut self, clip: &Clip, numbers: std::ops::Range<usize>) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut next = numbers.start;
        loop {
            while next < numbers.end && self.submit(clip, next) {
                next += 1;
                if next == numbers.end {
                    self.encoder.drain().unwrap();
                }
            }
            match self.take() {
                Ok(packet) => packets.push(packet),
                Err(error) if error.kind() == ErrorKind::EndOfStream => return packets,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
                    let mut wanted = Ready::CAPTURE;
                    wanted.set(Ready::OUTPUT, next < numbers.end);
                    self.encoder.m2m().wait(wanted, patience()).unwrap();
                }
            }
        }
    }
}

/// Encodes the first pictures of a film, each of which must be one packet, in order, with its
/// time.
pub(crate) fn encode(clip: &Clip, count: usize, memory: Memory) -> Vec<Packet> {
    let packets = Encoding::start(clip, memory).run(clip, 0..count);
    check_times(packets.iter().map(|packet| packet.time), 0..count);
    assert!(packets[0].key);
    packets
}

pub(crate) fn check_times(times: impl Iterator<Item = u64>, numbers: std::ops::Range<usize>) {
    let times: Vec<u64> = times.collect();
    let wanted: Vec<u64> = numbers.map(time).collect();
    assert_eq!(times, wanted, "every frame in is one out, in order");
}

/// A decoder that runs, with its memory.
pub(crate) struct Decoding {
    pub(crate) decoder: Decoder,
    pub(crate) packets: MappedBuffers,
    pub(crate) pictures: Option<MappedBuffers>,
    memory: Memory,
    raw: Option<FourCc>,
}

/// What a decoder gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Out {
    /// A format was taken up.
    Format(PictureFormat),
    /// A picture: its time and its distance from the source.
    Picture { time: u64, psnr: f64 },
}

impl Decoding {
    pub(crate) fn start(raw: Option<FourCc>, packet_size: u32, memory: Memory) -> Self {
        let request = DecoderRequest {
            coded: FourCc::FWHT,
            size: None,
            packet_size,
        };
        let device = open(NodeKind::Decoder);
        let mut decoder = Decoder::new(device, &request, buffers(memory, 3)).unwrap();
        assert!(decoder.takes_any_split() && decoder.can_change_size());
        let packets = pages(decoder.m2m_mut().output_mut());
        Self {
            decoder,
            packets,
            pictures: None,
            memory,
            raw,
        }
    }

    pub(crate) fn submit(&mut self, packet: &Packet) -> bool {
        let Some(index) = self.decoder.m2m().free_input().unwrap() else {
            return false;
        };
        self.packets.fill(index, &packet.bytes);
        let len = packet.bytes.len() as u32;
        self.decoder
            .m2m()
            .submit(index, &content(&len, packet.time))
            .unwrap();
        true
    }

    /// Takes up the format of the stream.
    pub(crate) fn set_up(&mut self) -> PictureFormat {
        self.pictures = None;
        let format = self
            .decoder
            .set_up(self.raw, buffers(self.memory, 3))
            .unwrap();
        self.pictures = Some(pages(self.decoder.m2m_mut().capture_mut()));
        self.decoder.start().unwrap();
        format
    }

    /// Decodes packets and drains: everything up to the end, compared with `source`, which gives
    /// the film and the number for a time.
    pub(crate) fn run<'c>(
        &mut self,
        packets: &[Packet],
        source: impl Fn(u64) -> (&'c Clip, usize),
    ) -> Vec<Out> {
        let mut out = Vec::new();
        let mut rest = packets;
        loop {
            while let Some((first, others)) = rest.split_first() {
                if !self.submit(first) {
                    break;
                }
                rest = others;
                if rest.is_empty() {
                    self.decoder.drain().unwrap();
                }
            }
            let error = match self.decoder.take_picture() {
                Ok(picture) => {
                    assert!(!picture.flags.contains(BufferFlags::ERROR));
                    let (clip, number) = source(picture.timestamp_ns);
                    let bytes = self.pictures.as_ref().unwrap().content(&picture);
                    let psnr = clip.psnr(number, bytes);
                    let time = picture.timestamp_ns;
                    out.push(Out::Picture { time, psnr });
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::SourceChanged => out.push(Out::Format(self.set_up())),
                ErrorKind::EndOfStream => return out,
                ErrorKind::NotReady => {
                    let mut wanted = self.decoder.wanted();
                    wanted.set(Ready::OUTPUT, !rest.is_empty());
                    self.decoder.m2m().wait(wanted, patience()).unwrap();
                }
                _ => panic!("{error}"),
            }
        }
    }
}

/// The number of the picture that is shown at `time`.
pub(crate) fn number(time: u64) -> usize {
    (time / 33_333_000 - 1) as usize
}

/// The pictures in what a decoder gave.
pub(crate) fn pictures(out: &[Out]) -> impl Iterator<Item = (u64, f64)> {
    out.iter().filter_map(|out| match *out {
        Out::Picture { time, psnr } => Some((time, psnr)),
        Out::Format(_) => None,
    })
}

/// Decoded pictures are at least this close to their source, in dB.
pub(crate) const PSNR: f64 = 40.0;

/// Encodes and decodes pictures, each of which must come back, in order, with its time.
pub(crate) fn round_trip(fourcc: FourCc, width: u32, height: u32, count: usize, memory: Memory) {
    let clip = Clip::new(fourcc, width, height);
    let packets = encode(&clip, count, memory);
    let mut decoding = Decoding::start(Some(fourcc), 0, memory);
    let out = decoding.run(&packets, |time| (&clip, number(time)));
    check_times(pictures(&out).map(|(time, _)| time), 0..count);
    let worst = pictures(&out)
        .map(|(_, psnr)| psnr)
        .fold(f64::MAX, f64::min);
    println!("{fourcc}: {count} frames by {memory:?}, {worst:.1} dB");
    assert!(worst >= PSNR, "{fourcc}: {worst:.1} dB");
}
