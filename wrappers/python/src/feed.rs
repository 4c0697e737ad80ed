//! A source in this process, and the frames that it has given out.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::hal::format::{Layout, MAX_PLANES};
use videostream::hal::memory::Access as MapAccess;
use videostream::hal::ring::PlaneDescriptor;
use videostream::hal::sequence::Gaps;
use videostream::hal::v4l2::camera::StreamCounters;
use videostream::source::{Awake, Watch};
use videostream::{
    CameraSource, CameraStream, Error, FrameRate, PatternSource, Source, TestPattern,
};

use crate::error::{Failure, Kind, raise};
use crate::events::duplicate;
use crate::fork::ProcessLocal;
use crate::frame::{Frame, FrameInfo};
use crate::memory::{Access, Buffer, Memory, open_buffers};

/// A source of any kind.
pub(crate) trait AnySource: Source + Send {
    /// Returns the camera, if the source is one and is connected.
    fn camera(&self) -> Option<&CameraStream> {
        None
    }
}

impl AnySource for CameraSource {
    fn camera(&self) -> Option<&CameraStream> {
        CameraSource::camera(self)
    }
}

impl AnySource for PatternSource {}

/// A source that a feed or a stream owns.
pub(crate) type BoxedSource = Box<dyn AnySource>;

/// Starts a source, with this number of buffers unless it was created with another.
type Open = Box<dyn Fn(u32) -> Result<BoxedSource, Error> + Send>;

/// Default number of buffers: for this process alone, and for clients, which together hold fewer.
const DEFAULT_BUFFERS: u32 = 4;
const SHARED_BUFFERS: u32 = 8;

/// A source, started on first use, and the frames that it has given out.
pub(crate) struct Feed {
    /// Its name in errors.
    name: PathBuf,
    native: ProcessLocal<Mutex<State>>,
    watch: Watch,
    is_closed: AtomicBool,
}

struct State {
    open: Open,
    stage: Stage,
    /// What it delivers, once it was started.
    info: Option<SourceInfo>,
    generation: u32,
    /// The buffers seen so far, each mapped once.
    buffers: Vec<Option<Arc<Vec<Buffer>>>>,
    out: u32,
    counts: Counts,
    gaps: Gaps,
    /// Format and size of the previous frame.
    last_format: Option<(u32, u32, u32)>,
    /// The next frame is the first after a restart.
    is_after_restart: bool,
}

enum Stage {
    Idle,
    Running(BoxedSource),
    /// Moved to a stream.
    Moved,
    Closed,
}

/// What a source delivers.
#[derive(Clone, Copy)]
pub(crate) struct SourceInfo {
    pub(crate) layout: Layout,
    pub(crate) rate: Option<FrameRate>,
    pub(crate) buffers: u32,
}

/// Counters of a source.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) skipped: u64,
    pub(crate) held: u32,
}

/// The reason there is no frame, and none to wait for.
pub(crate) enum NoFrame {
    Failed(Error),
    /// Frames hold all buffers.
    AllHeld(u32),
    /// A stream can't take the source while frames exist.
    FramesOut(u32),
    Moved,
    Closed,
}

impl From<Error> for NoFrame {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Feed {
    pub(crate) fn new(name: PathBuf, open: Open) -> PyResult<Self> {
        let state = State {
            open,
            stage: Stage::Idle,
            info: None,
            generation: 0,
            buffers: Vec::new(),
            out: 0,
            counts: Counts::default(),
            gaps: Gaps::default(),
            last_format: None,
            is_after_restart: false,
        };
        Ok(Self {
            name,
            native: ProcessLocal::new(Mutex::new(state)),
            watch: Watch::new().map_err(crate::error::to_python)?,
            is_closed: AtomicBool::new(false),
        })
    }

