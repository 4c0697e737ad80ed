//! How a host is to behave, and what it counts.

use heapless::Vec;

pub use crate::wire::Exports;

/// Most user or group ids of [`Access::Listed`].
pub const MAX_LISTED: usize = 16;

/// Who may connect. Checked with the credentials that the kernel notes at connect.
///
/// In a user namespace, users that it does not map all have one uid (65534, unless the system is set up
/// otherwise). It counts as nobody's own, not even the host's: it is let in by [`Access::Anyone`], or when
/// it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The host's own user, and root.
    #[default]
    SameUser,
    /// The host's own user, root, and these users and groups.
    Listed {
        /// User ids.
        uids: Vec<u32, MAX_LISTED>,
        /// Group ids, primary or supplementary. Of a client with more than 1024 groups only the primary
        /// one is known.
        gids: Vec<u32, MAX_LISTED>,
    },
    /// Whoever can reach the socket.
    Anyone,
}

/// Which frames make room for new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The oldest that nobody holds. For live video.
    #[default]
    Newest,
    /// Only those whose expiry has passed; until then publishing would block.
    UntilExpiry,
    /// Only those that every client in [`Mode::Every`](crate::Mode::Every) has had; until
    /// then publishing would block. Frames that came before a client are not kept for it.
    NeverDrop,
}

/// How a host behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Slots of the ring, a power of two from 2 to 1024.
    pub slots: u32,
    /// Frames that can be out at once, readable or held: what the producer can spare. The
    /// sum of what clients may hold stays below it. Below `slots`, so that one is free for
    /// the next frame.
    pub lend: u32,
    /// Which frames make room for new ones.
    pub policy: Policy,
    /// How long a client may hold a frame, in nanoseconds from its publication, once the
    /// producer runs short of buffers; 0 for ever.
    pub lease_ns: u64,
    /// Permission bits of the socket's file.
    pub mode: u32,
    /// Who may connect.
    pub access: Access,
    /// What clients may do with the buffers.
    pub exports: Exports,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slots: 16,
            lend: 8,
            policy: Policy::Newest,
            lease_ns: 0,
            mode: 0o600,
            access: Access::SameUser,
            exports: Exports::ReadOnly,
        }
    }
}

/// Why a frame of the source never got published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The sensor or driver lost it.
    Sensor,
    /// All buffers were out.
    NoBuffer,
}

/// What a host has counted.
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
    /// Clients thrown out.
    pub evicted: u64,
    /// Clients that left, by themselves or by dying.
    pub left: u64,
    /// Frames that the sensor or driver lost, as the producer says.
    pub sensor_drops: u64,
    /// Frames for which no buffer was left, as the producer says.
    pub no_buffer_drops: u64,
}
