//! Hantro nodes, played by a process that answers as the drivers' sources have it (CUSE), both
//! generations of each driver.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. What is not here: mappings, which CUSE has none of.

#![cfg(target_os = "linux")]

mod cuse;
mod hantro_node;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::thread;

use hantro_node::{decoder as g1g2, h1, lie, start, until, vc8000e as vc};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::Signal;
use videostream_hal::hantro::decoder::{Client, HantroDecoder, MAX_REGISTERS, Product};
use videostream_hal::hantro::h1::{H1, MAX_REGISTERS as H1_MAX_REGISTERS};
use videostream_hal::hantro::vc8000e::{RegisterAccess, Reservation, Status, Vc8000e};
use videostream_hal::hantro::{HantroError, NodeKind, nodes};
use videostream_hal::memory::heap::DmaHeap;
use videostream_hal::memory::physical::{PhysicalError, physical_address};
use videostream_hal::time::{deadline_in, now_ns};
use videostream_sys::hantrodec::HANTRODEC_IOCT_DEC_RELEASE;
use videostream_sys::hx280enc_vc8000e::HX280ENC_IOCH_ENC_RELEASE;
use videostream_testing::on_the_rig;
use videostream_testing::process::{Process, role, say};

/// Plays the role of this process if it has one; else the test's name and turn in the guest.
macro_rules! turn {
    ($test:literal) => {
        match role() {
            Some(role) if hantro_node::play(&role) => return,
            Some(role) => return holder(&role),
            None => match on_the_rig($test) {
                Some(turn) => ($test, turn),
                None => return,
            },
        }
    };
}

const GENERATIONS: [&str; 2] = ["earlier", "later"];

fn encoder() -> Vc8000e {
    Vc8000e::open(NodeKind::Vc8000e.path()).unwrap()
}

fn decoder() -> HantroDecoder {
    HantroDecoder::open(NodeKind::Decoder.path()).unwrap()
}

