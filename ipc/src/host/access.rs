//! Access checks for connecting clients.

use rustix::fd::BorrowedFd;

use super::Access;
use crate::credentials::{Credentials, has_group};
use crate::trust::is_own;

impl Access {
    /// Returns whether the peer of `socket` may connect. `overflow_uid` stands for users without a
    /// uid in this namespace; it never counts as the host's own.
    pub(super) fn allows(
        &self,
        peer: Credentials,
        overflow_uid: Option<u32>,
        socket: BorrowedFd<'_>,
    ) -> bool {
        let is_root = peer.uid == 0 && overflow_uid != Some(0);
        match self {
            Self::Anyone => true,
            _ if is_root || is_own(peer.uid, overflow_uid) => true,
            Self::SameUser => false,
            Self::Listed { uids, gids } => {
                uids.contains(&peer.uid)
                    || gids.contains(&peer.gid)
                    || (!gids.is_empty() && has_group(socket, |group| gids.contains(&group)))
            }
        }
    }
}
