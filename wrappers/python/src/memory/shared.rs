//! The memory of a frame and its views, opened for the first view and closed after the last.

#![expect(unsafe_code, reason = "bytes of memory that a view holds open")]

use std::os::fd::AsRawFd;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use rustix::io::Errno;
use videostream::Error;
use videostream::hal::format::MAX_PLANES;

use super::{Access, Memory, Owner, Span};
use crate::error::{Failure, Kind, raise, to_python};
use crate::fork::ProcessLocal;
use crate::wait::until;

self_cell::self_cell!(
    /// Memory that is open for the CPU.
    struct Opened {
        owner: Owner,
        #[covariant]
        dependent: Access,
    }
);

/// The memory of a frame and of all its views.
pub(crate) struct Shared {
    /// Locked briefly, and never while waiting for the GIL.
    state: ProcessLocal<Mutex<State>>,
}

/// Allocates the memory of a frame on first use.
type Allocate = Box<dyn Fn() -> Result<Owner, (Errno, String)> + Send + Sync>;

/// The memory of a frame, or the reason it has none.
enum Slot {
    Here(Owner),
    Vacant(Allocate),
    Released,
    Posted,
}

impl Slot {
    fn memory(&mut self) -> Result<Owner, NoView> {
        let owner = match self {
            Self::Here(owner) => return Ok(Arc::clone(owner)),
            Self::Vacant(allocate) => {
                allocate().map_err(|(errno, why)| NoView::Unallocated(errno, why))?
            }
            Self::Released | Self::Posted => return Err(NoView::Released),
        };
        *self = Self::Here(Arc::clone(&owner));
        Ok(owner)
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::Released | Self::Posted)
    }

    /// Replaces the memory and returns the former one. A released or posted slot stays as it is.
    fn replace(&mut self, slot: Self) -> Option<Owner> {
        match std::mem::replace(self, slot) {
            Self::Here(owner) => Some(owner),
            Self::Vacant(_) => None,
            gone => {
                *self = gone;
                None
            }
        }
    }
}

struct State {
    slot: Slot,
    /// Number of views.
    views: usize,
    /// Open while there are views.
    opened: Option<Opened>,
}

/// Why there is no view.
enum NoView {
    Released,
    Unallocated(Errno, String),
    Failed(Owner, Error),
}

impl From<NoView> for PyErr {
    fn from(why: NoView) -> Self {
        match why {
            NoView::Released => released(),
            NoView::Unallocated(errno, why) => raise(Kind::Other, errno, &why, None),
            NoView::Failed(_, error) => to_python(error),
        }
    }
}

impl Shared {
    pub(crate) fn new(memory: impl Memory + 'static) -> Self {
        Self::from_owner(Arc::new(ProcessLocal::new(Box::new(memory))))
    }

    pub(crate) fn from_owner(owner: Owner) -> Self {
        Self::of_slot(Slot::Here(owner))
    }

    /// Memory that is allocated on first use.
    pub(crate) fn vacant(allocate: Allocate) -> Self {
        Self::of_slot(Slot::Vacant(allocate))
    }

