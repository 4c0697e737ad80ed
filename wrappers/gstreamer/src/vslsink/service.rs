//! The host of a sink and the thread that serves it: clients come and go, and frames expire, also
//! while no buffer flows.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::io::{fcntl_dupfd_cloexec, read, write};
use videostream::hal::time::{now_ns, poll_until};
use videostream::share::{ClientStatus, HostBuilder, Lender};
use videostream::{Error, Result};

use crate::lock;

/// How soon after all frames have expired the next one comes from a source that had waited for a buffer.
const STALL_NS: u64 = 20_000_000;
/// How many times that is no accident.
const MOST_STALLS: u32 = 3;

/// What the service tells of.
#[derive(Debug)]
pub(super) enum News {
    Joined(ClientStatus),
    Left(ClientStatus),
    /// The socket fails: nobody else can come.
    Failed(Error),
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
    /// Until when the thread sleeps at most.
    sleeps_until_ns: AtomicU64,
    /// When the thread found that all frames had expired; 0 once the next one is out.
    idle_since_ns: AtomicU64,
    /// How often a frame came right behind that: the source has too few buffers, and waits for them.
    stalls: AtomicU32,
    ends: AtomicBool,
    /// Looks of the thread so far, for those who wait for room.
    looks: Mutex<u64>,
    looked: Condvar,
}

impl Service {
    /// Binds a host. `tell` is called by the service's own thread.
    pub(super) fn start(host: HostBuilder, tell: impl Fn(News) + Send + 'static) -> Result<Self> {
        let host = host.bind()?;
        let failed = |what| move |errno: rustix::io::Errno| Error::Os(what, errno.into());
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(failed("make an event descriptor"))?;
        let events =
            fcntl_dupfd_cloexec(host.as_fd(), 0).map_err(failed("duplicate a descriptor"))?;
        let shared = Arc::new(Shared {
            lender: Mutex::new(Lender::new(host)),
            wake,
            sleeps_until_ns: AtomicU64::new(0),
            idle_since_ns: AtomicU64::new(0),
            stalls: AtomicU32::new(0),
            ends: AtomicBool::new(false),
            looks: Mutex::default(),
            looked: Condvar::new(),
        });
        let thread = std::thread::Builder::new().name("vslsink".into());
        let served = shared.clone();
        let thread = thread
            .spawn(move || served.serve(&events, &tell))
            .map_err(|error| Error::Os("start a thread", error))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(super) fn lender(&self) -> MutexGuard<'_, Lender<gst::Buffer>> {
        lock(&self.shared.lender)
    }

    /// Has the thread look when a frame expires that is out now, if it sleeps for longer.
    pub(super) fn expects(&self, expires_ns: u64) {
        let shared = &self.shared;
        let idle_since_ns = shared.idle_since_ns.swap(0, Ordering::SeqCst);
        if idle_since_ns != 0 && now_ns() < idle_since_ns + STALL_NS {
            shared.stalls.fetch_add(1, Ordering::SeqCst);
        }
        if shared.sleeps_until_ns.load(Ordering::SeqCst) > expires_ns {
            shared.wake();
        }
    }

    /// Ends the stream for clients: what they hold stays theirs.
    pub(super) fn close(&self) {
        self.lender().host_mut().close();
        self.shared.wake();
    }

    /// Whether it has closed and no client holds anything.
    pub(super) fn is_done(&self) -> bool {
        self.lender().host().clients().next().is_none()
    }

    /// A handle to wait for room with.
    pub(super) fn room(&self) -> Room {
        Room(self.shared.clone())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        self.shared.wake();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// Room for frames, as clients and time give it.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Shared>);

impl Room {
    /// Waits until no more frames are out than can be lent, or `gives_up`.
    pub(super) fn wait(&self, gives_up: impl Fn() -> bool) {
        let shared = &self.0;
        loop {
            // Before the look: what the thread does meanwhile ends the wait.
            let before = *lock(&shared.looks);
            let mut freed = Vec::new();
            let has_room = {
                let mut lender = lock(&shared.lender);
                lender.take_back(|buffer| freed.push(buffer));
                lender.host().lent() <= lender.lend()
            };
            drop(freed);
            if has_room {
                return;
            }
            let looks = lock(&shared.looks);
            let still = |looks: &mut u64| *looks == before && !gives_up();
            drop(shared.looked.wait_while(looks, still));
            if gives_up() || shared.ends.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Has those who wait ask whether they give up.
    pub(super) fn ask(&self) {
        drop(lock(&self.0.looks));
        self.0.looked.notify_all();
    }
}

impl Shared {
    fn wake(&self) {
        // A full counter has woken it already.
        let _ = write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn serve(&self, events: &OwnedFd, tell: &impl Fn(News)) {
        let mut known: Vec<ClientStatus> = Vec::new();
        let mut freed = Vec::new();
        let mut has_failed = false;
        while !self.ends.load(Ordering::SeqCst) {
            let (until_ns, now, failure) = {
                let mut lender = lock(&self.lender);
                let failure = lender.host_mut().process().err();
                lender.take_back(|buffer| freed.push(buffer));
                let until_ns = self.next_look_ns(&mut lender);
                // Under the lock, so that whoever publishes next sees it.
                self.sleeps_until_ns.store(until_ns, Ordering::SeqCst);
                (
                    until_ns,
                    lender.host().clients().collect::<Vec<_>>(),
                    failure,
                )
            };
            // Without the lock: the buffers' pools are called.
            freed.clear();
            *lock(&self.looks) += 1;
            self.looked.notify_all();
            if let Some(error) = failure
                && !std::mem::replace(&mut has_failed, true)
            {
                tell(News::Failed(error));
            }
            differences(&known, &now).for_each(tell);
            known = now;
            self.wait((!has_failed).then_some(events), until_ns);
        }
    }

    /// When to look whether frames have expired. While frames flow, each lets older ones expire: the
    /// thread sleeps until the newest is due. A source that has run out of buffers gives none before
    /// one comes back: for such a one it looks when the oldest is due.
    fn next_look_ns(&self, lender: &mut Lender<gst::Buffer>) -> u64 {
        let due_ns = match self.stalls.load(Ordering::SeqCst) < MOST_STALLS {
            true => lender.last_expires_ns(),
            false => lender.expires_ns(),
        };
        if lender.host().oldest().is_none() && lender.host().head() > 0 {
            self.idle_since_ns.store(now_ns(), Ordering::SeqCst);
        }
        due_ns.unwrap_or(u64::MAX)
    }

    fn wait(&self, events: Option<&OwnedFd>, until_ns: u64) {
        let wake = PollFd::new(&self.wake, PollFlags::IN);
        let _ = match events {
            Some(events) => poll_until(&mut [wake, PollFd::new(events, PollFlags::IN)], until_ns),
            None => poll_until(&mut [wake], until_ns),
        };
        let _ = read(&self.wake, &mut [0; 8]);
    }
}

/// Who has left and who has joined.
fn differences(before: &[ClientStatus], now: &[ClientStatus]) -> impl Iterator<Item = News> {
    let is_among = |all: &[ClientStatus], one: &ClientStatus| {
        all.iter()
            .any(|other| (other.client, other.pid) == (one.client, one.pid))
    };
    let left = before.iter().filter(|one| !is_among(now, one));
    let left: Vec<_> = left.copied().map(News::Left).collect();
    let joined = now.iter().filter(|one| !is_among(before, one));
    let joined: Vec<_> = joined.copied().map(News::Joined).collect();
    left.into_iter().chain(joined)
}
