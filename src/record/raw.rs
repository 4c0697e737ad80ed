//! Recording raw pictures.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use videostream_hal::format::FourCc;

use super::file::Pieces;
use super::{RecordError, Recorded};
use crate::colorimetry::Appearance;
use crate::frame_rate::FrameRate;
use crate::picture::Picture;
use crate::y4m::Y4mWriter;

/// Writes pictures to a Y4M file uncompressed; see [`y4m`](crate::y4m) for the formats.
///
/// The file plays up to its last complete picture at any time. It is synchronised to the medium at
/// its end and, if it is [`durable`](RawRecorder::durable), once for every second of pictures. It
/// has no times: picture *n* is shown at *n* / rate.
///
/// ```no_run
/// use videostream::hal::format::{FourCc, Layout};
/// use videostream::record::RawRecorder;
/// use videostream::{Colorimetry, FrameRate, Picture};
///
/// let like = (FourCc::NV12, 640, 480);
/// let rate = FrameRate::fps(30)?;
/// let mut recorder = RawRecorder::create("raw.y4m", like, rate, Colorimetry::BT601)?;
/// let layout = Layout::new(like.0, like.1, like.2)?;
/// recorder.write(&Picture::new(&vec![0; layout.size as usize], &layout)?)?;
/// println!("{} frames", recorder.finish()?.frames);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RawRecorder {
    path: PathBuf,
    rate: FrameRate,
    file: Pieces,
    writer: Y4mWriter<File>,
    frames: u64,
    ended: bool,
}

impl RawRecorder {
    /// Creates the file for pictures of this format, size, rate and colorimetry. A file of the same
    /// name stays until the first picture is complete, or until the recording is finished
    /// ([`RawRecorder::whole`]).
    ///
    /// # Errors
    /// [`RecordError::Extension`] for a name that does not end in `.y4m`; [`RecordError::Format`]
    /// for a format or size that Y4M can't hold; [`RecordError::Create`], [`RecordError::Write`].
    pub fn create(
        path: impl AsRef<Path>,
        like: (FourCc, u32, u32),
        rate: FrameRate,
        appearance: impl Into<Appearance>,
    ) -> Result<Self, RecordError> {
        let (path, appearance) = (path.as_ref(), appearance.into());
        if !super::is_raw(path) {
            return Err(RecordError::Extension { path: path.into() });
        }
        // Refuse unsupported pictures before creating a file or replacing an existing one.
        let mut header = Vec::new();
        Y4mWriter::new(&mut header, like, rate, appearance).map_err(RecordError::Format)?;
        let create = |error| RecordError::Create {
            path: path.into(),
            error,
        };
        let mut file = Pieces::create(path, true, false).map_err(create)?;
        let to = file.writer().map_err(create)?;
        let begun = Y4mWriter::new(to, like, rate, appearance);
        let writer = file.count(begun, header.len() as u64, true);
        Ok(Self {
            writer: writer.map_err(|error| RecordError::Write {
                path: path.into(),
                error,
                recorded: Recorded::default(),
            })?,
            path: path.into(),
            rate,
            file,
            frames: 0,
            ended: false,
        })
    }

    /// Sets whether the file is synchronised to the medium while it grows (default: yes).
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.file.set_durable(durable);
        self
    }

    /// Sets whether the file appears under its name only once finished (default: no).
    #[must_use]
    pub fn whole(mut self, whole: bool) -> Self {
        self.file.set_whole(whole);
        self
    }

    /// Returns the content of the file so far.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        Recorded {
            frames: self.frames,
            skipped: 0,
            bytes: self.file.len(),
            duration_ns: self.rate.time_ns(self.frames),
        }
    }

    /// Adds a picture.
    ///
    /// # Errors
    /// [`RecordError::Format`] for one of another format or size; [`RecordError::Write`] when the
    /// file can't be written, and from then on [`RecordError::Ended`].
    pub fn write(&mut self, picture: &Picture<'_>) -> Result<(), RecordError> {
        self.check_running()?;
        let written = self.writer.write(picture);
        if let Err(error) = &written
            && error.kind() == io::ErrorKind::InvalidInput
        {
            return written.map_err(RecordError::Format);
        }
        let second = u64::from(self.rate.frames().div_ceil(self.rate.seconds()));
        let settle = (self.frames + 1).is_multiple_of(second);
        let bytes = self.writer.picture_bytes();
        self.file
            .count(written, bytes, settle)
            .and_then(|()| self.file.plays())
            .map_err(|error| self.end(error))?;
        self.frames += 1;
        Ok(())
    }

    /// Synchronises the file to the medium. Without a picture there is no file.
    ///
    /// # Errors
    /// [`RecordError::Write`]; [`RecordError::Ended`] after an earlier one.
    pub fn finish(mut self) -> Result<Recorded, RecordError> {
        self.check_running()?;
        let finished = self.file.finish(self.frames > 0);
        finished.map_err(|error| self.end(error))?;
        Ok(self.recorded())
    }

    fn check_running(&self) -> Result<(), RecordError> {
        match self.ended {
            true => Err(RecordError::Ended {
                path: self.path.clone(),
            }),
            false => Ok(()),
        }
    }

    fn end(&mut self, error: io::Error) -> RecordError {
        self.ended = true;
        RecordError::Write {
            path: self.path.clone(),
            error,
            recorded: match self.file.is_whole() {
                // There is no file of that name.
                true => Recorded::default(),
                false => self.recorded(),
            },
        }
    }
}

impl std::fmt::Debug for RawRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawRecorder")
            .field("path", &self.path)
            .field("rate", &self.rate)
            .field("recorded", &self.recorded())
            .finish_non_exhaustive()
    }
}
