//! A client's buffers: received once, mapped when first read, dropped when nobody uses them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use videostream_hal::memory::mapping::MapError;
use videostream_hal::memory::{Access, Mapping, memfd};
use videostream_ipc::client::Event;
use videostream_ipc::{Error, MAX_BUFFERS};

/// Memory that frames lie in.
#[derive(Debug)]
pub(super) struct Buffer {
    id: u32,
    size: u64,
    fd: OwnedFd,
    is_dma_buf: bool,
    mapping: OnceLock<Mapping>,
}

impl Buffer {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether CPU access has to be bracketed.
    pub(super) fn is_dma_buf(&self) -> bool {
        self.is_dma_buf
    }

    /// The mapping, made at the first call and kept.
    pub(super) fn mapping(&self) -> Result<&Mapping, MapError> {
        if let Some(mapping) = self.mapping.get() {
            return Ok(mapping);
        }
        let new = Mapping::new(&self.fd, self.size as usize, Access::Read)?;
        // Another thread may have been first: then this one is unmapped again.
        Ok(self.mapping.get_or_init(|| new))
    }
}

impl AsFd for Buffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The buffers of one connection, by id.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Arc<Buffer>>>);

impl Buffers {
    /// The buffer with this id.
    pub(super) fn get(&self, id: u32) -> Option<Arc<Buffer>> {
        let buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.iter().find(|b| b.id == id).cloned()
    }

    /// Takes in what `next` reads from the host, until nothing is left. One thread at a
    /// time, so that a buffer is there before anybody looks for it in vain.
    pub(super) fn pump(
        &self,
        next: impl Fn() -> Result<Option<Event>, Error>,
    ) -> Result<(), Error> {
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(event) = next()? {
            apply(&mut buffers, event)?;
        }
        Ok(())
    }

    /// Takes in one event.
    pub(super) fn apply(&self, event: Event) -> Result<(), Error> {
        apply(
            &mut self.0.lock().unwrap_or_else(PoisonError::into_inner),
            event,
        )
    }
}

fn apply(buffers: &mut Vec<Arc<Buffer>>, event: Event) -> Result<(), Error> {
    match event {
        Event::Buffer(id, size, fd) => {
            buffers.retain(|b| b.id != id);
            if buffers.len() >= MAX_BUFFERS {
                return Err(Error::TooManyBuffers(MAX_BUFFERS));
            }
            buffers.push(Arc::new(Buffer {
                id,
                size,
                is_dma_buf: memfd::is_dma_buf(fd.as_fd()),
                fd,
                mapping: OnceLock::new(),
            }));
        }
        Event::Retire(id) => buffers.retain(|b| b.id != id),
    }
    Ok(())
}
