//! The memory that a host has registered, each once for all frames in it.
//!
//! A registered descriptor keeps its memory alive. Memory is therefore unregistered with its first
//! frame; if it is posted again, it belongs to a pool of the program, and stays registered until it
//! has been idle for a while.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use videostream::hal::memory::dmabuf::{Identity, identity};
use videostream::hal::memory::mapping::file_size;
use videostream::hal::memory::memfd;
use videostream::hal::time::now_ns;
use videostream::ipc::{Error as IpcError, MAX_BUFFERS};
use videostream::share;

use crate::error::{Failure, Kind, raise};
use crate::events::duplicate;

/// How long pooled memory stays registered without a frame in it, in nanoseconds.
const MAX_IDLE_NS: u64 = 2_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Registry {
    known: Vec<Registered>,
    /// Memory that was unregistered, to recognize it when it is posted again.
    gone: VecDeque<Identity>,
}

#[derive(Debug)]
struct Registered {
    /// Its id in the ring.
    id: u32,
    identity: Identity,
    size: u64,
    /// It can be truncated, so clients of other users can't have it.
    is_unsealed: bool,
    /// Number of frames in it.
    users: u32,
    /// It was posted more than once.
    is_pooled: bool,
    /// When its last frame was released.
    idle_ns: u64,
}

impl Registry {
    /// Registers memory for one more frame and returns its id in the ring; `None` if it can't be
    /// shared in place.
    pub(super) fn enter(
        &mut self,
        host: &mut share::Host,
        fd: BorrowedFd<'_>,
    ) -> Result<Option<u32>, Failure> {
        let os = |what, errno| raise(Kind::Other, errno, what, None);
        let identity = identity(fd).map_err(|e| os("fstat", e.errno()))?;
        let size = file_size(fd).map_err(|errno| os("fstat", errno))?;
        let mut known = self.known.iter();
        if let Some(at) = known.position(|known| known.identity == identity)
            && !host.ipc_mut().is_registered(self.known[at].id)
        {
            // The ring has unregistered it to make room.
            self.known.swap_remove(at);
        }
        let mut known = self.known.iter_mut();
        if let Some(known) = known.find(|known| known.identity == identity) {
            if size > known.size || (known.is_unsealed && host.ipc().has_foreign_clients()) {
                return Ok(None);
            }
            known.is_pooled |= known.users == 0;
            known.users += 1;
            return Ok(Some(known.id));
        }
        let is_unsealed = !memfd::fix_length(fd);
        if is_unsealed && host.ipc().has_foreign_clients() {
            return Ok(None);
        }
        let own = duplicate(fd)?;
        let registered = match is_unsealed {
            true => host.ipc_mut().register_unsealed(own, size),
            false => host.ipc_mut().register(own, size),
        };
        let id = match registered {
            // Another user's memory, not a file, or a file that a process may serve.
            Err(IpcError::BadBuffer { .. }) => return Ok(None),
            Err(why) => {
                let socket = host.socket().to_owned();
                return Err(videostream::Error::Share { socket, why }.into());
            }
            Ok(id) => id,
        };
        self.known.push(Registered {
            id,
            identity,
            size,
            is_unsealed,
            users: 1,
            is_pooled: self.gone.contains(&identity),
            idle_ns: 0,
        });
        Ok(Some(id))
    }

    /// Notes that a frame in it was released.
    pub(super) fn leave(&mut self, host: &mut share::Host, id: u32) {
        let Some(at) = self.known.iter().position(|known| known.id == id) else {
            return;
        };
        let known = &mut self.known[at];
        known.users = known.users.saturating_sub(1);
        known.idle_ns = now_ns();
        if known.users == 0 && !known.is_pooled {
            self.let_go(host, at);
        }
    }

    /// Unregisters memory that has been idle for a while.
    pub(super) fn tidy(&mut self, host: &mut share::Host, now_ns: u64) {
        for at in (0..self.known.len()).rev() {
            let known = &self.known[at];
            if known.users == 0 && known.idle_ns.saturating_add(MAX_IDLE_NS) < now_ns {
                self.let_go(host, at);
            }
        }
    }

    fn let_go(&mut self, host: &mut share::Host, at: usize) {
        let known = self.known.swap_remove(at);
        host.unregister(known.id);
        if !self.gone.contains(&known.identity) {
            if self.gone.len() == 2 * MAX_BUFFERS {
                self.gone.pop_front();
            }
            self.gone.push_back(known.identity);
        }
    }
}