    /// Its name in errors.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// Creates a feed of the test pattern.
    pub(crate) fn of_pattern(pattern: TestPattern, buffers: Option<u32>) -> PyResult<Self> {
        let open = move |usual| -> Result<BoxedSource, Error> {
            let buffers = buffers.unwrap_or(usual);
            Ok(Box::new(PatternSource::new(pattern.clone(), buffers)?))
        };
        Self::new(PathBuf::from("test pattern"), Box::new(open))
    }

    /// Locks the state. No holder of the lock waits for the GIL, so waiting with the GIL is safe.
    fn lock<'a>(&self, state: &'a Mutex<State>) -> MutexGuard<'a, State> {
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Converts the reason to an exception.
    pub(crate) fn failure(&self, stop: NoFrame) -> Failure {
        let name = self.name.display();
        let (kind, errno, why) = match stop {
            NoFrame::Failed(error) => return Failure::Library(error),
            NoFrame::AllHeld(buffers) => (
                Kind::HoldLimit,
                Errno::NOBUFS,
                format!(
                    "all {buffers} buffers of {name} are held by frames, or by views of them: \
                     release frames (release(), or a with block), copy what you need to keep, or \
                     create the source with buffers={}",
                    buffers + 2
                ),
            ),
            NoFrame::FramesOut(frames) => (
                Kind::HoldLimit,
                Errno::BUSY,
                format!(
                    "{frames} frames of {name} are held: release them before a Stream takes it"
                ),
            ),
            NoFrame::Moved => (
                Kind::Released,
                Errno::BADF,
                format!("{name} belongs to a Stream now: read its frames with Client(path)"),
            ),
            NoFrame::Closed => (Kind::Released, Errno::BADF, format!("{name} is closed")),
        };
        raise(kind, errno, &why, Some(&self.name)).into()
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Starts the source if need be, and calls `act` with the state.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, NoFrame>) -> Result<T, Failure> {
        self.with_buffers(DEFAULT_BUFFERS, act)
    }

    fn with_buffers<T>(
        &self,
        usual: u32,
        act: impl FnOnce(&mut State) -> Result<T, NoFrame>,
    ) -> Result<T, Failure> {
        let state = self.native.get()?;
        let result = {
            let mut state = self.lock(state);
            self.begin(&mut state, usual).and_then(|()| act(&mut state))
        };
        result.map_err(|stop| self.failure(stop))
    }

    fn begin(&self, state: &mut State, usual: u32) -> Result<(), NoFrame> {
        match state.stage {
            Stage::Running(_) => return Ok(()),
            Stage::Moved => return Err(NoFrame::Moved),
            Stage::Closed => return Err(NoFrame::Closed),
            Stage::Idle => {}
        }
        let source = (state.open)(usual)?;
        self.watch.follow(&*source)?;
        state.generation = source.generation();
        state.note(&*source);
        state.stage = Stage::Running(source);
        Ok(())
    }

    /// Starts the source, unless it runs.
    pub(crate) fn start(&self) -> Result<(), Failure> {
        self.with(|_| Ok(()))
    }

    /// Returns what the source delivers; starts it if need be.
    pub(crate) fn info(&self) -> Result<SourceInfo, Failure> {
        let state = self.native.get()?;
        let info = self.lock(state).info;
        match info {
            Some(info) => Ok(info),
            None => self.with(|state| state.info.ok_or(NoFrame::Closed)),
        }
    }

    /// Returns what the source delivers, if it was started.
    pub(crate) fn info_if_started(&self) -> Option<SourceInfo> {
        let state = self.native.here()?;
        self.lock(state).info
    }

    /// Returns the counters.
    pub(crate) fn counts(&self) -> PyResult<Counts> {
        let state = self.lock(self.native.get()?);
        let camera = match &state.stage {
            Stage::Running(source) => source.camera().map(CameraStream::counters),
            _ => None,
        };
        let StreamCounters { skipped, .. } = camera.unwrap_or_default();
        Ok(Counts {
            held: state.out,
            skipped,
            ..state.counts
        })
    }

