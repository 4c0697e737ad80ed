//! An existing file stays until the new output is playable.

mod support;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use support::{Ended, place, program, run, share_pattern, start, wait_until};
use tempfile::{TempDir, tempdir};

const BEFORE: &[u8] = b"precious";

/// A folder of files.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file that was there before.
    fn former(&self, name: &str) -> PathBuf {
        let file = self.file(name);
        fs::write(&file, BEFORE).unwrap();
        file
    }

    /// Names of files that are not shown.
    fn hidden(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    }

    /// So many pictures of the pattern.
    fn clip(&self, name: &str, frames: &str) -> PathBuf {
        let clip = self.file(name);
        let record = ["record", "--pattern", "-r", "320x240", "-F", "60", "-f"];
        let ended = run(record.iter().chain(&[frames, clip.to_str().unwrap()]));
        assert!(ended.status.success(), "{ended:?}");
        clip
    }
}

fn convert(from: &Path, to: &Path) -> Ended {
    run(["convert", from.to_str().unwrap(), to.to_str().unwrap()])
}

#[test]
fn what_is_refused_or_fails_leaves_the_former_file() {
    let place = Place::new();
    let clip = place.clip("clip.h264", "20");
    let bytes = fs::read(&clip).unwrap();
    // No picture of it can be decoded.
    let damaged = place.file("damaged.h264");
    fs::write(&damaged, &bytes[..100]).unwrap();
    let none = place.file("none.h264");
    fs::write(&none, b"no stream").unwrap();
    for (from, to) in [
        (&damaged, "a.y4m"),
        (&none, "a.y4m"),
        (&none, "a.mp4"),
        (&none, "a.h264"),
    ] {
        let to = place.former(to);
        let ended = convert(from, &to);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert_eq!(fs::read(&to).unwrap(), BEFORE);
    }
    // More than a file may have: with 600 blocks some pictures are in it.
    for (blocks, to) in [(1, "b.y4m"), (600, "b.y4m"), (1, "b.mp4"), (1, "b.264")] {
        let to = place.former(to);
        let mut command = Command::new("sh");
        let limited = format!("ulimit -f {blocks}; exec \"$@\"");
        command.args(["-c", &limited, "sh"]);
        command.arg(program()).arg("convert").args([&clip, &to]);
        let ended = support::start_command(&mut command).finish();
        ended.assert_error(1, &["File too large", to.to_str().unwrap()]);
        assert!(!ended.stderr.contains("playable"), "{ended:?}");
        assert_eq!(fs::read(&to).unwrap(), BEFORE);
    }
    assert!(place.hidden().is_empty(), "{:?}", place.hidden());
    for to in ["b.y4m", "b.mp4", "b.264"] {
        assert!(convert(&clip, &place.file(to)).status.success());
        assert_ne!(fs::read(place.file(to)).unwrap(), BEFORE);
    }
    assert!(place.hidden().is_empty());
}

/// A conversion that goes on until its input is dropped.
fn begin(clip: &[u8], to: &Path) -> (Child, ChildStdin) {
    let mut command = Command::new(program());
    command.args(["convert", "--codec", "h264", "/dev/stdin"]);
    command.arg(to).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than is read at a time.
    for _ in 0..1 + (600 << 10) / clip.len() {
        input.write_all(clip).unwrap();
    }
    (child, input)
}

