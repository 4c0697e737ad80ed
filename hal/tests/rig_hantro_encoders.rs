//! Hantro encoders, played by a process that answers as the drivers' sources have it (CUSE), both
//! generations of each driver.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. What is not here: mappings, which CUSE has none of.

#![cfg(target_os = "linux")]

mod cuse;
mod hantro_node;
mod hantro_use;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use hantro_node::{h1, lie, start, until, vc8000e as vc};
use hantro_use::{GENERATIONS, copy, encoder, release_encoder, turn};
use rustix::io::Errno;
use rustix::process::Signal;
use videostream_hal::hantro::NodeKind;
use videostream_hal::hantro::Reservation;
use videostream_hal::hantro::h1::{H1, MAX_REGISTERS as H1_MAX_REGISTERS};
use videostream_hal::hantro::vc8000e::{RegisterAccess, Status, Vc8000e};
use videostream_hal::time::{deadline_in, now_ns};
use videostream_hal::{Call, Error};
use videostream_testing::process::Process;

#[test]
fn an_encoder_lists_its_cores_and_register_access() {
    let (test, _turn) = turn!("an_encoder_lists_its_cores_and_register_access");
    for (generation, access) in GENERATIONS
        .into_iter()
        .zip([RegisterAccess::Mapping, RegisterAccess::Requests])
    {
        let _node = start(test, "vc8000e", generation);
        let mut encoder = encoder();
        assert_eq!(encoder.cores(), 1);
        assert_eq!(encoder.register_access(), access);
        let info = encoder.core_info(0).unwrap();
        assert_eq!(info.base(), u64::from(vc::BASE));
        assert_eq!(info.registers(), vc::REGISTERS);
        let none = Error::PastEnd {
            name: "core",
            value: 1,
            end: 1,
        };
        assert_eq!(encoder.core_info(1), Err(none));
        for mask in [0, 2, 0xff] {
            let refusal = encoder.reserve(mask).map(|core| core.core()).unwrap_err();
            assert!(matches!(refusal, Error::PastEnd { end: 2, .. }), "{mask}");
        }
        let core = encoder.reserve(1).unwrap();
        assert_eq!((core.core(), core.info()), (0, info));
        // Nothing of mappings can be shown here but that their absence is no crash.
        let errno = core.map().unwrap_err().errno();
        assert_eq!(errno, Some(Errno::NODEV));
    }
}

#[test]
#[expect(unsafe_code, reason = "registers are written")]
fn registers_are_read_and_written_by_ioctl() {
    let (test, _turn) = turn!("registers_are_read_and_written_by_ioctl");
    let write = |core: &mut Reservation<'_, Vc8000e>, first, words: &[u32]| {
        // SAFETY: nothing acts upon these registers.
        unsafe { core.write_registers(first, words) }
    };
    {
        let _node = start(test, "vc8000e", "earlier");
        let mut encoder = encoder();
        let mut core = encoder.reserve(1).unwrap();
        let refusal = Err(Error::NoRegisterRequests);
        assert_eq!(core.read_registers(0, &mut [0]), refusal);
        assert_eq!(write(&mut core, 1, &[0]), refusal);
    }
    let _node = start(test, "vc8000e", "later");
    let mut encoder = encoder();
    let mut core = encoder.reserve(1).unwrap();
    let mut product = [0];
    core.read_registers(0, &mut product).unwrap();
    assert_eq!(product, [vc::PRODUCT]);
    let values: Vec<u32> = (1..vc::REGISTERS as u32).collect();
    write(&mut core, 1, &values).unwrap();
    let mut all = vec![0; vc::REGISTERS];
    core.read_registers(0, &mut all).unwrap();
    assert_eq!(all[0], vc::PRODUCT);
    assert_eq!(all[1..], values);
    let mut last = [0];
    core.read_registers(499, &mut last).unwrap();
    assert_eq!(last, [499]);
    for (first, count) in [(499, 2), (500, 1), (0, 501), (usize::MAX, 1), (7, 0)] {
        let mut words = vec![0; count];
        let refusal = core.read_registers(first, &mut words).unwrap_err();
        assert!(matches!(refusal, Error::PastEnd { .. }), "{refusal}");
        let refusal = write(&mut core, first, &words).unwrap_err();
        assert!(matches!(refusal, Error::PastEnd { .. }), "{refusal}");
    }
}

