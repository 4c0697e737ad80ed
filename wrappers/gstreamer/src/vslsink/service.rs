//! The host of a sink and its thread, which serves clients and lets frames expire also while no
//! buffer flows.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::io::{fcntl_dupfd_cloexec, read, write};
use videostream::hal::Call;
use videostream::hal::time::{Alarm, now_ns, poll_until};
use videostream::share::{ClientStatus, FramePublisher, HostBuilder};
use videostream::{Error, Result};

use crate::lock;

/// A frame that comes this soon after all others expired is from a source that was waiting for a
/// buffer.
const STALL_NS: u64 = 20_000_000;
/// Number of such frames from which on the source is taken to be short of buffers.
const MOST_STALLS: u32 = 3;

/// Events of the service.
#[derive(Debug)]
pub(super) enum News {
    Joined(ClientStatus),
    Left(ClientStatus),
    /// The socket failed: no more clients can connect.
    Failed(Error),
}

/// A host and its thread.
#[derive(Debug)]
pub(super) struct Service {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    publisher: Mutex<FramePublisher<gst::Buffer>>,
    /// Wakes the thread.
    wake: OwnedFd,
    /// Wakes the thread when frames expire.
    alarm: Mutex<Alarm>,
    /// When the thread found that all frames had expired; 0 once the next is published.
    idle_since_ns: AtomicU64,
    /// How often a frame came right after that, as from a source that waits for buffers.
    stalls: AtomicU32,
    ends: AtomicBool,
    /// Number of the thread's rounds, for waits for room.
    looks: Mutex<u64>,
    looked: Condvar,
}

impl Service {
    /// Binds a host and starts its thread, which calls `tell`.
    pub(super) fn start(host: HostBuilder, tell: impl Fn(News) + Send + 'static) -> Result<Self> {
        let host = host.bind()?;
        let failed = |call| move |errno| Error::Os { call, errno };
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(failed(Call::Eventfd))?;
        let alarm = Alarm::new().map_err(failed(Call::TimerfdCreate))?;
        let same = |fd: BorrowedFd<'_>| fcntl_dupfd_cloexec(fd, 0).map_err(failed(Call::Fcntl));
        let (events, rings) = (same(host.as_fd())?, same(alarm.as_fd())?);
        let shared = Arc::new(Shared {
            publisher: Mutex::new(FramePublisher::new(host)),
            wake,
            alarm: Mutex::new(alarm),
            idle_since_ns: AtomicU64::new(0),
            stalls: AtomicU32::new(0),
            ends: AtomicBool::new(false),
            looks: Mutex::default(),
            looked: Condvar::new(),
        });
        let thread = std::thread::Builder::new().name("vslsink".into());
        let served = shared.clone();
        let thread = thread
            .spawn(move || served.serve(&events, &rings, &tell))
            .map_err(|error| Error::Thread { error })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(super) fn publisher(&self) -> MutexGuard<'_, FramePublisher<gst::Buffer>> {
        lock(&self.shared.publisher)
    }

    /// Has the thread wake up when a frame that was published expires.
    pub(super) fn expects(&self, expires_ns: u64) {
        let shared = &self.shared;
        let now_ns = now_ns();
        let idle_since_ns = shared.idle_since_ns.swap(0, Ordering::SeqCst);
        if idle_since_ns != 0 && now_ns < idle_since_ns + STALL_NS {
            shared.stalls.fetch_add(1, Ordering::SeqCst);
        }
        let mut alarm = lock(&shared.alarm);
        let can_wait = shared.lets_frames_expire();
        if is_better(alarm.due_ns(), expires_ns, now_ns, can_wait) {
            alarm.set(Some(expires_ns));
        }
    }

    /// Ends the stream for clients, which keep the frames that they hold.
    pub(super) fn close(&self) {
        self.publisher().host_mut().close();
        self.shared.wake();
    }

    /// Whether no client is left.
    pub(super) fn is_done(&self) -> bool {
        self.publisher().host().clients().next().is_none()
    }

