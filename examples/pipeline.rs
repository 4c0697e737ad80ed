//! Three processes: one produces frames, one changes each, one uses the results.
//!
//! ```console
//! cargo run --example pipeline
//! ```
//!
//! This starts the program in three roles, which can also be started by hand:
//!
//! ```console
//! pipeline source FIRST                  # a host
//! pipeline invert FIRST SECOND           # a client of FIRST that is the host of SECOND
//! pipeline sink SECOND FRAMES            # a client
//! ```

use std::error::Error;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command};
use std::time::Duration;

use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::MAX_PLANES;
use videostream::source::{Pool, SourceFrame};
use videostream::{
    Client, FrameRate, Host, PatternSource, Picture, Source, Stream, TestPattern, pattern,
};

/// Number of frames that `main` passes through before it exits.
const FRAMES: u64 = 30;
const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => all(),
        ["source", name] => source(name),
        ["invert", from, to] => invert(from, to),
        ["sink", name, frames] => sink(name, frames.parse()?),
        _ => Err("usage: pipeline [source NAME | invert FROM TO | sink NAME FRAMES]".into()),
    }
}

/// Starts the three processes and waits for the last one.
fn all() -> Result<(), Box<dyn Error>> {
    // Names that do not start with `/` are abstract: they leave no file behind.
    let first = format!("pipeline-{}-first", std::process::id());
    let second = format!("pipeline-{}-second", std::process::id());
    let frames = FRAMES.to_string();
    let _source = Ended(role(&["source", &first])?);
    let _invert = Ended(role(&["invert", &first, &second])?);
    let status = role(&["sink", &second, &frames])?.wait()?;
    if !status.success() {
        return Err(format!("the sink ended with {status}").into());
    }
    Ok(())
}

fn role(words: &[&str]) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).args(words).spawn()
}

/// Kills a process when dropped. Its frames and holds are released; other processes only notice
/// that it is gone.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail if it has already exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn source(name: &str) -> Result<(), Box<dyn Error>> {
    let pattern = TestPattern::new(FourCc::NV12, WIDTH, HEIGHT, FrameRate::fps(60)?)?;
    let mut stream = Stream::new(Host::builder(name), PatternSource::new(pattern, 6)?)?;
    loop {
        stream.step(u64::MAX)?;
    }
}

/// Waits for a host that is about to start.
fn client_of(name: &str) -> videostream::Result<Client> {
    let minute = Duration::from_secs(60);
    let builder = Client::builder(name).reconnect(true);
    builder.connect_timeout(minute).connect()
}

/// The middle process as a source: its frames are those of a client, inverted.
struct Inverted {
    client: Client,
    layout: Layout,
    /// Its own buffers, for the results.
    pool: Pool,
}

impl Source for Inverted {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn rate(&self) -> Option<FrameRate> {
        // The interval of the first host is not known here.
        None
    }

    fn buffer_count(&self) -> u32 {
        self.pool.len()
    }

    fn reserve(&self) -> u32 {
        1
    }

    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        let buffer = self.pool.buffer(index);
        let buffer = buffer.map(|b| (b.fd.as_fd(), b.len_bytes));
        buffer.into_iter().collect()
    }

    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.client.as_fd())
    }

    fn take(&mut self) -> videostream::Result<Option<SourceFrame>> {
        let Some(frame) = self.client.poll_next()? else {
            return Ok(None);
        };
        let pixels = frame.pixels()?;
        let input = pixels.picture()?;
        let index = self.pool.fill(|output| {
            for (at, plane) in output.planes().iter_mut().enumerate() {
                // Only the luma is inverted; both have the same layout.
                let mask = if at == 0 { 0xff } else { 0 };
                for (to, from) in plane.data.iter_mut().zip(input.planes()[at].data) {
                    *to = from ^ mask;
                }
            }
            Ok(())
        })?;
        // `None`: clients hold all buffers, and this frame is dropped. Times and number are those
        // of the original frame.
        Ok(index.map(|index| SourceFrame {
            index,
            sequence: frame.sequence(),
            timestamp_ns: frame.timestamp_ns(),
            bytes_used: self.layout.size,
            data_offset: [0; MAX_PLANES],
            flags: frame.flags(),
            field: frame.descriptor().field,
            colorimetry: frame.descriptor().colorimetry,
        }))
    }

    fn requeue(&mut self, index: u32) -> videostream::Result<()> {
        self.pool.put(index);
        Ok(())
    }
}

fn invert(from: &str, to: &str) -> Result<(), Box<dyn Error>> {
    let layout = Layout::new(FourCc::NV12, WIDTH, HEIGHT)?;
    let mut client = client_of(from)?;
    // After `poll_next` has returned `None`, the descriptor reports every later frame.
    while client.poll_next()?.is_some() {}
    let inverted = Inverted {
        client,
        layout,
        pool: Pool::new(&Allocator::new(), layout, 6)?,
    };
    let mut stream = Stream::new(Host::builder(to), inverted)?;
    loop {
        stream.step(u64::MAX)?;
    }
}

fn sink(name: &str, frames: u64) -> Result<(), Box<dyn Error>> {
    let layout = Layout::new(FourCc::NV12, WIDTH, HEIGHT)?;
    let mut client = client_of(name)?;
    for _ in 0..frames {
        let frame = client.next(Duration::from_secs(60))?;
        let pixels = frame.pixels()?;
        // Inverted again, every byte is that of the original pattern.
        let luma = pixels.plane(0).iter().map(|byte| !byte);
        let bytes: Vec<u8> = luma.chain(pixels.plane(1).iter().copied()).collect();
        let number = pattern::verify(&Picture::new(&bytes, &layout)?)?;
        if number != frame.sequence() {
            return Err(format!("frame {} shows {number}", frame.sequence()).into());
        }
        println!("frame {}: whole", frame.serial());
    }
    println!("{frames} frames through three processes");
    Ok(())
}
