//! The memory of a host's frames, and which of it can be reused.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use rustix::io::Errno;
use videostream::hal::format::{FourCc, Layout, PlaneLayout};
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::now_ns;
use videostream::share::{FramePublisher, Refused};
use videostream::v2::AppData;

use super::registry::Registry;
use crate::error::{Failure, Kind, invalid, raise};
use crate::fork::ProcessLocal;
use crate::memory::{OwnMemory, Owner, Shared, copy, parts};

/// Maximum number of free buffers that are kept for new frames.
pub(super) const MAX_SPARE_BUFFERS: usize = 4;

pub(super) struct State {
    pub(super) publisher: FramePublisher<usize>,
    /// Memory that frames lie in, by index; `None` where it was dropped.
    pub(super) entries: Vec<Option<Entry>>,
    pub(super) registry: Registry,
}

/// Memory that is registered with the ring.
pub(super) struct Entry {
    pub(super) memory: Owner,
    /// Buffer ids in the ring.
    pub(super) ids: Vec<u32>,
    /// Whether a published frame lies in it.
    pub(super) is_lent: bool,
    /// Layout of frames in it, for memory that this host allocated.
    pub(super) layout: Option<Layout>,
}

impl Entry {
    /// Whether a new frame can use it: it has no published frame, no writer and no view.
    pub(super) fn is_free(&self) -> bool {
        !self.is_lent && Arc::strong_count(&self.memory) == 1
    }
}

impl State {
    /// Serves clients. One that has just connected has sent Hello already and is welcomed at once,
    /// so that one thread can be host and client.
    pub(super) fn process(&mut self) -> Result<(), Failure> {
        self.publisher.host_mut().process()?;
        if self.publisher.host().ipc().is_expecting() {
            self.publisher.host_mut().process()?;
        }
        Ok(())
    }

    /// Takes released frames back.
    pub(super) fn take_back(&mut self) {
        let entries = &mut self.entries;
        self.publisher.take_back(|at| {
            if let Some(entry) = entries.get_mut(at).and_then(Option::as_mut) {
                entry.is_lent = false;
            }
        });
        self.tidy();
    }

    /// Drops memory that is no longer needed.
    pub(super) fn tidy(&mut self) {
        self.registry.tidy(self.publisher.host_mut(), now_ns());
        let mut spares = 0;
        for place in self.entries.iter_mut().rev() {
            let Some(entry) = place.as_ref().filter(|entry| entry.is_free()) else {
                continue;
            };
            if entry.layout.is_some() && spares < MAX_SPARE_BUFFERS {
                spares += 1;
                continue;
            }
            for id in &entry.ids {
                self.registry.leave(self.publisher.host_mut(), *id);
            }
            *place = None;
        }
    }

    /// Registers memory and returns its index; `None` if it can't be shared in place.
    pub(super) fn insert(
        &mut self,
        memory: Owner,
        layout: Option<Layout>,
    ) -> Result<Option<usize>, Failure> {
        let mut ids = Vec::new();
        for fd in parts(&memory)? {
            let host = self.publisher.host_mut();
            match self.registry.enter(host, fd) {
                Ok(Some(id)) => ids.push(id),
                refused => {
                    for id in ids {
                        self.registry.leave(host, id);
                    }
                    refused?;
                    return Ok(None);
                }
            }
        }
        let entry = Entry {
            memory,
            ids,
            is_lent: false,
            layout,
        };
        let place = match self.entries.iter().position(Option::is_none) {
            Some(place) => place,
            None => {
                self.entries.push(None);
                self.entries.len() - 1
            }
        };
        self.entries[place] = Some(entry);
        Ok(Some(place))
    }

    /// Returns the index of free memory of this layout, allocating it if need be.
    pub(super) fn own(&mut self, layout: &Layout) -> Result<usize, Failure> {
        let is_free = |entry: &Option<Entry>| {
            let entry = entry.as_ref();
            entry.is_some_and(|entry| entry.layout == Some(*layout) && entry.is_free())
        };
        if let Some(place) = self.entries.iter().position(is_free) {
            return Ok(place);
        }
        let memory: Owner = Arc::new(ProcessLocal::new(Box::new(OwnMemory::allocate(layout)?)));
        let place = self.insert(memory, Some(*layout))?;
        let place = place.ok_or_else(|| {
            raise(
                Kind::Other,
                Errno::NOMEM,
                "no memory that other processes can map",
                None,
            )
        })?;
        Ok(place)
    }
}

