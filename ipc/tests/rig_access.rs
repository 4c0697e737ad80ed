//! Access by the credentials that the kernel records, and by the mode of a socket's file.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`), as root, because threads
//! change their user; elsewhere every test is skipped.
//!
//! rig: timeout=300

#![cfg(target_os = "linux")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use support::*;
use videostream_hal::Call;
use videostream_hal::time::deadline_in;
use videostream_ipc::client::{self, Client};
use videostream_ipc::host::{self, Access, Host};
use videostream_ipc::{Error, Refusal};
use videostream_testing::{TIMEOUT_NS, on_the_rig};

/// Ids of a user and a group: neither root's nor equal.
const USER: u32 = 1234;
const GROUP: u32 = 4321;

/// Returns the host's answer to a client of this user and group.
fn connect_as(config: host::Config, name: &str, user: u32, group: u32) -> Result<(), Error> {
    let mut host = Host::bind(address(name), config, 7).unwrap();
    let to = address(name);
    let connecting = thread::spawn(move || {
        let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(group));
        // Affects this thread only, which ends afterwards.
        set_thread_groups(&[]).unwrap();
        set_thread_res_gid(gid, gid, gid).unwrap();
        set_thread_res_uid(uid, uid, uid).unwrap();
        let deadline = deadline_in(TIMEOUT_NS);
        Client::connect(&to, client::Config::default(), deadline, |_| Ok(())).map(drop)
    });
    serve_until(&mut host, |_| connecting.is_finished());
    connecting.join().unwrap()
}

fn listed(uids: &[u32], gids: &[u32]) -> Access {
    Access::Listed {
        uids: uids.iter().copied().collect(),
        gids: gids.iter().copied().collect(),
    }
}

#[test]
fn a_host_admits_by_its_access_rule() {
    let test = "a_host_admits_by_its_access_rule";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let refused = Err(Error::Refused(Refusal::Permission { uid: USER }));
    let cases = [
        (Access::SameUser, USER, GROUP, refused),
        (Access::SameUser, USER, 0, refused),
        (Access::SameUser, 0, GROUP, Ok(())),
        (listed(&[USER], &[]), USER, GROUP, Ok(())),
        (listed(&[], &[GROUP]), USER, GROUP, Ok(())),
        (listed(&[1, 2], &[3, 4]), USER, GROUP, refused),
        // A user id does not count as a group id.
        (listed(&[GROUP], &[USER]), USER, GROUP, refused),
        (listed(&[], &[]), 0, 0, Ok(())),
        (Access::Anyone, USER, GROUP, Ok(())),
    ];
    for (at, (access, user, group, expected)) in cases.into_iter().enumerate() {
        let config = host::Config {
            access,
            ..Default::default()
        };
        let name = name(&format!("access-{at}"));
        assert_eq!(connect_as(config, &name, user, group), expected, "{at}");
    }
}

#[test]
fn a_socket_file_has_the_requested_mode() {
    let test = "a_socket_file_has_the_requested_mode";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let refused = Err(Error::Os {
        call: Call::Connect,
        errno: Errno::ACCESS,
    });
    for (mode, expected) in [(0o600, refused), (0o660, refused), (0o666, Ok(()))] {
        let config = host::Config {
            access: Access::Anyone,
            mode,
            ..Default::default()
        };
        let path = format!("/tmp/{}", name(&format!("mode-{mode:o}")));
        assert_eq!(connect_as(config.clone(), &path, USER, GROUP), expected);
        let _host = Host::bind(address(&path), config, 7).unwrap();
        let there = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(there & 0o7777, mode);
    }
}
