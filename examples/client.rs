//! Reads shared frames: the smallest client. See `host.rs`.
//!
//! ```console
//! cargo run --example client -- SOCKET [FRAMES]
//! ```

use std::error::Error;
use std::time::Duration;

use videostream::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: client SOCKET [FRAMES]")?;
    let frames = arguments.next().map_or(Ok(u64::MAX), |n| n.parse())?;

    // `reconnect` also waits for a host that has not started yet.
    let mut client = Client::builder(&path).reconnect(true).connect()?;
    for _ in 0..frames {
        // The newest frame, once. The host does not reuse its memory while `frame` lives.
        let frame = client.next(Duration::from_secs(10))?;
        let pixels = frame.pixels()?;
        // The pixels in the host's memory: nothing is copied.
        let luma = pixels.plane(0);
        let sum: u64 = luma.iter().map(|&byte| u64::from(byte)).sum();
        println!(
            "frame {}: {}x{} {}, mean {}, {} missed",
            frame.serial(),
            frame.width(),
            frame.height(),
            frame.fourcc(),
            sum / luma.len() as u64,
            frame.missed()
        );
        // Dropping the frame releases it. To keep several at once: `Client::builder(..).hold(3)`.
    }
    Ok(())
}