    /// Returns a handle to wait for room.
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

/// Waits for room for frames.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Shared>);

impl Room {
    /// Waits until there is room for a frame, or `gives_up`.
    pub(super) fn wait(&self, gives_up: impl Fn() -> bool) {
        let shared = &self.0;
        loop {
            // Read before checking, so that a round of the thread in between ends the wait.
            let before = *lock(&shared.looks);
            let mut freed = Vec::new();
            let has_room = {
                let mut publisher = lock(&shared.publisher);
                publisher.take_back(|buffer| freed.push(buffer));
                publisher.host().outstanding() <= publisher.max_outstanding()
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

    /// Has waits check whether they give up.
    pub(super) fn ask(&self) {
        drop(lock(&self.0.looks));
        self.0.looked.notify_all();
    }
}

impl Shared {
    fn wake(&self) {
        // An overflow means that it is awake already.
        let _ = write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn serve(&self, events: &OwnedFd, rings: &OwnedFd, tell: &impl Fn(News)) {
        let mut known: Vec<ClientStatus> = Vec::new();
        let mut freed = Vec::new();
        let mut has_failed = false;
        while !self.ends.load(Ordering::SeqCst) {
            let (now, failure) = {
                let mut publisher = lock(&self.publisher);
                let failure = publisher.host_mut().process().err();
                publisher.take_back(|buffer| freed.push(buffer));
                let due_ns = self.next_look_ns(&mut publisher);
                // With the publisher locked, so that the next frame's alarm comes after this.
                lock(&self.alarm).set(due_ns);
                (publisher.host().clients().collect::<Vec<_>>(), failure)
            };
            // Without the lock, since this calls the buffers' pools.
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
            self.wait((!has_failed).then_some(events), rings);
        }
    }

    /// Whether the thread may sleep until the newest frame expires: while frames flow, each one
    /// expires older ones. A source without free buffers sends none before one returns, so for such
    /// a source the thread wakes when the oldest frame expires.
    fn lets_frames_expire(&self) -> bool {
        self.stalls.load(Ordering::SeqCst) < MOST_STALLS
    }

    /// Returns when to check for expired frames.
    fn next_look_ns(&self, publisher: &mut FramePublisher<gst::Buffer>) -> Option<u64> {
        let due_ns = match self.lets_frames_expire() {
            true => publisher.last_expires_ns(),
            false => publisher.expires_ns(),
        };
        if publisher.host().ipc().oldest().is_none() && publisher.host().head() > 0 {
            self.idle_since_ns.store(now_ns(), Ordering::SeqCst);
        }
        due_ns
    }

    fn wait(&self, events: Option<&OwnedFd>, rings: &OwnedFd) {
        let watch = |fd| PollFd::new(fd, PollFlags::IN);
        let mut fds = vec![watch(&self.wake), watch(rings)];
        fds.extend(events.map(watch));
        let _ = poll_until(&mut fds, u64::MAX);
        let has_rung = !fds[1].revents().is_empty();
        let _ = read(&self.wake, &mut [0; 8]);
        if has_rung {
            lock(&self.alarm).set(None);
        }
    }
}

/// Whether to move the alarm from `due_ns` to `expires_ns`. While frames flow it is postponed well
/// before it fires, but not with each frame: the thread sleeps on, and few system calls are made.
fn is_better(due_ns: Option<u64>, expires_ns: u64, now_ns: u64, can_wait: bool) -> bool {
    let Some(due_ns) = due_ns else {
        return true;
    };
    let left_ns = expires_ns.saturating_sub(now_ns);
    expires_ns < due_ns || (can_wait && due_ns.saturating_sub(now_ns) < left_ns / 2)
}

/// Returns which clients left and joined.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flowing_frames_postpone_the_alarm() {
        // Frames every 16 that last for 100.
        let (mut due, mut changes) = (None, 0);
        for now in (0..1600).step_by(16) {
            assert!(due.is_none_or(|due| due > now), "it fires at {now}");
            if is_better(due, now + 100, now, true) {
                due = Some(now + 100);
                changes += 1;
            }
        }
        assert!((16..=32).contains(&changes), "{changes}");
        // Never after the newest frame, where the thread checks again.
        assert!(due.is_some_and(|due| due <= 1584 + 100));
    }

    #[test]
    fn a_stalled_source_keeps_the_earliest_alarm() {
        assert!(is_better(None, 100, 0, false));
        assert!(!is_better(Some(100), 195, 95, false));
        // A shorter life than that of the frames before.
        assert!(is_better(Some(100), 97, 95, false));
        assert!(is_better(Some(u64::MAX), 97, 95, true));
    }
}
