//! Statistics of a host.

use super::Host;

/// `VSLXHostStats`: counts since the host was created, and current numbers.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct HostStats {
    /// Frames posted.
    pub posted: u64,
    /// Of these, those of which clients get a copy.
    pub copied: u64,
    /// Frames made unreadable before they expired, to make room.
    pub withdrawn: u64,
    /// Frames ended.
    pub ended: u64,
    /// Current number of frames.
    pub frames: u64,
    /// Current number of registered buffers.
    pub buffers: u64,
    /// Current number of connected clients.
    pub clients: u64,
    /// Clients refused.
    pub refused: u64,
    /// Clients evicted.
    pub evicted: u64,
    /// Clients that disconnected or died.
    pub left: u64,
    /// Posts that woke sleeping clients.
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
