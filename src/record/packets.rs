//! Recording a shared stream of packets, without decoding it.

use std::path::{Path, PathBuf};

use videostream_hal::ring::{Flags, FrameDescriptor};
use videostream_hal::time::now_ns;

use super::reorder::{Next, Reorder};
use super::{NOMINAL, RecordError, Recorded, Recorder, Timeline, Track, annex_b, check_path};
use crate::Result;
use crate::bitstream::ParameterSets;
use crate::bitstream::{Codec, Packet};
use crate::frame_rate::FrameRate;
use crate::share::{Frame, KeyFrameGate};

/// Records the packets that a [`Client`](crate::Client) receives, every one in order
/// ([`Mode::Every`](crate::Mode::Every)), from a host that shares a compressed stream.
///
/// The file starts with a key frame. If packets are lost on the way (the client was too slow, the
/// host was restarted), later ones can't be decoded: they are dropped up to the next key frame, and
/// counted. The gap remains in the file's times.
///
/// ```no_run
/// use videostream::record::PacketRecorder;
/// use videostream::{Client, Mode};
///
/// let mut client = Client::builder("/run/camera").mode(Mode::Every).connect()?;
/// let mut recorder = PacketRecorder::new("clip.mp4");
/// for _ in 0..300 {
///     recorder.write(&client.next(std::time::Duration::from_secs(5))?)?;
///     if recorder.needs_key_frame() {
///         client.ask_for_key_frame();
///     }
/// }
/// println!("{} frames, {} lost", recorder.lost(), recorder.finish()?.frames);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PacketRecorder {
    path: PathBuf,
    recorder: Option<Recorder>,
    expected: Option<u64>,
    /// Format and size of the first frame, which the file is for.
    like: Option<(u32, u32, u32)>,
    timeline: Timeline,
    rate: Option<FrameRate>,
    gate: KeyFrameGate,
    /// Decoding time of the first packet in the file, and end of the last one.
    first_ns: Option<u64>,
    end_ns: u64,
    skipped: u64,
    lost: u64,
    losses: u64,
    bytes: Vec<u8>,
    /// Whether the host supplies presentation times.
    has_times: Option<bool>,
    /// Packets waiting for their display position.
    reorder: Option<Box<Reorder>>,
    /// The parameter sets before the first key frame, which may be the only ones.
    sets: Option<ParameterSets>,
}

/// The outcome for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is in the file, or in the incomplete fragment.
    Written,
    /// It refers to pictures that are not in the file, so no decoder could use it.
    LeftOut,
}

