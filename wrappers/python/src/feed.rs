//! A source in this process, and the frames of it that are out.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::hal::format::{Layout, MAX_PLANES};
use videostream::hal::memory::Access as MapAccess;
use videostream::hal::ring::PlaneDescriptor;
use videostream::hal::v4l2::camera::StreamCounters;
use videostream::source::{Awake, Watch};
use videostream::{
    CameraSource, CameraStream, Error, FrameRate, PatternSource, Source, TestPattern,
};

use crate::error::{Failure, Kind, raise};
use crate::fork::Native;
use crate::frame::{About, Frame};
use crate::memory::{Access, Buffer, Memory, open_buffers};

/// A source of any kind.
pub(crate) trait AnySource: Source + Send {
    /// The camera, if it is one and it is there.
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

/// How to start a source, with so many buffers unless it was made with another number.
type Open = Box<dyn Fn(u32) -> Result<BoxedSource, Error> + Send>;

/// Buffers where nobody says how many: for this process alone, and for clients, whose holds together
/// stay below them.
const BUFFERS: u32 = 4;
const SHARED_BUFFERS: u32 = 8;

/// A source, started when it is first needed, and the frames of it that are out.
pub(crate) struct Feed {
    /// What it is called in errors.
    name: PathBuf,
    native: Native<Mutex<State>>,
    watch: Watch,
    is_closed: AtomicBool,
}

struct State {
    open: Open,
    stage: Stage,
    /// What is known of it since it was started.
    facts: Option<Facts>,
    generation: u32,
    /// The buffers that frames lay in, each mapped once.
    buffers: Vec<Option<Arc<Vec<Buffer>>>>,
    out: u32,
    counts: Counts,
    last_sequence: Option<u64>,
    /// Format and size of the frame before.
    last_format: Option<(u32, u32, u32)>,
    /// The next frame is the first of a start after the first.
    is_after_restart: bool,
}

enum Stage {
    Idle,
    Running(BoxedSource),
    /// A stream has it.
    Moved,
    Closed,
}

/// What a source gives.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) layout: Layout,
    pub(crate) rate: Option<FrameRate>,
    pub(crate) buffers: u32,
}

/// What a source has counted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) skipped: u64,
    pub(crate) held: u32,
}

/// Why there is no frame, and none to be waited for.
pub(crate) enum Stop {
    Failed(Error),
    /// All buffers are out.
    AllHeld(u32),
    /// A stream can't have it while frames are out.
    FramesOut(u32),
    Moved,
    Closed,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Feed {
    pub(crate) fn new(name: PathBuf, open: Open) -> PyResult<Self> {
        let state = State {
            open,
            stage: Stage::Idle,
            facts: None,
            generation: 0,
            buffers: Vec::new(),
            out: 0,
            counts: Counts::default(),
            last_sequence: None,
            last_format: None,
            is_after_restart: false,
        };
        Ok(Self {
            name,
            native: Native::new(Mutex::new(state)),
            watch: Watch::new().map_err(crate::error::to_python)?,
            is_closed: AtomicBool::new(false),
        })
    }

    /// What it is called in errors.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// A source of the test pattern.
    pub(crate) fn of_pattern(pattern: TestPattern, buffers: Option<u32>) -> PyResult<Self> {
        let open = move |usual| -> Result<BoxedSource, Error> {
            let buffers = buffers.unwrap_or(usual);
            Ok(Box::new(PatternSource::new(pattern.clone(), buffers)?))
        };
        Self::new(PathBuf::from("test pattern"), Box::new(open))
    }

    /// Whoever has the lock needs nothing of the interpreter, so that it may be waited for with it.
    fn lock<'a>(&self, state: &'a Mutex<State>) -> MutexGuard<'a, State> {
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exception for a stop.
    pub(crate) fn failure(&self, stop: Stop) -> Failure {
        let name = self.name.display();
        let (kind, errno, why) = match stop {
            Stop::Failed(error) => return Failure::Library(error),
            Stop::AllHeld(buffers) => (
                Kind::HoldLimit,
                Errno::NOBUFS,
                format!(
                    "all {buffers} buffers of {name} are held by frames, or by views of them: \
                     release frames (release(), or a with block), copy what is to be kept, or make \
                     the source with buffers={}",
                    buffers + 2
                ),
            ),
            Stop::FramesOut(frames) => (
                Kind::HoldLimit,
                Errno::BUSY,
                format!(
                    "{frames} frames of {name} are held: release them before a Stream takes it"
                ),
            ),
            Stop::Moved => (
                Kind::Released,
                Errno::BADF,
                format!("{name} belongs to a Stream now: read its frames by Client(path)"),
            ),
            Stop::Closed => (Kind::Released, Errno::BADF, format!("{name} is closed")),
        };
        raise(kind, errno, &why, Some(&self.name)).into()
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Runs `act` with the state, once the source was started.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, Stop>) -> Result<T, Failure> {
        self.with_buffers(BUFFERS, act)
    }

    fn with_buffers<T>(
        &self,
        usual: u32,
        act: impl FnOnce(&mut State) -> Result<T, Stop>,
    ) -> Result<T, Failure> {
        let state = self.native.get()?;
        let result = {
            let mut state = self.lock(state);
            self.begin(&mut state, usual).and_then(|()| act(&mut state))
        };
        result.map_err(|stop| self.failure(stop))
    }

    fn begin(&self, state: &mut State, usual: u32) -> Result<(), Stop> {
        match state.stage {
            Stage::Running(_) => return Ok(()),
            Stage::Moved => return Err(Stop::Moved),
            Stage::Closed => return Err(Stop::Closed),
            Stage::Idle => {}
        }
        let source = (state.open)(usual)?;
        self.watch.follow(&*source)?;
        state.generation = source.generation();
        state.note(&*source);
        state.stage = Stage::Running(source);
        Ok(())
    }

