//! The host of a sink and the thread that serves it: clients come and go, and frames expire, also
//! while no buffer flows.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::io::{fcntl_dupfd_cloexec, read, write};
use videostream::hal::time::{Alarm, now_ns, poll_until};
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
    /// Wakes it when frames expire.
    alarm: Mutex<Alarm>,
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
        let alarm = Alarm::new().map_err(failed("make a timer"))?;
        let same = |fd: BorrowedFd<'_>| {
            fcntl_dupfd_cloexec(fd, 0).map_err(failed("duplicate a descriptor"))
        };
        let (events, rings) = (same(host.as_fd())?, same(alarm.as_fd())?);
        let shared = Arc::new(Shared {
            lender: Mutex::new(Lender::new(host)),
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
            .map_err(|error| Error::Os("start a thread", error))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(super) fn lender(&self) -> MutexGuard<'_, Lender<gst::Buffer>> {
        lock(&self.shared.lender)
    }

    /// Has the thread look when a frame expires that is out now.
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

    fn serve(&self, events: &OwnedFd, rings: &OwnedFd, tell: &impl Fn(News)) {
        let mut known: Vec<ClientStatus> = Vec::new();
        let mut freed = Vec::new();
        let mut has_failed = false;
        while !self.ends.load(Ordering::SeqCst) {
            let (now, failure) = {
                let mut lender = lock(&self.lender);
                let failure = lender.host_mut().process().err();
                lender.take_back(|buffer| freed.push(buffer));
                let due_ns = self.next_look_ns(&mut lender);
                // With the lender's lock, so that whoever publishes next comes behind it.
                lock(&self.alarm).set(due_ns);
                (lender.host().clients().collect::<Vec<_>>(), failure)
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
            self.wait((!has_failed).then_some(events), rings);
        }
    }

    /// Whether the thread may sleep until the newest frame expires: while frames flow, each lets older ones expire. A
    /// source that has run out of buffers gives none before one comes back: for such a one it looks when the oldest
    /// is due.
    fn lets_frames_expire(&self) -> bool {
        self.stalls.load(Ordering::SeqCst) < MOST_STALLS
    }

    /// When to look whether frames have expired.
    fn next_look_ns(&self, lender: &mut Lender<gst::Buffer>) -> Option<u64> {
        let due_ns = match self.lets_frames_expire() {
            true => lender.last_expires_ns(),
            false => lender.expires_ns(),
        };
        if lender.host().oldest().is_none() && lender.host().head() > 0 {
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

/// Whether the alarm, which rings at `due_ns`, is to ring when another frame expires. While frames flow it is put off, well
/// before it rings and not with each frame: neither wakes the thread nor costs much.
fn is_better(due_ns: Option<u64>, expires_ns: u64, now_ns: u64, can_wait: bool) -> bool {
    let Some(due_ns) = due_ns else {
        return true;
    };
    let left_ns = expires_ns.saturating_sub(now_ns);
    expires_ns < due_ns || (can_wait && due_ns.saturating_sub(now_ns) < left_ns / 2)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_put_off_while_frames_flow_and_rings_when_they_stop() {
        // Frames every 16 that last for 100.
        let (mut due, mut changes) = (None, 0);
        for now in (0..1600).step_by(16) {
            assert!(due.is_none_or(|due| due > now), "it rings at {now}");
            if is_better(due, now + 100, now, true) {
                due = Some(now + 100);
                changes += 1;
            }
        }
        assert!((16..=32).contains(&changes), "{changes}");
        // Not behind the newest frame: the thread looks again from there.
        assert!(due.is_some_and(|due| due <= 1584 + 100));
    }

    #[test]
    fn an_alarm_for_a_source_without_buffers_stays_at_the_oldest_frame() {
        assert!(is_better(None, 100, 0, false));
        assert!(!is_better(Some(100), 195, 95, false));
        // A shorter life than that of the frames before.
        assert!(is_better(Some(100), 97, 95, false));
        assert!(is_better(Some(u64::MAX), 97, 95, true));
    }
}
