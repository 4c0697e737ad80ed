//! Statistics of a host.

use super::Host;

/// `VSLXHostStats`: counts since the host was made, and how many there are now.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct HostStats {
    /// Frames that it took.
    pub posted: u64,
    /// Of these, how many clients get a copy of.
    pub copied: u64,
    /// Frames out of clients' reach before they had expired, to make room.
    pub withdrawn: u64,
    /// Frames that it ended.
    pub ended: u64,
    /// Frames that it has.
    pub frames: u64,
    /// Pieces of memory that are registered.
    pub buffers: u64,
    /// Clients that are connected.
    pub clients: u64,
    /// Clients that it did not let in.
    pub refused: u64,
    /// Clients that it threw out.
    pub evicted: u64,
    /// Clients that left, by themselves or by dying.
    pub left: u64,
    /// Posts that woke clients asleep.
    pub wakes: u64,
    /// Clients woken through their descriptor.
    pub descriptor_wakes: u64,
}

impl Host {
    /// Returns the statistics.
    pub(crate) fn stats(&self) -> HostStats {
        let host = self.state.lock();
        let state = host.borrow();
        let ipc = state.ipc.as_ref();
        let stats = ipc.map(|ipc| ipc.stats()).unwrap_or_default();
        HostStats {
            posted: state.counts.posted,
            copied: state.counts.copied,
            withdrawn: state.counts.pushed_out,
            ended: state.counts.ended,
            frames: state.table.frames() as u64,
            buffers: state.memory.len() as u64,
            clients: ipc.map_or(0, |ipc| ipc.sockets().count()) as u64,
            refused: stats.refused,
            evicted: stats.evicted,
            left: stats.left,
            wakes: stats.futex_wakes,
            descriptor_wakes: stats.event_wakes,
        }
    }
}