    /// Starts the source, if it was not.
    pub(crate) fn start(&self) -> Result<(), Failure> {
        self.with(|_| Ok(()))
    }

    /// What the source gives; starts it.
    pub(crate) fn facts(&self) -> Result<Facts, Failure> {
        let state = self.native.get()?;
        let facts = self.lock(state).facts;
        match facts {
            Some(facts) => Ok(facts),
            None => self.with(|state| state.facts.ok_or(Stop::Closed)),
        }
    }

    /// What the source gives, if it was started.
    pub(crate) fn known(&self) -> Option<Facts> {
        let state = self.native.here()?;
        self.lock(state).facts
    }

    /// What was counted so far.
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

    /// What keeps the source from giving frames while it waits for it to come right.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = self.lock(self.native.here()?);
        match &state.stage {
            Stage::Running(source) => Some(source.trouble()?.to_string()),
            _ => None,
        }
    }

    /// What it is doing, in a word.
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

    /// A descriptor that is readable when there may be a frame; starts the source.
    pub(crate) fn ready_fd(&self) -> Result<BorrowedFd<'_>, Failure> {
        self.start()?;
        Ok(self.watch.as_fd())
    }

    /// The next frame before `deadline_ns`.
    pub(crate) fn next_until(self: &Arc<Self>, deadline_ns: u64) -> Result<Option<Frame>, Failure> {
        // The hold is looked at before anything is waited for.
        self.with(|state| state.check_hold())?;
        loop {
            // Without the lock, so that frames can go back meanwhile.
            let awake = self.watch.wait(deadline_ns)?;
            if awake.ended {
                return Err(self.failure(Stop::Closed));
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
            if let Some((mut lent, about)) = looked {
                lent.feed = Some(Arc::clone(self));
                return Ok(Some(Frame::new(lent, about)));
            }
        }
    }

    /// Gives the source to a stream, started.
    pub(crate) fn take_over(&self) -> Result<BoxedSource, Failure> {
        self.with_buffers(SHARED_BUFFERS, |state| {
            if state.out > 0 {
                return Err(Stop::FramesOut(state.out));
            }
            state.buffers.clear();
            match std::mem::replace(&mut state.stage, Stage::Moved) {
                Stage::Running(source) => Ok(source),
                _ => Err(Stop::Closed),
            }
        })
    }

    /// Stops the source. Frames that are out stay readable.
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

    /// Takes back what a frame lay in.
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
            // A camera that fails says so when the next frame is taken.
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
        self.facts = Some(Facts {
            layout: source.layout(),
            rate: source.rate(),
            buffers,
        });
        self.buffers.clear();
        self.buffers.resize_with(buffers as usize, || None);
    }

    fn check_hold(&self) -> Result<(), Stop> {
        let Stage::Running(source) = &self.stage else {
            return Ok(());
        };
        match source.buffer_count() {
            buffers if buffers > 0 && self.out >= buffers => Err(Stop::AllHeld(buffers)),
            _ => Ok(()),
        }
    }

    /// The next frame if there is one.
    fn take(&mut self, awake: Awake) -> Result<Option<(Lent, About)>, Stop> {
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
    ) -> Result<Option<(Lent, About)>, Stop> {
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
        let missed = self.last_sequence.map_or(0, |last| {
            taken.sequence.saturating_sub(last.saturating_add(1))
        });
        let format = (descriptor.fourcc, descriptor.width, descriptor.height);
        let before = self.last_format.replace(format);
        self.last_sequence = Some(taken.sequence);
        self.counts.delivered += 1;
        self.counts.dropped += missed;
        self.out += 1;
        let about = About {
            missed,
            is_after_restart: std::mem::take(&mut self.is_after_restart),
            has_new_format: before.is_some_and(|before| before != format),
            ..About::new(descriptor)
        };
        let lent = Lent {
            parts,
            planes: descriptor.planes,
            count: descriptor.planes().len(),
            feed: None,
            index: taken.index,
            generation: self.generation,
        };
        Ok(Some((lent, about)))
    }

    /// The memory of a buffer, mapped.
    fn parts(&mut self, source: &dyn AnySource, index: u32) -> Result<Arc<Vec<Buffer>>, Error> {
        let at = index as usize;
        if let Some(Some(parts)) = self.buffers.get(at) {
            return Ok(Arc::clone(parts));
        }
        let parts = source.buffer_fds(index).into_iter().map(|(fd, size)| {
            let fd = fd.try_clone_to_owned();
            let fd = fd.map_err(|error| Error::Os("dup", error))?;
            Buffer::new(fd, size, MapAccess::Read)
        });
        let parts = Arc::new(parts.collect::<Result<Vec<_>, _>>()?);
        if let Some(place) = self.buffers.get_mut(at) {
            *place = Some(Arc::clone(&parts));
        }
        Ok(parts)
    }
}

/// What a source has lent to a frame; dropping it gives the buffer back.
struct Lent {
    parts: Arc<Vec<Buffer>>,
    /// `buffer` is the part that a plane lies in.
    planes: [PlaneDescriptor; MAX_PLANES],
    count: usize,
    feed: Option<Arc<Feed>>,
    index: u32,
    generation: u32,
}

impl Lent {
    fn planes(&self) -> &[PlaneDescriptor] {
        &self.planes[..self.count]
    }
}

impl Memory for Lent {
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

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(feed) = self.feed.take() {
            feed.give_back(self.generation, self.index);
        }
    }
}