impl PacketRecorder {
    /// Creates a recorder for `path`, which is created with the first key frame.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().into(),
            recorder: None,
            expected: None,
            like: None,
            timeline: Timeline::new(),
            rate: None,
            gate: KeyFrameGate::new(),
            first_ns: None,
            end_ns: 0,
            skipped: 0,
            lost: 0,
            losses: 0,
            bytes: Vec::new(),
            has_times: None,
            reorder: None,
            sets: None,
        }
    }

    /// Sets the approximate number of frames; see [`Track::expected_frames`].
    #[must_use]
    pub fn expected_frames(mut self, frames: u64) -> Self {
        self.expected = Some(frames);
        self
    }

    /// Returns the content of the file so far; `skipped` counts packets before the first key frame.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        let recorded = self.recorder.as_ref().map(Recorder::recorded);
        Recorded {
            skipped: self.skipped,
            ..recorded.unwrap_or_default()
        }
    }

    /// Returns the number of frames in the incomplete fragment.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let held = self.reorder.as_ref().map_or(0, |reorder| reorder.len()) as u64;
        self.recorder.as_ref().map_or(0, Recorder::waiting) + held
    }

    /// Returns the number of packets between first and last that are missing in the file: lost on
    /// the way, or undecodable after such a loss.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns the number of such losses.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.losses
    }

    /// Returns the number of packets timed by their arrival; see [`Timeline::estimated`].
    #[must_use]
    pub fn estimated(&self) -> u64 {
        self.timeline.estimated()
    }

    /// Returns whether to ask the host for a key frame
    /// ([`Client::ask_for_key_frame`](crate::Client::ask_for_key_frame)): packets were lost since
    /// the last call, or no key frame has arrived for a long time.
    pub fn needs_key_frame(&mut self) -> bool {
        self.gate.needs_request()
    }

    /// Returns the end of the last written packet, in nanoseconds after the start of the first one.
    #[must_use]
    pub fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// Adds a packet.
    ///
    /// # Errors
    /// [`Error::Record`](crate::Error::Record): [`RecordError::NoPacket`] for a frame that is not
    /// H.264 or H.265; [`RecordError::Changed`] for another format or size than the first, which
    /// needs a new file; those of [`Recorder::create`] and [`Recorder::write`]; and those of
    /// [`Frame::pixels`].
    pub fn write(&mut self, frame: &Frame) -> Result<Outcome> {
        let about = frame.descriptor();
        let codec = Codec::of_packets(frame.fourcc()).ok_or(RecordError::NoPacket {
            fourcc: frame.fourcc(),
        })?;
        check_path(&self.path, codec)?;
        let now = (about.fourcc, about.width, about.height);
        match self.like {
            None => {
                self.like = Some(now);
                self.rate = FrameRate::from_period_ns(about.duration_ns);
            }
            Some(was) if was != now => {
                let recorded = self.recorded();
                return Err(RecordError::Changed { was, now, recorded }.into());
            }
            Some(_) => {}
        }
        if self.is_gap(frame) {
            self.lose(frame.missed())?;
        }
        if !self.read(frame)? {
            self.lose(1)?;
            return Ok(Outcome::LeftOut);
        }
        let packet = Packet::new(codec, &self.bytes, 0, 0);
        if !self.gate.admits(packet.is_key()) {
            match self.recorder {
                Some(_) => self.lost += 1,
                None => self.skipped += 1,
            }
            let sets = self.sets.get_or_insert_with(|| ParameterSets::new(codec));
            sets.add_all(&self.bytes);
            return Ok(Outcome::LeftOut);
        }
        // An encoder may send them only once; the host keeps them.
        if packet.is_key() && packet.parameter_sets().is_empty() {
            let before = self.sets.take();
            if let Some(sets) = frame.parameters()? {
                self.bytes.splice(..0, sets.iter().copied());
            } else if let Some(sets) = before {
                self.bytes.splice(..0, sets.to_bytes());
            }
        }
        if self.recorder.is_none() {
            let rate = self.rate.unwrap_or(NOMINAL);
            let mut track = Track::new(codec, about.width, about.height, rate);
            track.expected = self.expected;
            // Without a file, the next packet has to be a key frame, too.
            let created = Recorder::create(&self.path, &track);
            self.recorder = Some(created.inspect_err(|_| self.gate.lose())?);
        }
        // A byte stream has no times.
        let has_times = *self.has_times.get_or_insert_with(|| has_times(about));
        let needs_order = annex_b(&self.path).is_none() && !has_times;
        let lost = self.lost;
        if needs_order {
            let reorder = self
                .reorder
                .get_or_insert_with(|| Box::new(Reorder::new(codec)));
            let bytes = std::mem::take(&mut self.bytes);
            reorder.add(bytes, (about.timestamp_ns, arrival_ns(about)));
            self.write_ordered(codec)?;
        } else {
            let (dts_ns, pts_ns) = self.times(about);
            let bytes = std::mem::take(&mut self.bytes);
            let written = self.append(&Packet::new(codec, &bytes, pts_ns, dts_ns));
            self.bytes = bytes;
            written?;
        }
        Ok(match lost == self.lost {
            true => Outcome::Written,
            false => Outcome::LeftOut,
        })
    }

    /// Writes the packets whose time is known.
    fn write_ordered(&mut self, codec: Codec) -> std::result::Result<(), RecordError> {
        while let Some(reorder) = &mut self.reorder
            && let Some(next) = reorder.next(&mut self.timeline)
        {
            match next {
                Next::Packet(bytes, pts_ns, dts_ns) => {
                    self.append(&Packet::new(codec, &bytes, pts_ns, dts_ns))?;
                }
                Next::Useless => self.lost += 1,
            }
        }
        Ok(())
    }

    /// Writes the waiting packets; later ones are displayed after them.
    fn end_order(&mut self) -> std::result::Result<(), RecordError> {
        let codec = self.recorder.as_ref().map(|recorder| recorder.codec());
        if let (Some(reorder), Some(codec)) = (&mut self.reorder, codec) {
            reorder.end();
            self.write_ordered(codec)?;
        }
        self.reorder = None;
        Ok(())
    }

    fn append(&mut self, packet: &Packet<'_>) -> std::result::Result<(), RecordError> {
        let Some(recorder) = &mut self.recorder else {
            return Ok(());
        };
        recorder.write(packet)?;
        let first_ns = *self.first_ns.get_or_insert(packet.dts_ns());
        let period_ns = self.rate.map_or(0, FrameRate::period_ns);
        let begins_ns = packet.dts_ns().saturating_sub(first_ns);
        self.end_ns = begins_ns.saturating_add(period_ns);
        Ok(())
    }

    /// Completes the file. Without a packet no file is created.
    ///
    /// # Errors
    /// Those of [`Recorder::finish`].
    pub fn finish(mut self) -> std::result::Result<Recorded, RecordError> {
        self.end_order()?;
        let skipped = self.skipped;
        let recorded = self.recorder.take().map(Recorder::finish).transpose()?;
        Ok(Recorded {
            skipped,
            ..recorded.unwrap_or_default()
        })
    }

    /// Returns whether packets before this one were lost.
    fn is_gap(&self, frame: &Frame) -> bool {
        self.recorder.is_some() && (frame.missed() > 0 || frame.is_after_restart())
    }

    fn lose(&mut self, packets: u64) -> std::result::Result<(), RecordError> {
        if self.recorder.is_none() {
            self.skipped += packets;
            return Ok(());
        }
        self.end_order()?;
        self.lost += packets;
        if !self.gate.is_waiting() {
            self.losses += 1;
            self.gate.lose();
        }
        Ok(())
    }

    /// Copies the packet. Returns `false` if it is damaged.
    fn read(&mut self, frame: &Frame) -> Result<bool> {
        let pixels = frame.pixels()?;
        let all = pixels.plane(0);
        let used = all.len().min(frame.descriptor().bytes_used as usize);
        self.bytes.clear();
        self.bytes.extend_from_slice(&all[..used]);
        // If this client was evicted, the bytes may have been overwritten during the copy.
        Ok(frame.is_intact() && !frame.flags().contains(Flags::CORRUPTED))
    }

    /// Decoding and presentation time of a packet.
    fn times(&mut self, about: &FrameDescriptor) -> (u64, u64) {
        let dts_ns = self.timeline.pts_ns(about.timestamp_ns, arrival_ns(about));
        let later = about.pts_ns.saturating_sub(about.dts_ns);
        let later = u64::try_from(later).unwrap_or(0);
        (dts_ns, dts_ns.saturating_add(later))
    }
}

/// Returns the arrival time of a packet. A host need not supply the time of publication.
fn arrival_ns(about: &FrameDescriptor) -> u64 {
    match about.published_ns {
        0 => now_ns(),
        published_ns => published_ns,
    }
}

/// Returns whether the host supplies decoding and presentation times, judged by the first packet.
/// Hosts that don't know them may set both to the same.
fn has_times(about: &FrameDescriptor) -> bool {
    about.dts_ns >= 0 && about.pts_ns > about.dts_ns
}

impl Drop for PacketRecorder {
    fn drop(&mut self) {
        // Errors can't be reported here.
        let _ = self.end_order();
    }
}