#[test]
#[expect(unsafe_code, reason = "a core is started")]
fn a_core_runs_and_tells_how_it_ended() {
    let (test, _turn) = turn!("a_core_runs_and_tells_how_it_ended");
    let enable = |core: &mut Reservation<'_, Vc8000e>| {
        // SAFETY: nothing acts upon these registers.
        unsafe { core.enable() }
    };
    for generation in GENERATIONS {
        let mut node = start(test, "vc8000e", generation);
        let mut encoder = encoder();
        let mut core = encoder.reserve(1).unwrap();
        enable(&mut core).unwrap();
        until(&node, "enabled");
        // Finished while a request is waiting: frame ready, and a bit without a description.
        node.tell("finish 65541");
        let status = core.wait(deadline_in(60_000_000_000)).unwrap();
        assert!(status.contains(Status::FRAME_READY));
        assert_eq!(status.bits(), 65540);

        // Never finished.
        let begin = now_ns();
        assert_eq!(core.wait(0), Err(Error::TimedOut));
        assert!(now_ns() - begin >= 200_000_000);
        let deadline = deadline_in(500_000_000);
        assert_eq!(core.wait(deadline), Err(Error::TimedOut));
        assert!(now_ns() >= deadline);

        node.tell("suspend");
        until(&node, "suspended");
        assert_eq!(enable(&mut core), Err(Error::RegistersLost));
        enable(&mut core).unwrap();
        core.release().unwrap();
        until(&node, "released");
        // A core that the driver does not hold for us is refused, not waited for again and again.
        let fd = copy(&encoder);
        let mut core = encoder.reserve(1).unwrap();
        release_encoder(&fd);
        let refusal = core.wait(u64::MAX).unwrap_err();
        assert_eq!(refusal.errno(), Some(Errno::PERM));
        assert_eq!(enable(&mut core).unwrap_err().errno(), Some(Errno::PERM));
    }
}

#[test]
fn a_core_is_another_process_when_it_is_given_back() {
    let (test, _turn) = turn!("a_core_is_another_process_when_it_is_given_back");
    for generation in GENERATIONS {
        let node = start(test, "vc8000e", generation);
        let mut encoder = encoder();
        let core = encoder.reserve(1).unwrap();
        let mut other = Process::start(test, &["hold", "vc8000e"]);
        assert_eq!(until(&node, "waiting"), ["reserved"]);
        // A signal without a handler makes no difference.
        other.signal(Signal::STOP);
        until(&node, "interrupted");
        other.signal(Signal::CONT);
        until(&node, "waiting");
        assert_eq!(other.said(), None);
        drop(core);
        assert_eq!(until(&node, "reserved"), ["released"]);
        assert_eq!(other.next(), "have it");
        other.tell("");
        assert_eq!(other.next(), "gave it back");
        other.end();
        until(&node, "closed");
    }
}

#[test]
fn a_core_comes_back_from_a_process_that_is_killed() {
    let (test, _turn) = turn!("a_core_comes_back_from_a_process_that_is_killed");
    for generation in GENERATIONS {
        let node = start(test, "vc8000e", generation);
        let holder = Process::start(test, &["hold", "vc8000e"]);
        assert_eq!(holder.next(), "have it");
        // One that waits can be killed, too.
        let waiter = Process::start(test, &["hold", "vc8000e"]);
        until(&node, "waiting");
        waiter.kill();
        until(&node, "closed");
        let mut next = Process::start(test, &["hold", "vc8000e"]);
        until(&node, "waiting");
        assert_eq!(next.said(), None);
        holder.kill();
        assert_eq!(until(&node, "reserved"), ["released", "closed"]);
        assert_eq!(next.next(), "have it");
        next.tell("");
        assert_eq!(next.next(), "gave it back");
        next.end();
    }
}

#[test]
fn a_panic_gives_the_core_back() {
    let (test, _turn) = turn!("a_panic_gives_the_core_back");
    for generation in GENERATIONS {
        let node = start(test, "vc8000e", generation);
        let mut encoder = encoder();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _core = encoder.reserve(1).unwrap();
            resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        assert_eq!(until(&node, "released"), ["reserved"]);
        encoder.reserve(1).unwrap();
    }
}

/// Why a reservation stays with its thread.
#[test]
fn only_the_later_driver_allows_release_by_others() {
    let (test, _turn) = turn!("only_the_later_driver_allows_release_by_others");
    let answers = ["released in vain", "released"];
    for (generation, said) in GENERATIONS.into_iter().zip(answers) {
        let node = start(test, "vc8000e", generation);
        let mut encoder = encoder();
        let fd = copy(&encoder);
        let core = encoder.reserve(1).unwrap();
        thread::spawn(move || release_encoder(&fd)).join().unwrap();
        assert_eq!(until(&node, said), ["reserved"]);
        core.release().unwrap();
        let own = if said == "released" {
            "released in vain"
        } else {
            "released"
        };
        assert_eq!(node.next(), own);
    }
}

