//! What a host tells whoever only looks.

use super::Mode;

/// How a client does: by its host's knowledge, and by the client's own count in its lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientStatus {
    /// The host's number for it.
    pub client: u32,
    /// Its process; 0 if the host's PID namespace does not show it.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Which frames it wants.
    pub mode: Mode,
    /// Its word of waiting: see `hal::ring::wake`.
    pub waiting: u32,
    /// How many frames it may hold at once.
    pub hold: u32,
    /// How many it holds now, by its own count: added up slot by slot while it goes on, so that one
    /// that takes frame after frame may be shown with more than it has.
    pub held: u32,
    /// Frames it has held so far, by its own count.
    pub acquired: u64,
    /// Frames that were gone before it came, by its own count.
    pub missed: u64,
    /// The last serial it has held, by its own count.
    pub last_serial: u64,
}

/// How a host does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostStatus {
    /// Clients attached, whoever asks included.
    pub clients: u32,
    /// Slots of the ring.
    pub slots: u32,
    /// Frames out now, readable or held.
    pub lent: u32,
    /// Frames that can be out.
    pub lend: u32,
    /// Serial of the newest frame.
    pub head: u64,
    /// When it was published, in nanoseconds of `CLOCK_MONOTONIC`.
    pub newest_ns: u64,
    /// Publishes that found no room.
    pub blocked: u64,
    /// Frames that the sensor or driver lost.
    pub sensor_drops: u64,
    /// Frames for which no buffer was left.
    pub no_buffer_drops: u64,
    /// Clients refused so far.
    pub refused: u64,
    /// Clients thrown out so far.
    pub evicted: u64,
    /// Clients that left so far.
    pub left: u64,
}
