//! Hantro decoders, played by a process that answers as the drivers' sources have it (CUSE), both
//! generations of each driver.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. What is not here: mappings, which CUSE has none of.

#![cfg(target_os = "linux")]

mod cuse;
mod hantro_node;
mod hantro_use;

use std::thread;

use hantro_node::{decoder as g1g2, lie, start, until};
use hantro_use::{copy, decoder, raw, turn};
use rustix::io::Errno;
use videostream_hal::hantro::NodeKind;
use videostream_hal::hantro::decoder::{Client, HantroDecoder, MAX_REGISTERS, Product};
use videostream_hal::time::now_ns;
use videostream_hal::{Call, Error};
use videostream_sys::hantrodec::HANTRODEC_IOCT_DEC_RELEASE;
use videostream_testing::process::Process;

#[test]
fn a_decoder_tells_its_cores_and_gives_them_power() {
    let (test, _turn) = turn!("a_decoder_tells_its_cores_and_gives_them_power");
    for generation in ["quad", "plus"] {
        let node = start(test, "decoder", generation);
        let mut decoder = decoder();
        assert_eq!(decoder.cores(), 2);
        for core in 0..2 {
            let info = decoder.core_info(core).unwrap();
            assert_eq!(info.base(), u64::from(g1g2::BASES[core as usize]));
            assert_eq!(info.registers(), MAX_REGISTERS);
        }
        assert!(matches!(
            decoder.core_info(2),
            Err(Error::PastEnd { end: 2, .. })
        ));
        assert!(matches!(
            decoder.asic_id(2),
            Err(Error::PastEnd { end: 2, .. })
        ));
        // Where the node stands for a bus that hangs.
        assert_eq!(decoder.asic_id(0).is_ok(), generation == "quad");
        assert_eq!(decoder.core_for(Client::Jpeg), Ok(0));
        assert_eq!(decoder.core_for(Client::Vp9), Ok(1));
        let products = [0, 1].map(|core| decoder.asic_id(core).unwrap().product());
        assert_eq!(products, [Product::G1, Product::G2]);
        drop(decoder);
        until(&node, "closed");

        // A reservation asks for power by itself.
        decoder = self::decoder();
        let core = decoder.reserve(Client::H264).unwrap();
        core.pull(&mut [0; MAX_REGISTERS]).unwrap();
        assert_eq!(core.map().unwrap_err().errno(), Some(Errno::NODEV));
        core.release().unwrap();
        assert_eq!(until(&node, "released 0"), ["reserved 0"]);
    }
}

#[test]
#[expect(unsafe_code, reason = "registers are written")]
fn a_decoder_core_runs_and_tells_how_it_ended() {
    let (test, _turn) = turn!("a_decoder_core_runs_and_tells_how_it_ended");
    for generation in ["quad", "plus"] {
        let mut node = start(test, "decoder", generation);
        let mut decoder = decoder();
        for (client, index) in [(Client::H264, 0), (Client::Hevc, 1)] {
            let mut core = decoder.reserve(client).unwrap();
            assert_eq!(core.core(), index);
            let mut registers: [u32; MAX_REGISTERS] = core::array::from_fn(|at| 2 * at as u32 + 1);
            // SAFETY: nothing acts upon these registers.
            unsafe { core.push(&registers) }.unwrap();
            until(&node, &format!("started {index}"));
            node.tell(&format!("finish {index} 4352"));
            let sent = registers;
            registers.fill(u32::MAX);
            assert_eq!(core.wait(&mut registers), Ok(4352));
            assert_eq!(registers[0], g1g2::PRODUCTS[index as usize]);
            // Of G1 the driver copies some only.
            for (at, (got, sent)) in registers.iter().zip(sent).enumerate().skip(2) {
                let copied = index == 1 || at < 60 || (119..146).contains(&at);
                assert_eq!(*got, if copied { sent } else { u32::MAX }, "register {at}");
            }
            let begin = now_ns();
            assert_eq!(core.wait(&mut registers), Err(Error::TimedOut));
            assert!(now_ns() - begin >= 200_000_000);
        }
    }
}