    fn of_slot(slot: Slot) -> Self {
        Self {
            state: ProcessLocal::new(Mutex::new(State {
                slot,
                views: 0,
                opened: None,
            })),
        }
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, State>> {
        Ok(self.state.get()?.lock())
    }

    /// Returns the memory, allocating it on first use.
    ///
    /// # Errors
    /// `Released`, `Forked`, and failed allocations.
    pub(crate) fn memory(&self) -> PyResult<Owner> {
        let memory = self.lock()?.slot.memory();
        Ok(memory?)
    }

    /// Returns the memory, if it is allocated.
    pub(crate) fn present(&self) -> Option<Owner> {
        match &self.state.here()?.lock().slot {
            Slot::Here(owner) => Some(Arc::clone(owner)),
            _ => None,
        }
    }

    /// Whether it was released or posted; always true in a forked child.
    pub(crate) fn is_released(&self) -> bool {
        let state = self.state.here();
        state.is_none_or(|state| state.lock().slot.is_gone())
    }

    /// Whether it was posted.
    pub(crate) fn is_posted(&self) -> bool {
        let state = self.state.here();
        state.is_some_and(|state| matches!(state.lock().slot, Slot::Posted))
    }

    /// Adds a view, and opens the memory for the first one. Waits without the GIL for devices that
    /// still use it.
    ///
    /// # Errors
    /// `Released`, `Forked`, and failed mappings.
    pub(crate) fn begin_view(&self) -> PyResult<[Span; MAX_PLANES]> {
        loop {
            let (owner, error) = match self.try_begin_view()? {
                Ok(planes) => return Ok(planes),
                Err(NoView::Failed(owner, error)) => (owner, error),
                Err(why) => return Err(why.into()),
            };
            if !error.is_timeout() {
                return Err(to_python(error));
            }
            wait(&**owner.get()?)?;
        }
    }

    /// Waits without the GIL until devices are done with the memory.
    ///
    /// # Errors
    /// `Released`, `Forked`, and failed fences.
    pub(crate) fn wait_ready(&self) -> PyResult<()> {
        let owner = self.memory()?;
        let memory = &**owner.get()?;
        match memory.ready_until(0) {
            Err(error) if error.is_timeout() => wait(memory),
            result => result.map_err(to_python),
        }
    }

    fn try_begin_view(&self) -> PyResult<Result<[Span; MAX_PLANES], NoView>> {
        let mut state = self.lock()?;
        let state = &mut *state;
        let owner = match state.slot.memory() {
            Ok(owner) => owner,
            Err(why) => return Ok(Err(why)),
        };
        let opened = match &mut state.opened {
            Some(opened) => {
                let again = opened.with_dependent_mut(|owner, access| {
                    if access.has_ended() {
                        *access = open(owner)?;
                    }
                    Ok(())
                });
                match again {
                    Ok(()) => opened,
                    Err(why) => return Ok(Err(why)),
                }
            }
            none => match Opened::try_new(owner, open) {
                Ok(opened) => none.insert(opened),
                Err(why) => return Ok(Err(why)),
            },
        };
        state.views += 1;
        Ok(Ok(opened.borrow_dependent().planes))
    }

    /// Like [`Shared::begin_view`], for all the frame's bytes in its first memory.
    pub(crate) fn begin_whole_view(&self) -> PyResult<Span> {
        let planes = self.begin_view()?;
        let whole = self.memory().and_then(|owner| {
            let memory = owner.get()?;
            let fd = |at| memory.plane_fd(at).map(|(fd, _)| fd.as_raw_fd());
            let first = planes[0].address;
            let same = planes.iter().enumerate();
            let same = same.filter(|(at, plane)| fd(*at) == fd(0) && plane.address >= first);
            let end = same.map(|(_, plane)| plane.address + plane.len - first);
            let size = usize::try_from(memory.size().unwrap_or(0)).unwrap_or(usize::MAX);
            Ok(Span {
                address: first,
                len: end.max().unwrap_or(0).max(size),
            })
        });
        whole.inspect_err(|_| self.end_view())
    }

    /// Ends CPU access to memory that may have been written although views exist, so that devices
    /// see what was written. The next view begins it again.
    pub(crate) fn end_access(&self) {
        if let Some(state) = self.state.here()
            && let Some(opened) = &mut state.lock().opened
        {
            opened.with_dependent_mut(|_, access| access.end());
        }
    }

    /// Removes a view, and closes the memory after the last one.
    pub(crate) fn end_view(&self) {
        let Some(state) = self.state.here() else {
            return;
        };
        let mut state = state.lock();
        state.views = state.views.saturating_sub(1);
        if state.views == 0 {
            let opened = state.opened.take();
            drop(state);
            drop(opened);
        }
    }

    /// Calls `look` with the bytes of the planes.
    ///
    /// # Errors
    /// Those of [`Shared::begin_view`] and `look`.
    pub(crate) fn with_bytes<T>(
        &self,
        look: impl FnOnce([&[u8]; MAX_PLANES]) -> PyResult<T>,
    ) -> PyResult<T> {
        /// Ends the view, also when `look` panics.
        struct End<'a>(&'a Shared);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.end_view();
            }
        }
        let spans = self.begin_view()?;
        let _end = End(self);
        look(spans.map(|span| {
            // SAFETY: the memory is mapped and open until `_end` is dropped after `look`, which
            // can't keep the slices: their lifetime is that of the call.
            unsafe { span.bytes() }
        }))
    }

    /// Releases the memory, unless views of it exist.
    ///
    /// # Errors
    /// `BufferError` with the number of views.
    pub(crate) fn release(&self) -> PyResult<Option<Owner>> {
        // A forked child has nothing to give back.
        let Some(state) = self.state.here() else {
            return Ok(None);
        };
        let views = {
            let mut state = state.lock();
            if state.views == 0 || state.slot.is_gone() {
                return Ok(state.slot.replace(Slot::Released));
            }
            state.views
        };
        let (views, them) = match views {
            1 => ("1 view of this frame still exists".to_owned(), "it"),
            n => (format!("{n} views of this frame still exist"), "them"),
        };
        Err(PyBufferError::new_err(format!(
            "{views} (arrays, memoryviews, tensors): delete {them} first, or don't release the \
             frame, which is then released with {them}"
        )))
    }

    /// Releases the memory although views may exist: they keep it mapped.
    pub(crate) fn take(&self) -> Option<Owner> {
        self.state.here()?.lock().slot.replace(Slot::Released)
    }

    /// Like [`Shared::take`], for a frame that a host takes over.
    pub(crate) fn post(&self) -> Option<Owner> {
        self.end_access();
        self.state.here()?.lock().slot.replace(Slot::Posted)
    }
}

fn open(owner: &Owner) -> Result<Access<'_>, NoView> {
    let memory = owner.here().ok_or(NoView::Released)?;
    let access = memory.open();
    access.map_err(|error| NoView::Failed(Arc::clone(owner), error))
}

fn wait(memory: &dyn Memory) -> PyResult<()> {
    let ready = Python::attach(|py| {
        until(py, u64::MAX, |slice| match memory.ready_until(slice) {
            Err(error) if error.is_timeout() => Ok(None),
            result => result.map(Some).map_err(Failure::from),
        })
    });
    ready?;
    Ok(())
}

fn released() -> PyErr {
    let why = "the frame was released or posted, so its pixels are gone";
    raise(Kind::Released, Errno::BADF, why, None)
}
