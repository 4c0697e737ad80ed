//! Which buffers of a source are where.

use std::os::fd::OwnedFd;

use videostream_ipc::{Error as IpcError, Goodbye, MAX_BUFFERS};

use crate::share::{Host, Lender};
use crate::source::Source;
use crate::{Error, Result};

/// The source's buffers, as the host knows them.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Id of each memory part of each of the source's buffers.
    ids: Vec<Vec<u32>>,
}

impl Buffers {
    /// Registers what the source has.
    pub(super) fn new(host: &mut Host, source: &impl Source) -> Result<Self> {
        Ok(Self {
            ids: register(host, parts(host, source)?)?,
        })
    }

    /// Id of memory part `memory` of buffer `index`.
    pub(super) fn id(&self, index: u32, memory: usize) -> u32 {
        let parts = self.ids.get(index as usize);
        let id = parts.and_then(|parts| parts.get(memory));
        id.copied().unwrap_or(0)
    }

    /// Registers what the source has now, in place of what it had. Frames of before are gone for
    /// clients, but for those that hold one; the host keeps its memory registered until then.
    pub(super) fn replace(&mut self, lender: &mut Lender<u32>, source: &impl Source) -> Result<()> {
        let new = parts(lender.host(), source)?;
        lender.take_all_back(drop);
        lender.forget();
        let host = lender.host_mut();
        let before = self.ids.iter().map(Vec::len);
        let per_frame = new.iter().map(Vec::len).chain(before).max();
        let held = host.lent() as usize * per_frame.unwrap_or(0);
        if held + new.iter().map(Vec::len).sum::<usize>() > MAX_BUFFERS {
            // What clients hold of before leaves no room.
            host.send_away(Goodbye::FormatChange);
            host.reclaim_all(|_| ());
        }
        for id in self.ids.drain(..).flatten() {
            host.retire(id);
        }
        self.ids = register(host, new)?;
        Ok(())
    }
}

/// The memory parts of each buffer of a source, with their bytes.
type Parts = Vec<Vec<(OwnedFd, u64)>>;

fn parts(host: &Host, source: &impl Source) -> Result<Parts> {
    let buffers = (0..source.buffer_count()).map(|index| {
        let parts = source.buffer_fds(index).into_iter().map(|(fd, size)| {
            let fd = fd.try_clone_to_owned();
            let fd = fd.map_err(|e| Error::Os("duplicate a buffer's descriptor", e))?;
            Ok((fd, size))
        });
        parts.collect::<Result<Vec<_>>>()
    });
    let buffers = buffers.collect::<Result<Parts>>()?;
    // The host would make room for one by forgetting another.
    if buffers.iter().map(Vec::len).sum::<usize>() > MAX_BUFFERS {
        return Err(Error::Share {
            socket: host.socket().to_owned(),
            why: IpcError::TooManyBuffers(MAX_BUFFERS),
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
