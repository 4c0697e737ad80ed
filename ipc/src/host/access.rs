//! Who is let in.

use rustix::fd::BorrowedFd;

use super::Access;
use crate::credentials::{Credentials, has_group};

impl Access {
    /// Whether the process at the other end of `socket` may come in. `overflow_uid` stands for
    /// users who have no uid here: it is nobody's own.
    pub(super) fn allows(
        &self,
        peer: Credentials,
        overflow_uid: Option<u32>,
        socket: BorrowedFd<'_>,
    ) -> bool {
        let own = rustix::process::geteuid().as_raw();
        let is_own = (peer.uid == own || peer.uid == 0) && Some(peer.uid) != overflow_uid;
        match self {
            Self::Anyone => true,
            _ if is_own => true,
            Self::SameUser => false,
            Self::Listed { uids, gids } => {
                uids.contains(&peer.uid)
                    || gids.contains(&peer.gid)
                    || (!gids.is_empty() && has_group(socket, |group| gids.contains(&group)))
            }
        }
    }
}