#[test]
fn wrong_encoder_answers_are_errors() {
    let (test, _turn) = turn!("wrong_encoder_answers_are_errors");
    let answer = |call, field, value| Error::Answer { call, field, value };
    {
        let mut node = start(test, "vc8000e", "later");
        for (text, value) in [("13:out=0", 0), ("13:out=4096", 4096), ("13:short", 0)] {
            lie(&mut node, text);
            let error = Vc8000e::open(NodeKind::Vc8000e.path()).unwrap_err();
            assert_eq!(
                error,
                answer(Call::EncoderCoreNum, "number of cores", value)
            );
        }
    }
    let mut node = start(test, "vc8000e", "later");
    let mut encoder = encoder();
    for mask in [0, 2, 3, 255] {
        lie(&mut node, &format!("11:out={mask}"));
        let error = encoder.reserve(1).map(|core| core.core()).unwrap_err();
        assert_eq!(error, answer(Call::EncoderReserve, "mask of cores", mask));
        // What the driver did not own up to is still reserved for it.
        if mask & 1 == 0 {
            release_encoder(&copy(&encoder));
        }
        until(&node, "released");
    }
    lie(&mut node, "11:out=1");
    lie(&mut node, "19:result=7");
    lie(&mut node, "21:result=4");
    {
        let mut core = encoder.reserve(1).unwrap();
        node.tell("finish 5");
        let error = core.wait(u64::MAX).unwrap_err();
        assert_eq!(error, answer(Call::EncoderCoreWait, "core", 7));
        let error = core.read_registers(0, &mut [0]).unwrap_err();
        assert_eq!(error, answer(Call::EncoderReadRegs, "bytes not copied", 4));
    }
    for (text, value) in [
        ("4:out=0", 0),
        ("4:out=4294967295", u32::MAX.into()),
        ("4:short", 0),
    ] {
        lie(&mut node, text);
        let error = encoder.core_info(0).unwrap_err();
        assert_eq!(
            error,
            answer(Call::EncoderHwIoSize, "bytes of registers", value)
        );
    }
    for (text, value) in [("3:out=0", 0), ("3:out=3", 3), ("3:short", 0)] {
        lie(&mut node, text);
        let error = encoder.core_info(0).unwrap_err();
        assert_eq!(error, answer(Call::EncoderHwOffset, "base address", value));
    }
    // With no place for its registers the core is given back.
    encoder.reserve(1).map(|core| core.core()).unwrap_err();
    until(&node, "released");
    lie(&mut node, "11:result=-4");
    let error = encoder.reserve(1).map(|core| core.core()).unwrap_err();
    assert_eq!(error, Error::Interrupted);
}

#[test]
#[expect(unsafe_code, reason = "registers are written")]
fn an_h1_is_driven_as_far_as_its_driver_goes() {
    let (test, _turn) = turn!("an_h1_is_driven_as_far_as_its_driver_goes");
    let open = || H1::open(NodeKind::H1.path()).unwrap();
    for generation in ["first", "latest"] {
        let mut node = start(test, "h1", generation);
        let mut encoder = open();
        let info = encoder.core_info().unwrap();
        assert_eq!(info.base(), u64::from(h1::BASE));
        assert_eq!(info.registers(), h1::REGISTERS);
        let mut core = encoder.reserve().unwrap();
        assert_eq!(core.map().unwrap_err().errno(), Some(Errno::NODEV));
        let mut words = [0; 2];
        if generation == "first" {
            let refusal = Err(Error::NoRegisterRequests);
            assert_eq!(core.read_registers(0, &mut words), refusal);
            // SAFETY: nothing acts upon these registers.
            assert_eq!(unsafe { core.write_registers(1, &words) }, refusal);
            // SAFETY: as above.
            assert_eq!(unsafe { core.enable() }, refusal);
        } else {
            // Also what stands in the way of noticing that nothing was read.
            // SAFETY: nothing acts upon these registers.
            unsafe { core.write_registers(1, &[0x5555_5555, 0x5555_5555]) }.unwrap();
            core.read_registers(1, &mut words).unwrap();
            assert_eq!(words, [0x5555_5555; 2]);
            // SAFETY: as above.
            unsafe { core.enable() }.unwrap();
            until(&node, "enabled");
        }
        let end = core.read_registers(h1::REGISTERS, &mut words).unwrap_err();
        assert!(matches!(end, Error::PastEnd { .. }));
        node.tell("finish");
        let mut registers = [7; H1_MAX_REGISTERS];
        core.wait(&mut registers).unwrap();
        assert_eq!(registers[0], h1::PRODUCT);
        assert!(registers[h1::REGISTERS..].iter().all(|&word| word == 7));
        let errno = core.wait(&mut registers).unwrap_err().errno();
        assert_eq!(errno, Some(Errno::PERM));

        if generation == "latest" {
            let other = Process::start(test, &["hold", "h1"]);
            until(&node, "waiting");
            drop(core);
            assert_eq!(until(&node, "reserved"), ["released"]);
            assert_eq!(other.next(), "have it");
            other.kill();
            assert_eq!(until(&node, "closed"), ["released"]);
        } else {
            core.release().unwrap();
        }
        let call = Call::EncoderHwIoSize;
        lie(&mut node, "4:out=8192");
        let error = encoder.reserve().map(|core| core.info()).unwrap_err();
        let field = "bytes of registers";
        assert_eq!(
            error,
            Error::Answer {
                call,
                field,
                value: 8192
            }
        );
    }
}
