//! The state that a host reports about itself and its clients.

use super::Mode;

/// The state of a client, as known to the host and as counted by the client in its lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientStatus {
    /// The host's number for it.
    pub client: u32,
    /// Its process id; 0 if the host's PID namespace does not show it.
    pub pid: u32,
    /// Its user id.
    pub uid: u32,
    /// Which frames it wants.
    pub mode: Mode,
    /// Its wait flags: see `hal::ring::wake`.
    pub waiting: u32,
    /// Maximum frames that it may hold at once.
    pub hold: u32,
    /// Frames it holds now, by its own count. Added up slot by slot while the client goes on, so
    /// that the sum may exceed what it holds at any one time.
    pub held: u32,
    /// Frames it has held so far, by its own count.
    pub acquired: u64,
    /// Frames that were gone before it could hold them, by its own count.
    pub missed: u64,
    /// The last serial it has held, by its own count.
    pub last_serial: u64,
}

/// The state of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostStatus {
    /// Attached clients, including the one that asks.
    pub clients: u32,
    /// Slots of the ring.
    pub slots: u32,
    /// Frames outstanding now, readable or held.
    pub lent: u32,
    /// Maximum frames outstanding.
    pub max_outstanding: u32,
    /// Serial of the newest frame.
    pub head: u64,
    /// When the newest frame was published, in nanoseconds of `CLOCK_MONOTONIC`.
    pub newest_ns: u64,
    /// Publishes that found no room.
    pub blocked: u64,
    /// Frames that the sensor or driver lost.
    pub sensor_drops: u64,
    /// Frames for which no buffer was left.
    pub no_buffer_drops: u64,
    /// Clients refused so far.
    pub refused: u64,
    /// Clients evicted so far.
    pub evicted: u64,
    /// Clients that left so far.
    pub left: u64,
}