#[test]
fn a_conversion_that_is_killed_leaves_the_former_file() {
    let place = Place::new();
    let clip = fs::read(place.clip("clip.h264", "20")).unwrap();
    for to in ["x.y4m", "x.mp4", "x.264"] {
        let to = place.former(to);
        let (mut child, _input) = begin(&clip, &to);
        wait_until("there is a new file", || !place.hidden().is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(fs::read(&to).unwrap(), BEFORE);
        let [hidden] = &place.hidden()[..] else {
            panic!("{:?}", place.hidden());
        };
        let name = to.file_name().unwrap().to_str().unwrap();
        assert!(hidden.starts_with(&format!(".{name}.")) && hidden.ends_with(".part"));
        fs::remove_file(place.file(hidden)).unwrap();
    }
}

#[test]
fn what_a_killed_writer_left_is_removed_by_the_next() {
    let place = Place::new();
    let clip = fs::read(place.clip("clip.h264", "20")).unwrap();
    let to = place.file("x.264");
    let (mut killed, _input) = begin(&clip, &to);
    wait_until("there is a new file", || !place.hidden().is_empty());
    killed.kill().unwrap();
    killed.wait().unwrap();
    let left = place.hidden();
    // Two at once: neither mistakes the other's temporary file for a killed command's.
    let mut parts = Vec::new();
    let writers: Vec<_> = (1..=2)
        .map(|count| {
            let writer = begin(&clip, &to);
            wait_until("there is one more file", || {
                parts = place.hidden();
                parts.retain(|name| !left.contains(name));
                parts.len() == count
            });
            writer
        })
        .collect();
    let mut hidden = place.hidden();
    hidden.sort();
    parts.sort();
    assert_eq!(hidden, parts);
    for (mut writer, input) in writers {
        drop(input);
        assert!(writer.wait().unwrap().success());
    }
    assert!(place.hidden().is_empty(), "{:?}", place.hidden());
    assert!(fs::metadata(&to).unwrap().len() > 600 << 10);
}

#[test]
fn a_recording_is_named_at_its_first_fragment() {
    let place = Place::new();
    let (_socket_folder, socket) = self::place();
    let _host = share_pattern(&socket, &[]);
    for name in ["x.mp4", "x.h264", "x.y4m"] {
        let to = place.former(name);
        let words = ["record", "--ipc", &*socket, to.to_str().unwrap()];
        let process = start(words);
        wait_until("the new file has its name", || {
            fs::read(&to).unwrap() != BEFORE
        });
        process.signal(Signal::KILL);
        assert!(!process.finish().status.success());
        assert!(place.hidden().is_empty(), "{:?}", place.hidden());
        let [raw, again] = ["raw.y4m", "again.h264"].map(|name| place.file(name));
        let ended = match name {
            "x.y4m" => convert(&to, &again),
            "x.h264" => convert(&to, &raw),
            _ => {
                let test = "a_recording_is_named_at_its_first_fragment";
                if let Some(found) = support::probe(test, &to) {
                    assert_eq!(found[..3], ["h264", "320", "240"], "{found:?}");
                }
                continue;
            }
        };
        assert!(ended.status.success(), "{ended:?}");
    }
}

#[test]
fn a_failed_save_leaves_the_former_picture() {
    let place = Place::new();
    let to = place.former("x.png");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec \"$@\"", "sh"]);
    command
        .arg(program())
        .args(["snapshot", "--pattern"])
        .arg(&to);
    let ended = support::start_command(&mut command).finish();
    ended.assert_error(1, &["File too large"]);
    assert_eq!(fs::read(&to).unwrap(), BEFORE);
    assert!(place.hidden().is_empty());
}

#[test]
fn outputs_that_are_no_files_are_written_to() {
    let place = Place::new();
    let clip = place.clip("clip.h264", "20");
    let whole = fs::read(&clip).unwrap();
    // Through a link, which stays one.
    let target = place.former("target");
    let link = place.file("link.264");
    std::os::unix::fs::symlink("target", &link).unwrap();
    assert!(convert(&clip, &link).status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read(&target).unwrap() == whole);
    // To a FIFO.
    let fifo = place.file("fifo.264");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let process = start(["convert", clip.to_str().unwrap(), fifo.to_str().unwrap()]);
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut File::open(&fifo).unwrap(), &mut read).unwrap();
    assert!(process.finish().status.success());
    assert!(read == whole);
    assert!(place.hidden().is_empty());
}
