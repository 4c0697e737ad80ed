//! Who is thrown out.

use super::super::{Client, Host};
use super::{SECOND, connect, frame, memory, name};

#[test]
fn a_client_that_lies_about_its_hold_is_thrown_out_and_the_other_stays() {
    use videostream_hal::ring::reader;
    let path = name("liar");
    let mut host = Host::builder(&path).lend(4).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let liar = connect(&mut host, Client::builder(&path)).unwrap();
    let mut honest = connect(&mut host, Client::builder(&path)).unwrap();
    for _ in 0..3 {
        host.publish(&frame(id)).unwrap();
    }
    // Straight into the lease, around the library's own limit.
    let (control, lease) = liar.ipc().ring();
    for serial in 1..=3 {
        reader::try_hold(control, lease, serial).unwrap();
    }
    assert_eq!(host.evict_offenders(), 1);
    assert_eq!(host.status().evicted, 1);
    host.publish(&frame(id)).unwrap();
    assert_eq!(honest.next(SECOND).unwrap().serial(), 4);
    assert_eq!(host.reclaim(1, |_| ()), 1);
}