    /// Returns the problem of a source that waits to recover.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = self.lock(self.native.here()?);
        match &state.stage {
            Stage::Running(source) => Some(source.trouble()?.to_string()),
            _ => None,
        }
    }

    /// Returns its state in words, for `repr`.
    pub(crate) fn stage(&self) -> &'static str {
        let Some(state) = self.native.here() else {
            return "of the parent process";
        };
        match self.lock(state).stage {
            Stage::Idle => "not started",
            Stage::Running(_) => "running",
            Stage::Moved => "in a stream",
            Stage::Closed => "closed",
        }
    }

    /// Returns a descriptor that is readable when there may be a frame; starts the source.
    pub(crate) fn ready_fd(&self) -> Result<BorrowedFd<'_>, Failure> {
        self.start()?;
        Ok(self.watch.as_fd())
    }

    /// Waits for the next frame until `deadline_ns`.
    pub(crate) fn next_until(self: &Arc<Self>, deadline_ns: u64) -> Result<Option<Frame>, Failure> {
        // Check the hold first: without a free buffer no frame can come.
        self.with(|state| state.check_hold())?;
        loop {
            // Without the lock, so that frames can be released meanwhile.
            let awake = self.watch.wait(deadline_ns)?;
            if awake.ended {
                return Err(self.failure(NoFrame::Closed));
            }
            if awake == Awake::default() {
                return Ok(None);
            }
            let looked = self.with(|state| {
                let taken = state.take(awake);
                if let Stage::Running(source) = &state.stage {
                    self.watch.follow(&**source)?;
                }
                taken
            })?;
            if let Some((mut lent, info)) = looked {
                lent.feed = Some(Arc::clone(self));
                return Ok(Some(Frame::new(lent, info)));
            }
        }
    }

    /// Starts the source and moves it to a stream.
    pub(crate) fn take_over(&self) -> Result<BoxedSource, Failure> {
        self.with_buffers(SHARED_BUFFERS, |state| {
            if state.out > 0 {
                return Err(NoFrame::FramesOut(state.out));
            }
            state.buffers.clear();
            match std::mem::replace(&mut state.stage, Stage::Moved) {
                Stage::Running(source) => Ok(source),
                _ => Err(NoFrame::Closed),
            }
        })
    }

    /// Stops the source. Existing frames stay readable.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let Some(state) = self.native.here() else {
            return;
        };
        self.watch.end();
        let mut state = self.lock(state);
        // Drivers want memory unmapped before buffers are freed.
        state.buffers.clear();
        if !matches!(state.stage, Stage::Moved) {
            state.stage = Stage::Closed;
        }
    }

    /// Gives the buffer of a released frame back to the source.
    fn give_back(&self, generation: u32, index: u32) {
        let Some(state) = self.native.here() else {
            return;
        };
        let mut state = self.lock(state);
        if state.generation != generation {
            return;
        }
        state.out = state.out.saturating_sub(1);
        if let Stage::Running(source) = &mut state.stage {
            // A camera's failure shows when the next frame is taken.
            let _ = source.requeue(index);
            let _ = self.watch.follow(&**source);
        }
    }
}

impl State {
    fn note(&mut self, source: &dyn AnySource) {
        let buffers = source.buffer_count();
        if buffers == 0 {
            return;
        }
        self.info = Some(SourceInfo {
            layout: source.layout(),
            rate: source.rate(),
            buffers,
        });
        self.buffers.clear();
        self.buffers.resize_with(buffers as usize, || None);
    }

    fn check_hold(&self) -> Result<(), NoFrame> {
        let Stage::Running(source) = &self.stage else {
            return Ok(());
        };
        match source.buffer_count() {
            buffers if buffers > 0 && self.out >= buffers => Err(NoFrame::AllHeld(buffers)),
            _ => Ok(()),
        }
    }

