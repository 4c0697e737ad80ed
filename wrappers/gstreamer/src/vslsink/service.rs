//! The host of a sink, and the thread that serves it: clients come and go, and frames expire, also while nothing flows.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{fcntl_dupfd_cloexec, read, write};
use videostream::hal::time::now_ns;
use videostream::share::{ClientStatus, HostBuilder, Lender};
use videostream::{Error, Result};

/// What has happened to clients.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) joined: Vec<ClientStatus>,
    pub(super) left: Vec<ClientStatus>,
}

/// A host that is served.
#[derive(Debug)]
pub(super) struct Service {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    lender: Mutex<Lender<gst::Buffer>>,
    /// Wakes the thread.
    wake: OwnedFd,
    /// Until when the thread sleeps, at most.
    sleeps_until_ns: AtomicU64,
    ends: AtomicBool,
}

impl Service {
    /// Binds a host and starts to serve it; `tell` hears of clients, in the service's own thread.
    pub(super) fn start(
        host: HostBuilder,
        lend: u32,
        tell: impl Fn(Changes) + Send + 'static,
    ) -> Result<Self> {
        let host = host.lend(lend).bind()?;
        let failed = |what| move |errno: rustix::io::Errno| Error::Os(what, errno.into());
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(failed("make an event descriptor"))?;
        let events =
            fcntl_dupfd_cloexec(host.as_fd(), 0).map_err(failed("duplicate a descriptor"))?;
        let shared = Arc::new(Shared {
            lender: Mutex::new(Lender::new(host, lend)),
            wake,
            sleeps_until_ns: AtomicU64::new(0),
            ends: AtomicBool::new(false),
        });
        let thread = std::thread::Builder::new().name("vslsink".into());
        let served = shared.clone();
        let thread = thread
            .spawn(move || served.serve(&events, tell))
            .map_err(|error| Error::Os("start a thread", error))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(super) fn lender(&self) -> MutexGuard<'_, Lender<gst::Buffer>> {
        self.shared.lender()
    }

    /// A frame was published that expires then: the thread may have to look earlier than it meant to.
    pub(super) fn expects(&self, expires_ns: u64) {
        if expires_ns != 0 && self.shared.sleeps_until_ns.load(Ordering::SeqCst) > expires_ns {
            self.shared.wake();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lender(&self) -> MutexGuard<'_, Lender<gst::Buffer>> {
        self.lender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // Full means that it is awake.
        let _ = write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn serve(&self, events: &OwnedFd, tell: impl Fn(Changes)) {
        let mut known: Vec<ClientStatus> = Vec::new();
        let mut freed = Vec::new();
        while !self.ends.load(Ordering::SeqCst) {
            let (until_ns, now) = {
                let mut lender = self.lender();
                // What clients do wrong is theirs; a socket that fails lets nobody in any more.
                let _ = lender.host_mut().process();
                lender.take_back(|buffer| freed.push(buffer));
                let until_ns = lender.expires_ns().unwrap_or(u64::MAX);
                // Under the lock: who publishes next sees it.
                self.sleeps_until_ns.store(until_ns, Ordering::SeqCst);
                (until_ns, lender.host().clients().collect::<Vec<_>>())
            };
            // Pools may call back.
            freed.clear();
            let is_in = |all: &[ClientStatus], one: &ClientStatus| {
                all.iter()
                    .any(|other| other.client == one.client && other.pid == one.pid)
            };
            let changes = Changes {
                joined: now
                    .iter()
                    .filter(|one| !is_in(&known, one))
                    .copied()
                    .collect(),
                left: known
                    .iter()
                    .filter(|one| !is_in(&now, one))
                    .copied()
                    .collect(),
            };
            known = now;
            if !changes.joined.is_empty() || !changes.left.is_empty() {
                tell(changes);
            }
            self.wait(events, until_ns);
        }
    }

    fn wait(&self, events: &OwnedFd, until_ns: u64) {
        let left = until_ns.saturating_sub(now_ns());
        let timeout = (until_ns != u64::MAX).then(|| Timespec {
            tv_sec: (left / 1_000_000_000) as _,
            tv_nsec: (left % 1_000_000_000) as _,
        });
        let mut fds = [
            PollFd::new(events, PollFlags::IN),
            PollFd::new(&self.wake, PollFlags::IN),
        ];
        let _ = poll(&mut fds, timeout.as_ref());
        let _ = read(&self.wake, &mut [0; 8]);
    }
}
