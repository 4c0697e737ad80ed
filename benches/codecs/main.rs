//! Encoding, decoding and converting pictures, each compared with the same work without this
//! library.
//!
//! The two are measured alternately and printed as a table, like the figures of `benches/figures`.
//!
//! ```console
//! cargo bench --features software --bench codecs            # everything, and the table
//! cargo bench --features software --bench codecs -- convert # figures with this in their name
//! ```

mod codec;
mod convert;
mod direct;

use std::time::Duration;

use videostream_testing::figures;

fn main() {
    figures::run(
        (Duration::from_millis(500), Duration::from_secs(2)),
        &[convert::bench, codec::bench],
    );
}