    /// Takes the next frame, if there is one.
    fn take(&mut self, awake: Awake) -> Result<Option<(SourceMemory, FrameInfo)>, NoFrame> {
        let Stage::Running(mut source) = std::mem::replace(&mut self.stage, Stage::Closed) else {
            return Ok(None);
        };
        let taken = self.take_from(&mut source, awake);
        self.stage = Stage::Running(source);
        taken
    }

    fn take_from(
        &mut self,
        source: &mut BoxedSource,
        awake: Awake,
    ) -> Result<Option<(SourceMemory, FrameInfo)>, NoFrame> {
        if awake.events {
            source.take_events()?;
        }
        let taken = source.take()?;
        if source.generation() != self.generation {
            self.generation = source.generation();
            self.out = 0;
            self.buffers.clear();
            self.note(&**source);
            self.is_after_restart = true;
        }
        let Some(taken) = taken else {
            return Ok(None);
        };
        let parts = match self.parts(&**source, taken.index) {
            Ok(parts) => parts,
            Err(error) => {
                source.requeue(taken.index)?;
                return Err(error.into());
            }
        };
        let descriptor = taken.describe(source);
        let missed = self.gaps.lost_before(taken.sequence);
        let format = (descriptor.fourcc, descriptor.width, descriptor.height);
        let before = self.last_format.replace(format);
        self.counts.delivered += 1;
        self.counts.dropped += missed;
        self.out += 1;
        let info = FrameInfo {
            missed,
            is_after_restart: std::mem::take(&mut self.is_after_restart),
            has_new_format: before.is_some_and(|before| before != format),
            ..FrameInfo::new(descriptor)
        };
        let lent = SourceMemory {
            parts,
            planes: descriptor.planes,
            count: descriptor.planes().len(),
            feed: None,
            index: taken.index,
            generation: self.generation,
        };
        Ok(Some((lent, info)))
    }

    /// Returns the mapped memory of a buffer.
    fn parts(&mut self, source: &dyn AnySource, index: u32) -> Result<Arc<Vec<Buffer>>, Error> {
        let at = index as usize;
        if let Some(Some(parts)) = self.buffers.get(at) {
            return Ok(Arc::clone(parts));
        }
        let parts = source.buffer_fds(index).into_iter().map(|(fd, size)| {
            let fd = duplicate(fd)?;
            Buffer::new(fd, size, MapAccess::Read)
        });
        let parts = Arc::new(parts.collect::<Result<Vec<_>, _>>()?);
        if let Some(place) = self.buffers.get_mut(at) {
            *place = Some(Arc::clone(&parts));
        }
        Ok(parts)
    }
}

/// A buffer of a source that a frame holds; dropping it returns the buffer.
struct SourceMemory {
    parts: Arc<Vec<Buffer>>,
    /// `buffer` is the index of the part that a plane lies in.
    planes: [PlaneDescriptor; MAX_PLANES],
    count: usize,
    feed: Option<Arc<Feed>>,
    index: u32,
    generation: u32,
}

impl SourceMemory {
    fn planes(&self) -> &[PlaneDescriptor] {
        &self.planes[..self.count]
    }
}

impl Memory for SourceMemory {
    fn open(&self) -> Result<Access<'_>, Error> {
        let parts: Vec<_> = self.parts.iter().collect();
        let planes = self.planes();
        open_buffers(&parts, planes, |at| {
            planes
                .get(at)
                .map_or(usize::MAX, |plane| plane.buffer as usize)
        })
    }

    fn plane_fd(&self, plane: usize) -> Option<(BorrowedFd<'_>, u32)> {
        let plane = self.planes().get(plane)?;
        let part = self.parts.get(plane.buffer as usize)?;
        Some((part.fd.as_fd(), plane.offset))
    }
}

impl Drop for SourceMemory {
    fn drop(&mut self) {
        if let Some(feed) = self.feed.take() {
            feed.give_back(self.generation, self.index);
        }
    }
}
