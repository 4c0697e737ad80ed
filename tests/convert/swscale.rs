//! The same conversions by ffmpeg's swscale.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use videostream::convert::{Convert, Options};
use videostream::hal::format::{FourCc, Layout};
use videostream::picture::Picture;
use videostream::{FrameRate, PictureMut, TestPattern};

/// Formats by ffmpeg's names.
const FORMATS: [(FourCc, &str); 14] = [
    (FourCc::NV12, "nv12"),
    (FourCc::NV21, "nv21"),
    (FourCc::NV24, "nv24"),
    (FourCc::YU12, "yuv420p"),
    (FourCc::YUV422P, "yuv422p"),
    (FourCc::YUYV, "yuyv422"),
    (FourCc::YVYU, "yvyu422"),
    (FourCc::UYVY, "uyvy422"),
    (FourCc::GREY, "gray"),
    (FourCc::RGB3, "rgb24"),
    (FourCc::BGR3, "bgr24"),
    (FourCc::AB24, "rgba"),
    (FourCc::AR24, "bgra"),
    (FourCc::BA24, "argb"),
];

fn name(fourcc: FourCc) -> &'static str {
    FORMATS
        .iter()
        .find(|(known, _)| *known == fourcc)
        .unwrap()
        .1
}

/// `bytes` converted by swscale with a filter like ours, as exactly as it can.
fn by_swscale(bytes: &[u8], from: &Layout, to: &Layout) -> Vec<u8> {
    let filter = format!(
        "scale={}:{}:flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp:\
         in_color_matrix=bt601:out_color_matrix=bt601:in_range=tv:out_range=tv",
        to.width, to.height
    );
    let mut child = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "rawvideo",
            "-pix_fmt",
            name(from.fourcc),
        ])
        .args(["-s", &format!("{}x{}", from.width, from.height), "-i", "-"])
        .args([
            "-vf",
            &filter,
            "-pix_fmt",
            name(to.fourcc),
            "-f",
            "rawvideo",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writing = thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn by_us(bytes: &[u8], from: &Layout, to: &Layout) -> Vec<u8> {
    let mut made = vec![0; to.size as usize];
    let picture = Picture::new(bytes, from).unwrap();
    let mut target = PictureMut::new(&mut made, to).unwrap();
    Convert::new()
        .convert(&picture, &mut target, &Options::default())
        .unwrap();
    made
}

#[test]
fn colours_and_sizes_are_those_of_swscale() {
    let test = "colours_and_sizes_are_those_of_swscale";
    if !videostream_testing::has_programs(test, &["ffmpeg"]) {
        return;
    }
    let size = (128, 96);
    let pattern = Layout::new(FourCc::RGB3, size.0, size.1).unwrap();
    let mut rgb = vec![0; pattern.size as usize];
    let rate = FrameRate::fps(30).unwrap();
    let drawing = TestPattern::new(FourCc::RGB3, size.0, size.1, rate).unwrap();
    drawing
        .draw(7, &mut PictureMut::new(&mut rgb, &pattern).unwrap())
        .unwrap();
    for (at, (from, _)) in FORMATS.into_iter().enumerate() {
        let from = Layout::new(from, size.0, size.1).unwrap();
        let source = by_us(&rgb, &pattern, &from);
        // Every format is a source, and a target, and scaled up and down.
        let (to, _) = FORMATS[(at * 3 + 5) % FORMATS.len()];
        for (width, height) in [size, (64, 48), (192, 150)] {
            let to = Layout::new(to, width, height).unwrap();
            let (ours, theirs) = (by_us(&source, &from, &to), by_swscale(&source, &from, &to));
            assert_eq!(ours.len(), theirs.len(), "{} to {}", from.fourcc, to.fourcc);
            let pairs = ours.iter().zip(&theirs);
            let far = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
            let mean = far as f64 / ours.len() as f64;
            println!(
                "{} to {} {width}x{height}: mean difference {mean:.2}",
                from.fourcc, to.fourcc
            );
            assert!(
                mean < 2.0,
                "{} to {} {width}x{height}: {mean}",
                from.fourcc,
                to.fourcc
            );
        }
    }
}
