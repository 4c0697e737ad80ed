//! Recordings, read by other programs, also after a cut or on a full disk.

#[cfg(all(feature = "software", feature = "record"))]
mod cut;
#[cfg(all(feature = "software", feature = "record"))]
mod encoded;
#[cfg(all(feature = "software", feature = "record"))]
mod former;
#[path = "../media/mod.rs"]
mod media;
#[cfg(all(feature = "software", feature = "record"))]
mod times;

use std::fs;

use videostream::encode::{Codec, Packet};
use videostream::record::{self, RecordError, Recorded, Recorder, Track};

use media::fps;

fn track() -> Track {
    Track::new(Codec::H264, 320, 240, fps(30))
}

#[test]
fn unknown_extensions_are_refused_with_a_list() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.avi", "x", "x.mp4.part", ".mp4"] {
        let error = Recorder::create(folder.path().join(name), &track()).unwrap_err();
        assert!(
            matches!(error, RecordError::Extension { .. }),
            "{name}: {error}"
        );
        let text = error.to_string();
        assert!(
            text.contains(name) && text.contains(".mp4") && text.contains(".h264"),
            "{text}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Recorder::create("/nonexistent/x.h264", &track()).unwrap_err();
    assert!(matches!(error, RecordError::Create { .. }));
    assert!(error.to_string().contains("/nonexistent/x.h264"), "{error}");
}

#[test]
fn recording_begins_with_a_key_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.264");
    let slice = [0, 0, 0, 1, 0x41, 1];
    let key = [
        0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65, 1,
    ];
    let mut recorder = Recorder::create(&path, &track()).unwrap();
    for (number, bytes) in [&slice[..], &slice, &key, &slice].into_iter().enumerate() {
        let pts = fps(30).time_ns(number as u64);
        recorder
            .write(&Packet::new(Codec::H264, bytes, pts, pts))
            .unwrap();
    }
    let recorded = recorder.finish().unwrap();
    assert_eq!((recorded.frames, recorded.skipped), (2, 2));
    assert_eq!(fs::read(&path).unwrap(), [&key[..], &slice].concat());
    assert_eq!(recorded.duration_ns, 66_666_666);
}

#[test]
fn a_recording_without_a_packet_ends_without_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["x.h264", "x.mp4"].into_iter();
    for name in names.filter(|name| cfg!(feature = "record") || !name.ends_with("mp4")) {
        let recorder = Recorder::create(folder.path().join(name), &track()).unwrap();
        assert_eq!(recorder.finish().unwrap(), Recorded::default(), "{name}");
    }
}

#[test]
fn an_extension_of_another_codec_is_refused() {
    let error = record::check_path("clip.hevc", Codec::H264).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("clip.hevc") && text.contains("H.265"),
        "{text}"
    );
    let error = record::check_path("clip.avi", Codec::H264).unwrap_err();
    assert!(error.to_string().contains(".265"), "{error}");
}

#[test]
fn a_full_disk_names_the_file_and_ends_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    // The start of a baseline stream.
    let key = [
        &[0, 0, 0, 1, 0x67, 66, 0xc0, 10, 0xda, 5, 7, 0xe4][..],
        &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80],
        &[0, 0, 0, 1, 0x65, 0x88, 0x84],
    ]
    .concat();
    let packet = Packet::new(Codec::H264, &key, 0, 0);
    let mut names = vec!["full.h264"];
    if cfg!(feature = "record") {
        names.push("full.mp4");
    }
    for name in names {
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut recorder = Recorder::create(&path, &track()).unwrap();
        let error = recorder.write(&packet).unwrap_err();
        assert!(matches!(error, RecordError::Write { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(name) && text.contains("No space left"),
            "{text}"
        );
        let error = recorder.write(&packet).unwrap_err();
        assert!(matches!(error, RecordError::Ended { .. }), "{error}");
        assert!(matches!(recorder.finish(), Err(RecordError::Ended { .. })));
    }
}

#[cfg(not(all(feature = "software", feature = "record")))]
#[test]
fn recordings_of_the_encoder() {
    println!(
        "skipped: recordings of the encoder: built without the features `software` and `record`"
    );
    if cfg!(not(feature = "record")) {
        let error = Recorder::create("x.mp4", &track()).unwrap_err();
        assert!(error.to_string().contains("feature `record`"), "{error}");
    }
}
