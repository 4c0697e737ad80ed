//! Any bytes as a Y4M file: all pictures read have one size.

use std::io::Cursor;

use videostream::y4m::Y4mReader;

pub fn run(bytes: &[u8]) {
    let mut reader = match Y4mReader::new(Cursor::new(bytes)) {
        Ok(reader) => reader,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let layout = *reader.layout();
    let _ = (reader.rate(), reader.appearance());
    // Each takes more bytes of the file than it has samples.
    let most = bytes.len() as u64 / u64::from(layout.size);
    for number in 0.. {
        match reader.read() {
            Ok(None) => break,
            Ok(Some(picture)) => {
                assert!(number < most);
                assert_eq!(picture.width(), layout.width);
                assert_eq!(picture.height(), layout.height);
                let read: usize = picture.planes().iter().map(|plane| plane.data.len()).sum();
                assert_eq!(read, layout.size as usize);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break;
            }
        }
    }
}
