//! Access rules that need other users or a user namespace: supplementary groups, unmapped users.

#![cfg(target_os = "linux")]

mod support;

use std::io::Read as _;
use std::process::Command;
use std::thread;

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use support::*;
use videostream_hal::time::deadline_in;
use videostream_ipc::client::{self, Client};
use videostream_ipc::host::{self, Access, Host};
use videostream_ipc::{Error, Refusal};
use videostream_testing::TIMEOUT_NS;
use videostream_testing::process::{Process, command, role, say, succeeds, under};
use videostream_testing::skip;

const USER: u32 = 1234;
const GROUP: u32 = 4321;
const OVERFLOW: u32 = 65534;

fn connect(name: &str) -> Result<(), Error> {
    let deadline = deadline_in(TIMEOUT_NS);
    Client::connect(&address(name), client::Config::default(), deadline, |_| {
        Ok(())
    })
    .map(drop)
}

fn bind(name: &str, access: Access) -> Host {
    let config = host::Config {
        access,
        ..host::Config::default()
    };
    Host::bind(address(name), config, 7).unwrap()
}

#[test]
fn supplementary_groups_count_where_groups_are_listed() {
    if !geteuid().is_root() {
        return skip(
            "supplementary_groups_count_where_groups_are_listed",
            "only root can become another user",
        );
    }
    for (listed, is_let_in) in [(GROUP, true), (GROUP + 1, false)] {
        // A new name each time: a forked child may keep the last socket open until it executes.
        let name = name(&format!("groups-{listed}"));
        let access = Access::Listed {
            uids: [].into_iter().collect(),
            gids: [listed].into_iter().collect(),
        };
        let mut host = bind(&name, access);
        let connecting = thread::spawn(move || {
            let (uid, gid) = (Uid::from_raw(USER), Gid::from_raw(USER));
            // Affects this thread only, which ends afterwards.
            let groups = [7, GROUP, 9].map(Gid::from_raw);
            set_thread_groups(&groups).unwrap();
            set_thread_res_gid(gid, gid, gid).unwrap();
            set_thread_res_uid(uid, uid, uid).unwrap();
            connect(&name)
        });
        serve_until(&mut host, |_| connecting.is_finished());
        let refused = Err(Error::Refused(Refusal::Permission { uid: USER }));
        let expected = if is_let_in { Ok(()) } else { refused };
        assert_eq!(connecting.join().unwrap(), expected, "{listed}");
    }
}

/// Serves in its user namespace until its standard input ends.
fn serve(name: &str, access: Access) {
    assert_eq!(geteuid().as_raw(), OVERFLOW);
    let mut host = bind(name, access);
    say("serves");
    let ended = thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    while !ended.is_finished() {
        host.process().unwrap();
        thread::yield_now();
    }
}

#[test]
fn users_without_uid_are_let_in_only_if_listed() {
    const TEST: &str = "users_without_uid_are_let_in_only_if_listed";
    if let Some(role) = role() {
        let listed = Access::Listed {
            uids: [OVERFLOW].into_iter().collect(),
            gids: [].into_iter().collect(),
        };
        let access = match &*role[1] {
            "own" => Access::SameUser,
            "listed" => listed,
            _ => Access::Anyone,
        };
        return serve(&role[0], access);
    }
    let unshare = ["unshare", "--user", "--map-user=65534"];
    let mut try_it = under(&unshare, &Command::new("true"));
    if !geteuid().is_root() || !succeeds(&mut try_it) {
        return skip(TEST, "it takes root and unshare --map-user");
    }
    for (access, is_let_in) in [("own", false), ("listed", true), ("anyone", true)] {
        let name = name(access);
        let host = command(TEST, &[&name, access]);
        let host = Process::run(under(&unshare, &host), access.into());
        host.expect("serves", || ());
        // Not the host's user, and unmapped in its namespace.
        let connecting = thread::spawn(move || {
            let uid = Uid::from_raw(USER);
            set_thread_res_uid(uid, uid, uid).unwrap();
            connect(&name)
        });
        let refused = Err(Error::Refused(Refusal::Permission { uid: OVERFLOW }));
        let expected = if is_let_in { Ok(()) } else { refused };
        assert_eq!(connecting.join().unwrap(), expected, "{access}");
    }
}
