//! A client in tokio, whose epoll is edge-triggered (`EPOLLET`).

#![expect(unsafe_code, reason = "tokio wants to be told that a descriptor stays")]

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::time::Duration;

use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime;

use super::super::{Client, Frame, Host};
use super::{connect, frame, memory, name};
use crate::Result;

/// Time-out of a test that has failed.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Registers a duplicate of the client's descriptor; has to be called within a runtime.
fn events(client: &Client) -> AsyncFd<OwnedFd> {
    let events = client.as_fd().try_clone_to_owned().unwrap();
    // SAFETY: nobody else has this descriptor, and what owns it gives the same one each time and
    // closes it when it is dropped with the `AsyncFd`.
    unsafe { AsyncFd::register(events) }.unwrap()
}

/// The next frame.
async fn next(client: &mut Client, events: &AsyncFd<OwnedFd>) -> Result<Frame> {
    loop {
        if let Some(frame) = client.poll_next()? {
            return Ok(frame);
        }
        events.readable().await.unwrap().clear_ready();
    }
}

#[test]
fn a_task_wakes_for_each_frame_and_a_lost_host() {
    let path = name("tokio");
    let mut host = Host::builder(&path).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let mut client = connect(&mut host, Client::builder(&path)).unwrap();
    let (got, frames) = mpsc::channel();
    let task = std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_io().build();
        runtime.unwrap().block_on(async {
            let events = events(&client);
            loop {
                let frame = next(&mut client, &events).await;
                let is_over = frame.is_err();
                got.send(frame.map(|frame| frame.serial())).unwrap();
                if is_over {
                    break;
                }
            }
        });
    });
    for serial in 1..=100 {
        host.publish(&frame(id)).unwrap();
        assert_eq!(frames.recv_timeout(WATCHDOG).unwrap().unwrap(), serial);
        host.reclaim(1, |_| ());
    }
    drop(host);
    let error = frames.recv_timeout(WATCHDOG).unwrap().unwrap_err();
    assert!(error.is_host_gone(), "{error}");
    task.join().unwrap();
}
