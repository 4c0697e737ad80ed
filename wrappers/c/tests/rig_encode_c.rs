//! Encoders in C on a kernel of their own: the programs of the machine's tests, unchanged.
//!
//! Only on x86_64: the other guest's library is built without encoders of H.264, and no hardware is
//! there.
//!
//! rig: programs=encode,first_encode arch=x86_64

#![cfg(target_os = "linux")]

mod support;

use support::program::{Language, Linking, Program};
use support::{Run, first_programs, probe, run};
use videostream_testing::on_the_rig;

/// The program decodes the file itself, and looks at each picture; ffprobe, which is another
/// decoder, sees as many.
#[test]
fn a_hundred_frames_of_h264_are_encoded_and_play() {
    let test = "a_hundred_frames_of_h264_are_encoded_and_play";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let Some(program) = Program::new("encode", Language::C99, Linking::Static) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream");
    run(program.command(&[]).arg("H264").arg(&file), Run::Program);
    if let Some(seen) = probe(test, &file) {
        assert_eq!(seen, "h264,640,360,100");
    }
}

#[test]
fn a_hundred_pictures_are_encoded() {
    let test = "a_hundred_pictures_are_encoded";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    first_programs::encode_a_hundred_pictures(test, Linking::Static);
}
