//! Any bytes as an MP4: the packets read have pictures, and no more bytes than the file.

use std::io::Cursor;

use videostream::mp4::Mp4Reader;

pub fn run(bytes: &[u8]) {
    let mut reader = match Mp4Reader::new(Cursor::new(bytes)) {
        Ok(reader) => reader,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let info = *reader.info();
    assert!(info.timescale > 0);
    let (mut packets, mut data) = (0, 0);
    loop {
        match reader.next() {
            Ok(Some(packet)) => {
                assert!(packet.has_picture() && packet.codec() == info.codec);
                packets += 1;
                data += packet.data().len();
            }
            Ok(None) => break,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break;
            }
        }
    }
    // Each has a byte of the file to itself, and a start code may take the place of one byte.
    assert!(packets <= bytes.len());
    assert!(data <= 4 * bytes.len());
    assert!(reader.next().is_err() || reader.next().is_ok_and(|packet| packet.is_none()));
}
