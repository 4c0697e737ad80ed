//! A host's configuration and statistics.

use heapless::Vec;

pub use crate::wire::Exports;

/// Maximum user or group ids of [`Access::Listed`].
pub const MAX_LISTED: usize = 16;

/// Which processes may connect, checked by the credentials that the kernel records at connect. In a
/// user namespace, all unmapped users share one uid (65534 by default). It never counts as the
/// host's own user: it needs [`Access::Anyone`] or to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The host's own user, and root.
    #[default]
    SameUser,
    /// The host's own user, root, and these users and groups.
    Listed {
        /// User ids.
        uids: Vec<u32, MAX_LISTED>,
        /// Group ids, primary or supplementary. For a client with more than 1024 groups only the
        /// primary one counts.
        gids: Vec<u32, MAX_LISTED>,
    },
    /// Every process that can reach the socket.
    Anyone,
}

/// Which frames make room for new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The oldest that no client holds. For live video.
    #[default]
    Newest,
    /// Only expired ones; until one expires, publishing would block.
    UntilExpiry,
    /// Only those that every client in [`Mode::Every`](crate::Mode::Every) has held; until then
    /// publishing would block. Frames from before a client connected are not kept for it.
    NeverDrop,
}

/// Configuration of a host.
#[derive(Clone, Debug)]
pub struct Config {
    /// Slots of the ring, a power of two from 2 to 1024.
    pub slots: u32,
    /// Maximum frames outstanding, readable or held: as many as the producer can spare. The sum of
    /// what clients may hold stays below it. It is less than `slots`, so that one slot is free for
    /// the next frame.
    pub max_outstanding: u32,
    /// Which frames make room for new ones.
    pub policy: Policy,
    /// How long a client may hold a frame, in nanoseconds from its publication, once the producer
    /// runs short of buffers; 0 for no limit.
    pub lease_ns: u64,
    /// Permission bits of the socket's file.
    pub mode: u32,
    /// Which processes may connect.
    pub access: Access,
    /// What clients may do with the buffers.
    pub exports: Exports,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slots: 16,
            max_outstanding: 8,
            policy: Policy::Newest,
            lease_ns: 0,
            mode: 0o600,
            access: Access::SameUser,
            exports: Exports::ReadOnly,
        }
    }
}

/// Why a frame of the source was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropCause {
    /// The sensor or driver lost it.
    Sensor,
    /// All buffers were in use.
    NoBuffer,
}

/// Statistics of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames published.
    pub published: u64,
    /// Publishes that found no room.
    pub blocked: u64,
    /// Publishes that woke futex sleepers.
    pub futex_wakes: u64,
    /// Events sent.
    pub event_wakes: u64,
    /// Clients refused.
    pub refused: u64,
    /// Clients evicted.
    pub evicted: u64,
    /// Clients that hung up or died.
    pub left: u64,
    /// Frames that the sensor or driver lost, as reported by the producer.
    pub sensor_drops: u64,
    /// Frames for which no buffer was left, as reported by the producer.
    pub no_buffer_drops: u64,
}
