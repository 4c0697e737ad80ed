//! Hantro nodes, played by a process that answers as the drivers' sources have it (CUSE), both
//! generations of each driver.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. What is not here: mappings, which CUSE has none of.

#![cfg(target_os = "linux")]

mod cuse;
mod hantro_node;
mod hantro_use;

use std::process::Command;

use hantro_node::{lie, start};
use hantro_use::turn;
use rustix::fd::AsFd;
use rustix::io::Errno;
use videostream_hal::hantro::decoder::HantroDecoder;
use videostream_hal::hantro::vc8000e::Vc8000e;
use videostream_hal::hantro::{NodeKind, nodes};
use videostream_hal::memory::heap::DmaHeap;
use videostream_hal::memory::{MemoryError, physical_address};
use videostream_hal::{Call, Error};

#[test]
fn nodes_exist_while_their_driver_is_loaded() {
    let (test, _turn) = turn!("nodes_exist_while_their_driver_is_loaded");
    let list = || nodes().unwrap().collect::<Vec<_>>();
    assert_eq!(list(), []);
    let missing = Error::System {
        call: Call::Open,
        errno: Errno::NOENT,
    };
    assert_eq!(
        Vc8000e::open(NodeKind::Vc8000e.path()).unwrap_err(),
        missing
    );

    let first = start(test, "vc8000e", "later");
    assert_eq!(list(), [NodeKind::Vc8000e]);
    let second = start(test, "decoder", "plus");
    assert_eq!(list(), [NodeKind::Decoder, NodeKind::Vc8000e]);

    // The same number means other things to the other driver.
    assert_eq!(
        Vc8000e::open(NodeKind::Decoder.path()).unwrap_err(),
        Error::WrongNode {
            wanted: NodeKind::Vc8000e,
            found: Some(NodeKind::Decoder)
        }
    );
    assert_eq!(
        HantroDecoder::open("/dev/null").unwrap_err(),
        Error::WrongNode {
            wanted: NodeKind::Decoder,
            found: None
        }
    );
    let link = std::env::temp_dir().join("mxc_hantro");
    std::os::unix::fs::symlink(NodeKind::Vc8000e.path(), &link).unwrap();
    let by_link = Vc8000e::open(&link);
    std::fs::remove_file(&link).unwrap();
    assert_eq!(by_link.unwrap().cores(), 1);

    drop(first);
    assert_eq!(list(), [NodeKind::Decoder]);
    drop(second);
    assert_eq!(list(), []);
}

#[test]
fn the_command_lists_nodes() {
    let (test, _turn) = turn!("the_command_lists_nodes");
    let Some(command) = std::env::var_os("VIDEOSTREAM_BIN") else {
        return videostream_testing::skip(test, "no VIDEOSTREAM_BIN");
    };
    let info = |arguments: &[&str]| {
        let output = Command::new(&command)
            .arg("info")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!info(&["--json"]).contains("hantro"));
    let _encoder = start(test, "vc8000e", "later");
    let _decoder = start(test, "decoder", "plus");
    let text = info(&[]);
    for line in [
        "registers /dev/mxc_hantro: the G1 and G2 decoders, 2 cores",
        "registers /dev/mxc_hantro_vc8000e: the VC8000E encoder, 1 core",
    ] {
        assert!(text.lines().any(|is| is == line), "{text}");
    }
    assert!(info(&["--json"]).contains("/dev/mxc_hantro_vc8000e"));
}

#[test]
fn a_dma_buf_has_the_address_that_its_driver_tells() {
    let (test, _turn) = turn!("a_dma_buf_has_the_address_that_its_driver_tells");
    let buffer = DmaHeap::open("system").unwrap().allocate(4096).unwrap();
    let mut node = start(test, "dmabuf_imx", "2415919104");
    assert_eq!(physical_address(buffer.as_fd()), Ok(0x9000_0000));
    lie(&mut node, "32:result=-14");
    let refusal = MemoryError::NoPhysicalAddress {
        node: Errno::FAULT,
        request: Errno::NOTTY,
    };
    assert_eq!(physical_address(buffer.as_fd()), Err(refusal));
    drop(node);
    let _node = start(test, "dmabuf_imx", "0");
    assert_eq!(
        physical_address(buffer.as_fd()),
        Err(MemoryError::NotMapped)
    );
}