/// A process that reserves a core, says so, and gives it back when it is told to.
fn holder(role: &[String]) {
    match role {
        [what, kind] if what == "hold" && kind == "vc8000e" => {
            let mut encoder = encoder();
            let core = encoder.reserve(1).unwrap();
            say("have it");
            std::io::stdin().read_line(&mut String::new()).unwrap();
            core.release().unwrap();
            say("gave it back");
        }
        [what, kind] if what == "hold" && kind == "h1" => {
            let mut encoder = H1::open(NodeKind::H1.path()).unwrap();
            let _core = encoder.reserve().unwrap();
            say("have it");
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        [what, kind] if what == "hold" && kind == "hevc" => {
            let mut decoder = decoder();
            let core = decoder.reserve(Client::Hevc).unwrap();
            say("have it");
            std::io::stdin().read_line(&mut String::new()).unwrap();
            core.release().unwrap();
            say("gave it back");
        }
        other => panic!("no role {other:?}"),
    }
}

/// A request as another program could make it, of those that take a number or a pointer to one.
fn raw(fd: &OwnedFd, code: u32, argument: *mut u32) -> Result<i32, Errno> {
    struct Raw(u32, *mut u32);

    #[expect(unsafe_code, reason = "a request past the library")]
    // SAFETY: used with requests that read and write at most one number.
    unsafe impl rustix::ioctl::Ioctl for Raw {
        type Output = i32;
        const IS_MUTATING: bool = true;
        fn opcode(&self) -> rustix::ioctl::Opcode {
            self.0 as rustix::ioctl::Opcode
        }
        fn as_ptr(&mut self) -> *mut core::ffi::c_void {
            self.1.cast()
        }
        unsafe fn output_from_ptr(
            output: rustix::ioctl::IoctlOutput,
            _: *mut core::ffi::c_void,
        ) -> rustix::io::Result<i32> {
            Ok(output)
        }
    }

    #[expect(unsafe_code, reason = "a request past the library")]
    // SAFETY: as above.
    unsafe {
        rustix::ioctl::ioctl(fd, Raw(code, argument))
    }
}

/// Another descriptor of the same open node.
fn copy(node: &impl AsFd) -> OwnedFd {
    node.as_fd().try_clone_to_owned().unwrap()
}

/// Gives core 0 back, past its reservation.
fn release_encoder(fd: &OwnedFd) {
    raw(fd, HX280ENC_IOCH_ENC_RELEASE, &mut 1).unwrap();
}

#[test]
fn nodes_are_there_while_their_drivers_are_and_known_by_the_kernels_name() {
    let (test, _turn) =
        turn!("nodes_are_there_while_their_drivers_are_and_known_by_the_kernels_name");
    let list = || nodes().unwrap().collect::<Vec<_>>();
    assert_eq!(list(), []);
    let missing = HantroError::System {
        call: "open",
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
        HantroError::WrongNode {
            wanted: NodeKind::Vc8000e,
            found: Some(NodeKind::Decoder)
        }
    );
    assert_eq!(
        HantroDecoder::open("/dev/null").unwrap_err(),
        HantroError::WrongNode {
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
fn an_encoder_tells_its_cores_and_how_registers_are_reached() {
    let (test, _turn) = turn!("an_encoder_tells_its_cores_and_how_registers_are_reached");
    for (generation, access) in GENERATIONS
        .into_iter()
        .zip([RegisterAccess::Mapping, RegisterAccess::Requests])
    {
        let _node = start(test, "vc8000e", generation);
        let mut encoder = encoder();
        assert_eq!(encoder.cores(), 1);
        assert_eq!(encoder.register_access(), access);
        let info = encoder.core_info(0).unwrap();
        assert_eq!(info.base(), vc::BASE.into());
        assert_eq!(info.registers(), vc::REGISTERS);
        let none = HantroError::Argument {
            name: "core",
            value: 1,
            end: 1,
        };
        assert_eq!(encoder.core_info(1), Err(none));
        for mask in [0, 2, 0xff] {
            let refusal = encoder.reserve(mask).map(|core| core.core()).unwrap_err();
            assert!(
                matches!(refusal, HantroError::Argument { end: 2, .. }),
                "{mask}"
            );
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
fn registers_are_read_and_written_by_request_where_the_driver_has_that() {
    let (test, _turn) =
        turn!("registers_are_read_and_written_by_request_where_the_driver_has_that");
    let write = |core: &mut Reservation<'_>, first, words: &[u32]| {
        // SAFETY: nothing acts upon these registers.
        unsafe { core.write_registers(first, words) }
    };
    {
        let _node = start(test, "vc8000e", "earlier");
        let mut encoder = encoder();
        let mut core = encoder.reserve(1).unwrap();
        let refusal = Err(HantroError::NoRegisterRequests);
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
        assert!(matches!(refusal, HantroError::Argument { .. }), "{refusal}");
        let refusal = write(&mut core, first, &words).unwrap_err();
        assert!(matches!(refusal, HantroError::Argument { .. }), "{refusal}");
    }
}

#[test]
#[expect(unsafe_code, reason = "a core is started")]
fn a_core_runs_and_tells_how_it_ended() {
    let (test, _turn) = turn!("a_core_runs_and_tells_how_it_ended");
    let enable = |core: &mut Reservation<'_>| {
        // SAFETY: nothing acts upon these registers.
        unsafe { core.enable() }
    };
    for generation in GENERATIONS {
        let mut node = start(test, "vc8000e", generation);
        let mut encoder = encoder();
        let mut core = encoder.reserve(1).unwrap();
        enable(&mut core).unwrap();
        until(&node, "enabled");
        // Finished while somebody waits: frame ready, and a bit that nobody has described.
        node.tell("finish 65541");
        let status = core.wait(deadline_in(60_000_000_000)).unwrap();
        assert!(status.contains(Status::FRAME_READY));
        assert_eq!(status.bits(), 65540);

        // Never finished.
        let begin = now_ns();
        assert_eq!(core.wait(0), Err(HantroError::TimedOut));
        assert!(now_ns() - begin >= 200_000_000);
        let deadline = deadline_in(500_000_000);
        assert_eq!(core.wait(deadline), Err(HantroError::TimedOut));
        assert!(now_ns() >= deadline);

        node.tell("suspend");
        assert_eq!(enable(&mut core), Err(HantroError::RegistersLost));
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
fn only_the_later_driver_lets_another_thread_give_a_core_back() {
    let (test, _turn) = turn!("only_the_later_driver_lets_another_thread_give_a_core_back");
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
fn wrong_answers_of_an_encoder_are_errors_with_the_request() {
    let (test, _turn) = turn!("wrong_answers_of_an_encoder_are_errors_with_the_request");
    let answer = |call, field, value| HantroError::Answer { call, field, value };
    {
        let mut node = start(test, "vc8000e", "later");
        for (text, value) in [("13:out=0", 0), ("13:out=4096", 4096), ("13:short", 0)] {
            lie(&mut node, text);
            let error = Vc8000e::open(NodeKind::Vc8000e.path()).unwrap_err();
            assert_eq!(
                error,
                answer("HX280ENC_IOCG_CORE_NUM", "number of cores", value)
            );
        }
    }
    let mut node = start(test, "vc8000e", "later");
    let mut encoder = encoder();
    for mask in [0, 2, 3, 255] {
        lie(&mut node, &format!("11:out={mask}"));
        let error = encoder.reserve(1).map(|core| core.core()).unwrap_err();
        assert_eq!(
            error,
            answer("HX280ENC_IOCH_ENC_RESERVE", "mask of cores", mask)
        );
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
        assert_eq!(error, answer("HX280ENC_IOCG_CORE_WAIT", "core", 7));
        let error = core.read_registers(0, &mut [0]).unwrap_err();
        assert_eq!(
            error,
            answer("HX280ENC_IOC_READ_REGS", "bytes not copied", 4)
        );
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
            answer("HX280ENC_IOCGHWIOSIZE", "bytes of registers", value)
        );
    }
    for (text, value) in [("3:out=0", 0), ("3:out=3", 3), ("3:short", 0)] {
        lie(&mut node, text);
        let error = encoder.core_info(0).unwrap_err();
        assert_eq!(
            error,
            answer("HX280ENC_IOCGHWOFFSET", "base address", value)
        );
    }
    // With no place for its registers the core is given back.
    encoder.reserve(1).map(|core| core.core()).unwrap_err();
    until(&node, "released");
    lie(&mut node, "11:result=-4");
    let error = encoder.reserve(1).map(|core| core.core()).unwrap_err();
    assert_eq!(error, HantroError::Interrupted);
}

#[test]
fn a_decoder_tells_its_cores_and_gives_them_power() {
    let (test, _turn) = turn!("a_decoder_tells_its_cores_and_gives_them_power");
    for generation in ["quad", "plus"] {
        let node = start(test, "decoder", generation);
        let mut decoder = decoder();
        assert_eq!(decoder.cores(), 2);
        for core in 0..2 {
            let info = decoder.core_info(core).unwrap();
            assert_eq!(info.base(), g1g2::BASES[core as usize].into());
            assert_eq!(info.registers(), MAX_REGISTERS);
        }
        assert!(matches!(
            decoder.core_info(2),
            Err(HantroError::Argument { end: 2, .. })
        ));
        assert!(matches!(
            decoder.asic_id(2),
            Err(HantroError::Argument { end: 2, .. })
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
            assert_eq!(core.wait(&mut registers), Err(HantroError::TimedOut));
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

    let answer = |call, field, value| HantroError::Answer { call, field, value };
    for (text, value) in [("8:out=0", 0), ("8:out=4096", 4096), ("8:short", 0)] {
        lie(&mut node, text);
        let error = HantroDecoder::open(NodeKind::Decoder.path()).unwrap_err();
        assert_eq!(
            error,
            answer("HANTRODEC_IOC_MC_CORES", "number of cores", value)
        );
    }
    {
        lie(&mut node, "15:result=3");
        lie(&mut node, "17:result=3");
        let mut core = one.reserve(Client::Hevc).unwrap();
        let mut registers = [0; MAX_REGISTERS];
        let left = "bytes not copied";
        let error = core.pull(&mut registers).unwrap_err();
        assert_eq!(error, answer("HANTRODEC_IOCS_DEC_PULL_REG", left, 3));
        let error = core.wait(&mut registers).unwrap_err();
        assert_eq!(error, answer("HANTRODEC_IOCX_DEC_WAIT", left, 3));
    }
    // More registers than the driver may copy: the core is given back.
    lie(&mut node, "4:out=2000");
    let reserve = |one: &mut HantroDecoder| one.reserve(Client::Hevc).map(|core| core.core());
    let bytes = "bytes of registers";
    assert_eq!(
        reserve(&mut one),
        Err(answer("HANTRODEC_IOCGHWIOSIZE", bytes, 2000))
    );
    lie(&mut node, "4:out=1060");
    assert_eq!(reserve(&mut one), Ok(1));
    lie(&mut node, "3:out=0");
    assert_eq!(
        one.core_info(1),
        Err(answer("HANTRODEC_IOCGHWOFFSET", "base address", 0))
    );
    lie(&mut node, "11:result=9");
    assert_eq!(
        reserve(&mut one),
        Err(answer("HANTRODEC_IOCH_DEC_RESERVE", "core", 9))
    );
    lie(&mut node, "21:result=77");
    assert_eq!(
        reserve(&mut one),
        Err(answer("HANTRODEC_IOCG_CORE_ID", "core", 77))
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

#[test]
#[expect(unsafe_code, reason = "registers are written")]
fn an_h1_is_driven_as_far_as_its_driver_goes() {
    let (test, _turn) = turn!("an_h1_is_driven_as_far_as_its_driver_goes");
    let open = || H1::open(NodeKind::H1.path()).unwrap();
    for generation in ["first", "latest"] {
        let mut node = start(test, "h1", generation);
        let mut encoder = open();
        let info = encoder.core_info().unwrap();
        assert_eq!(info.base(), h1::BASE.into());
        assert_eq!(info.registers(), h1::REGISTERS);
        let mut core = encoder.reserve().unwrap();
        assert_eq!(core.map().unwrap_err().errno(), Some(Errno::NODEV));
        let mut words = [0; 2];
        if generation == "first" {
            let refusal = Err(HantroError::NoRegisterRequests);
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
        assert!(matches!(end, HantroError::Argument { .. }));
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
        let call = "HX280ENC_IOCGHWIOSIZE";
        lie(&mut node, "4:out=8192");
        let error = encoder.reserve().map(|core| core.info()).unwrap_err();
        let field = "bytes of registers";
        assert_eq!(
            error,
            HantroError::Answer {
                call,
                field,
                value: 8192
            }
        );
    }
}

#[test]
fn a_dma_buf_has_the_address_that_its_driver_tells() {
    let (test, _turn) = turn!("a_dma_buf_has_the_address_that_its_driver_tells");
    let buffer = DmaHeap::open("system").unwrap().allocate(4096).unwrap();
    let mut node = start(test, "dmabuf_imx", "2415919104");
    assert_eq!(physical_address(buffer.as_fd()), Ok(0x9000_0000));
    lie(&mut node, "32:result=-14");
    let refusal = PhysicalError::NotOffered {
        node: Errno::FAULT,
        request: Errno::NOTTY,
    };
    assert_eq!(physical_address(buffer.as_fd()), Err(refusal));
    drop(node);
    let _node = start(test, "dmabuf_imx", "0");
    assert_eq!(
        physical_address(buffer.as_fd()),
        Err(PhysicalError::NotMapped)
    );
}