#[test]
fn g1_and_g2_exclude_each_other_on_the_quad_alone() {
    let (test, _turn) = turn!("g1_and_g2_exclude_each_other_on_the_quad_alone");
    for generation in ["quad", "plus"] {
        let node = start(test, "decoder", generation);
        let mut decoder = decoder();
        let core = decoder.reserve(Client::H264).unwrap();
        let other = Process::start(test, &["hold", "hevc"]);
        if generation == "quad" {
            until(&node, "waiting");
            assert_eq!(other.said(), None);
            // A reservation may go to another thread.
            thread::scope(|scope| {
                scope.spawn(move || core.release().unwrap());
            });
        }
        assert_eq!(other.next(), "have it");
        until(&node, "reserved 1");
        let mut second = Process::start(test, &["hold", "hevc"]);
        until(&node, "waiting");
        other.kill();
        assert_eq!(until(&node, "reserved 1"), ["released 1", "closed"]);
        assert_eq!(second.next(), "have it");
        second.tell("");
        assert_eq!(second.next(), "gave it back");
        second.end();
    }
}

#[test]
fn what_the_decoder_driver_refuses_is_an_error() {
    let (test, _turn) = turn!("what_the_decoder_driver_refuses_is_an_error");
    let mut node = start(test, "decoder", "plus");
    {
        let all: Vec<_> = (0..32).map(|_| decoder()).collect();
        let error = HantroDecoder::open(NodeKind::Decoder.path()).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::NOMEM));
        drop(all);
    }
    let mut one = decoder();
    let foreign = copy(&decoder());
    let own = copy(&one);
    let core = one.reserve(Client::Vp8).unwrap();
    let number_0 = core::ptr::null_mut();
    let refusal = raw(&foreign, HANTRODEC_IOCT_DEC_RELEASE, number_0);
    assert_eq!(refusal, Err(Errno::FAULT));
    raw(&own, HANTRODEC_IOCT_DEC_RELEASE, number_0).unwrap();
    assert_eq!(core.release().unwrap_err().errno(), Some(Errno::FAULT));

    let answer = |call, field, value| Error::Answer { call, field, value };
    for (text, value) in [("8:out=0", 0), ("8:out=4096", 4096), ("8:short", 0)] {
        lie(&mut node, text);
        let error = HantroDecoder::open(NodeKind::Decoder.path()).unwrap_err();
        assert_eq!(error, answer(Call::DecoderCores, "number of cores", value));
    }
    {
        lie(&mut node, "15:result=3");
        lie(&mut node, "17:result=3");
        let mut core = one.reserve(Client::Hevc).unwrap();
        let mut registers = [0; MAX_REGISTERS];
        let left = "bytes not copied";
        let error = core.pull(&mut registers).unwrap_err();
        assert_eq!(error, answer(Call::DecoderPullReg, left, 3));
        let error = core.wait(&mut registers).unwrap_err();
        assert_eq!(error, answer(Call::DecoderWait, left, 3));
    }
    // More registers than the driver may copy: the core is given back.
    lie(&mut node, "4:out=2000");
    let reserve = |one: &mut HantroDecoder| one.reserve(Client::Hevc).map(|core| core.core());
    let bytes = "bytes of registers";
    assert_eq!(
        reserve(&mut one),
        Err(answer(Call::DecoderHwIoSize, bytes, 2000))
    );
    lie(&mut node, "4:out=1060");
    assert_eq!(reserve(&mut one), Ok(1));
    lie(&mut node, "3:out=0");
    assert_eq!(
        one.core_info(1),
        Err(answer(Call::DecoderHwOffset, "base address", 0))
    );
    lie(&mut node, "11:result=9");
    assert_eq!(
        reserve(&mut one),
        Err(answer(Call::DecoderReserve, "core", 9))
    );
    lie(&mut node, "21:result=77");
    assert_eq!(
        reserve(&mut one),
        Err(answer(Call::DecoderCoreId, "core", 77))
    );
    // A driver without this request gives power at open.
    let mut two = decoder_without_power_request(test, node);
    assert_eq!(reserve(&mut two.1), Ok(1));
}

/// The node of a driver that does not know `HANTRODEC_IOCG_CORE_ID`.
fn decoder_without_power_request(test: &str, before: Process) -> (Process, HantroDecoder) {
    drop(before);
    let mut node = start(test, "decoder", "quad");
    lie(&mut node, "21:result=-25");
    let decoder = decoder();
    (node, decoder)
}
