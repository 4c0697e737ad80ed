//! Shares a test pattern: the smallest host.
//!
//! ```console
//! cargo run --example host -- /tmp/pattern
//! cargo run --example client -- /tmp/pattern     # in other terminals, any number
//! ```
//!
//! The optional second argument is the number of frames to share before it exits.

use std::error::Error;

use videostream::hal::format::FourCc;
use videostream::{FrameRate, Host, PatternSource, Stream, TestPattern};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: host SOCKET [FRAMES]")?;
    let frames = arguments.next().map_or(Ok(u64::MAX), |n| n.parse())?;

    // The source of the frames. `CameraSource` is the same for a camera.
    let pattern = TestPattern::new(FourCc::NV12, 640, 480, FrameRate::fps(60)?)?;
    // One buffer is being filled; clients can hold the others.
    let source = PatternSource::new(pattern, 6)?;

    // A stream is the loop between a source and a host: it takes frames, publishes them, serves the
    // socket, and returns buffers to the source when no client reads them.
    let mut stream = Stream::new(Host::builder(&path), source)?;
    println!("serving {path}");
    for _ in 0..frames {
        stream.step(u64::MAX)?;
    }
    println!("{} clients at the end", stream.host().clients().count());
    Ok(())
}
