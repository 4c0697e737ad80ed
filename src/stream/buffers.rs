//! The buffers of a source and their ids at the host.

use std::os::fd::OwnedFd;

use rustix::io::fcntl_dupfd_cloexec;
use videostream_hal::Call;
use videostream_ipc::{Error as IpcError, Goodbye, MAX_BUFFERS};

use crate::share::{FramePublisher, Host};
use crate::source::Source;
use crate::{Error, Result};

/// The ids of a source's buffers at the host.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Ids by buffer and memory plane.
    ids: Vec<Vec<u32>>,
}

impl Buffers {
    /// Registers the source's buffers.
    pub(super) fn new(host: &mut Host, source: &impl Source) -> Result<Self> {
        Ok(Self {
            ids: register(host, parts(host, source)?)?,
        })
    }

    /// Returns the id of memory plane `memory` of buffer `index`.
    pub(super) fn id(&self, index: u32, memory: usize) -> u32 {
        let parts = self.ids.get(index as usize);
        let id = parts.and_then(|parts| parts.get(memory));
        id.copied().unwrap_or(0)
    }

    /// Registers the source's new buffers in place of the old ones. Earlier frames remain valid
    /// only for clients that hold them; the host keeps their buffers registered until they are
    /// released.
    pub(super) fn replace(
        &mut self,
        publisher: &mut FramePublisher<u32>,
        source: &impl Source,
    ) -> Result<()> {
        let new = parts(publisher.host(), source)?;
        publisher.take_all_back(drop);
        publisher.forget();
        let host = publisher.host_mut();
        let before = self.ids.iter().map(Vec::len);
        let per_frame = new.iter().map(Vec::len).chain(before).max();
        let held = host.outstanding() as usize * per_frame.unwrap_or(0);
        if held + new.iter().map(Vec::len).sum::<usize>() > MAX_BUFFERS {
            // Held frames leave no room for the new buffers.
            host.send_away(Goodbye::FormatChange);
            host.reclaim_all(|_| ());
        }
        for id in self.ids.drain(..).flatten() {
            host.unregister(id);
        }
        self.ids = register(host, new)?;
        Ok(())
    }
}

/// The memory planes of each buffer of a source, with their sizes in bytes.
type Parts = Vec<Vec<(OwnedFd, u64)>>;

fn parts(host: &Host, source: &impl Source) -> Result<Parts> {
    let buffers = (0..source.buffer_count()).map(|index| {
        let parts = source.buffer_fds(index).into_iter().map(|(fd, size)| {
            let fd = fcntl_dupfd_cloexec(fd, 0).map_err(Error::of(Call::Fcntl))?;
            Ok((fd, size))
        });
        parts.collect::<Result<Vec<_>>>()
    });
    let buffers = buffers.collect::<Result<Parts>>()?;
    // Check the total here, since the host would unregister one buffer to make room for another.
    if buffers.iter().map(Vec::len).sum::<usize>() > MAX_BUFFERS {
        return Err(Error::Share {
            socket: host.socket().to_owned(),
            why: IpcError::TooManyBuffers { count: MAX_BUFFERS },
        });
    }
    Ok(buffers)
}

fn register(host: &mut Host, buffers: Parts) -> Result<Vec<Vec<u32>>> {
    let buffers = buffers.into_iter().map(|parts| {
        let parts = parts.into_iter().map(|(fd, size)| host.register(fd, size));
        parts.collect::<Result<Vec<_>>>()
    });
    buffers.collect()
}