impl State {
    /// Publishes a frame; `told` is for clients of the 2.x interface.
    pub(super) fn post(
        &mut self,
        shared: &Shared,
        descriptor: FrameDescriptor,
        told: Option<AppData>,
    ) -> Result<u64, Failure> {
        self.process()?;
        self.take_back();
        let memory = shared.memory()?;
        let size = memory.get()?.size();
        let known = |entry: &Option<Entry>| {
            entry
                .as_ref()
                .is_some_and(|entry| Arc::ptr_eq(&entry.memory, &memory))
        };
        let place = match self.entries.iter().position(known) {
            Some(place) => Some(place),
            None => self.insert(Arc::clone(&memory), None)?,
        };
        let mut descriptor = descriptor;
        let place = match place {
            Some(place) => {
                self.place(&memory, place, &mut descriptor)?;
                place
            }
            None => self.copy(&memory, &mut descriptor)?,
        };
        if let Some(mut told) = told {
            let planes = descriptor.planes().iter();
            let bytes: u64 = planes.map(|plane| u64::from(plane.size)).sum();
            told.size = size.unwrap_or(told.size).min(bytes);
            told.put(&mut descriptor);
        }
        match self.publisher.publish(&descriptor, place) {
            Ok(serial) => {
                if let Some(entry) = &mut self.entries[place] {
                    entry.is_lent = true;
                }
                shared.post();
                drop(memory);
                self.take_back();
                Ok(serial)
            }
            Err(Refused { error, .. }) => {
                drop(memory);
                self.tidy();
                Err(error.into())
            }
        }
    }

    /// Copies a frame into memory of the host, and returns the index of that.
    pub(super) fn copy(
        &mut self,
        memory: &Owner,
        descriptor: &mut FrameDescriptor,
    ) -> Result<usize, Failure> {
        let layout = packed(descriptor)?;
        let place = self.own(&layout)?;
        if let Some(entry) = &self.entries[place] {
            let own = Arc::clone(&entry.memory);
            copy(&**memory.get()?, &**own.get()?)?;
            self.place(&own, place, descriptor)?;
        }
        Ok(place)
    }

    /// Fills in where the planes lie, by the ring's buffer ids.
    pub(super) fn place(
        &self,
        memory: &Owner,
        place: usize,
        descriptor: &mut FrameDescriptor,
    ) -> Result<(), Failure> {
        let fds = parts(memory)?;
        let ids = self.entries[place]
            .as_ref()
            .map_or(&[][..], |entry| &entry.ids);
        let count = descriptor.planes().len();
        for (at, plane) in descriptor.planes.iter_mut().enumerate().take(count) {
            let Some((fd, offset)) = memory.get()?.plane_fd(at) else {
                continue;
            };
            let part = fds
                .iter()
                .position(|part| part.as_raw_fd() == fd.as_raw_fd());
            plane.buffer = part.and_then(|part| ids.get(part)).copied().unwrap_or(0);
            plane.offset = offset;
        }
        Ok(())
    }
}

/// Returns the layout of a frame with its planes one after the other.
pub(super) fn packed(descriptor: &FrameDescriptor) -> Result<Layout, Failure> {
    let (width, height) = (descriptor.width, descriptor.height);
    let mut layout = Layout::opaque(FourCc(descriptor.fourcc), width, height, 0, 0);
    layout.plane_count = descriptor.planes().len();
    for (to, plane) in layout.planes.iter_mut().zip(descriptor.planes()) {
        *to = PlaneLayout {
            offset: layout.size,
            stride: plane.stride,
            size: plane.size,
            memory: 0,
        };
        let size = layout.size.checked_add(plane.size);
        layout.size = size.ok_or_else(|| invalid("the frame is larger than 4 GiB"))?;
    }
    Ok(layout)
}
