//! Nodes of Hantro drivers, played by a process of their own, as the drivers' sources have them.
//!
//! A process of its own, because a request that waits holds its thread until it is answered, also
//! when the thread is killed. It tells what happens, line by line, and is told by standard input
//! what the hardware does.

pub(crate) mod decoder;
pub(crate) mod dmabuf_imx;
pub(crate) mod h1;
pub(crate) mod vc8000e;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fd::AsFd as _;
use rustix::io::Errno;

use crate::cuse::{Device, Event, Ioctl, Part};
use videostream_testing::process::{Process, say};

/// Interval at which waiting requests are checked.
const TICK: Duration = Duration::from_millis(10);

/// What the drivers return from a wait that a signal ends: the kernel makes the call again unless
/// the signal has a handler that does not want that.
const ERESTARTSYS: i32 = 512;

/// How long drivers wait for the hardware.
pub(crate) const HARDWARE_TIMEOUT: Duration = Duration::from_millis(200);

/// What a driver needs of the caller's memory before it can answer.
pub(crate) enum Wants {
    /// Nothing more.
    Nothing,
    /// These bytes, and that room.
    Memory(Vec<Part>, Vec<Part>),
    /// No memory can make it succeed.
    Refusal(Errno),
}

impl Wants {
    /// One integer or struct behind the argument.
    pub(crate) fn simple(call: &Ioctl, input: usize, output: usize) -> Self {
        if call.input.len() == input && call.room == output {
            return Self::Nothing;
        }
        let part = |len: usize| -> Vec<Part> {
            let some = (len > 0).then_some((call.argument, len));
            some.into_iter().collect()
        };
        Self::Memory(part(input), part(output))
    }
}

/// What a driver answers.
pub(crate) enum Answer {
    /// What the call returns, and what it writes.
    Done(i32, Vec<u8>),
    Error(Errno),
    /// Not yet; a signal may end it or not.
    Wait {
        interruptible: bool,
    },
}

impl Answer {
    pub(crate) const NOTHING: Self = Self::Done(0, Vec::new());

    pub(crate) fn number(value: u32) -> Self {
        Self::Done(0, value.to_le_bytes().to_vec())
    }
}

/// A driver.
pub(crate) trait Driver {
    fn open(&mut self, _handle: u64) -> Result<(), Errno> {
        Ok(())
    }
    fn close(&mut self, _handle: u64) {}
    fn wants(&self, call: &Ioctl) -> Wants;
    /// Answers; `waited` since it was asked first.
    fn answer(&mut self, call: &Ioctl, waited: Duration) -> Answer;
    /// What the hardware is told to do.
    fn told(&mut self, line: &str);
}

/// The number in a request's code.
pub(crate) fn number(code: u32) -> u32 {
    code & 0xff
}

/// The letter in a request's code.
pub(crate) fn letter(code: u32) -> u8 {
    (code >> 8) as u8
}

/// A little-endian number in the caller's memory.
pub(crate) fn u32_at(input: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(input[at..at + 4].try_into().unwrap())
}

/// An address in the caller's memory.
pub(crate) fn u64_at(input: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(input[at..at + 8].try_into().unwrap())
}

pub(crate) fn bytes_of(registers: &[u32]) -> Vec<u8> {
    registers
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

pub(crate) fn registers_of(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|word| u32_at(word, 0))
}

/// What it takes to read or write registers of encoders by request (`struct enc_regs_buffer` of
/// 64-bit machines).
pub(crate) fn registers_wanted(call: &Ioctl, read: bool, registers: usize) -> Wants {
    const STRUCT: usize = 32;

    let Some(desc) = call.input.get(..STRUCT) else {
        return Wants::Memory(vec![(call.argument, STRUCT)], Vec::new());
    };
    let (core, address) = (u32_at(desc, 0), u64_at(desc, 8));
    let (offset, size) = (u32_at(desc, 16), u32_at(desc, 20));
    let end = u64::from(offset) + u64::from(size);
    if core != 0 || size == 0 || end > 4 * registers as u64 {
        return Wants::Refusal(Errno::INVAL);
    }
    let size = size as usize;
    let whole = (call.argument, STRUCT);
    if read && call.room != size {
        return Wants::Memory(vec![whole], vec![(address, size)]);
    }
    if !read && call.input.len() != STRUCT + size {
        return Wants::Memory(vec![whole, (address, size)], Vec::new());
    }
    Wants::Nothing
}

/// How a driver lies about one request.
#[derive(Clone, Copy)]
enum Lie {
    /// Another number in the answer.
    Output(u64),
    /// Another result.
    Result(i32),
    /// Nothing written.
    Short,
}

impl Lie {
    fn read(text: &str) -> (u32, Self) {
        let (number, lie) = text.split_once(':').expect("NUMBER:LIE");
        let lie = match lie.split_once('=') {
            Some(("out", value)) => Self::Output(value.parse().unwrap()),
            Some(("result", value)) => Self::Result(value.parse().unwrap()),
            None if lie == "short" => Self::Short,
            _ => panic!("no such lie: {text}"),
        };
        (number.parse().unwrap(), lie)
    }
}

/// Starts a node in a process of its own; it is there when this returns, and gone, with the
/// requests that wait, when the process is dropped. `test` has to begin with [`play`].
pub(crate) fn start(test: &str, driver: &str, generation: &str) -> Process {
    let process = Process::start(test, &["node", driver, generation]);
    until(&process, "ready");
    process
}

/// Makes a node lie about one request from now on: `13:out=4096`, `19:result=7`, `4:short`.
pub(crate) fn lie(node: &mut Process, text: &str) {
    node.tell(&format!("lie {text}"));
    until(node, "lies");
}

/// What a process says before it says `line`.
pub(crate) fn until(process: &Process, line: &str) -> Vec<String> {
    let mut before = Vec::new();
    loop {
        match process.next() {
            said if said == line => return before,
            other => before.push(other),
        }
    }
}

/// Plays a node, in the process that a test has started for that.
pub(crate) fn play(role: &[String]) -> bool {
    let [node, driver, generation] = role else {
        return false;
    };
    if node != "node" {
        return false;
    }
    let (name, driver): (_, Box<dyn Driver>) = match driver.as_str() {
        "vc8000e" => (
            "mxc_hantro_vc8000e",
            Box::new(vc8000e::Vc8000e::new(generation)),
        ),
        "decoder" => ("mxc_hantro", Box::new(decoder::Decoder::new(generation))),
        "h1" => ("mxc_hantro_h1", Box::new(h1::H1::new(generation))),
        "dmabuf_imx" => (
            "dmabuf_imx",
            Box::new(dmabuf_imx::DmabufImx::new(generation)),
        ),
        other => panic!("no driver {other}"),
    };
    serve(Device::create(name), name, driver);
    true
}

/// A request that has not been answered.
struct Waiting {
    call: Ioctl,
    since: Instant,
    interruptible: bool,
}

fn serve(mut device: Device, name: &str, mut driver: Box<dyn Driver>) {
    assert!(Path::new("/dev").join(name).exists());
    let mut orders = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut line = Vec::new();
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut lies = BTreeMap::new();
    let mut handles = 0;
    say("ready");
    loop {
        let timeout = (!waiting.is_empty()).then_some(TICK);
        match device.next(&orders, timeout) {
            Some(Event::Open { id }) => {
                handles += 1;
                match driver.open(handles) {
                    Ok(()) => device.opened(id, handles),
                    Err(errno) => device.fail(id, errno),
                }
            }
            Some(Event::Close { id, handle }) => {
                driver.close(handle);
                device.closed(id);
            }
            Some(Event::Interrupt { of }) => {
                waiting.retain(|one| {
                    let ends = one.call.id == of && one.interruptible;
                    if ends {
                        say("interrupted");
                        device.answer(of, -ERESTARTSYS, &[]);
                    }
                    !ends
                });
            }
            Some(Event::Ioctl(call)) => match driver.wants(&call) {
                Wants::Memory(inputs, outputs) => device.retry(call.id, &inputs, &outputs),
                Wants::Refusal(errno) => device.fail(call.id, errno),
                Wants::Nothing => {
                    let first = Waiting {
                        call,
                        since: Instant::now(),
                        interruptible: false,
                    };
                    if let Some(left) = attempt(&device, &mut *driver, first, &lies) {
                        if left.interruptible {
                            say("waiting");
                        }
                        waiting.push(left);
                    }
                }
            },
            None => {
                if !told(&mut orders, &mut line, &mut lies, &mut *driver) {
                    return;
                }
            }
        }
        // Whatever happened may be what some wait for.
        waiting = waiting
            .into_iter()
            .filter_map(|one| attempt(&device, &mut *driver, one, &lies))
            .collect();
    }
}

/// Lets the driver answer; gives back what has to wait.
fn attempt(
    device: &Device,
    driver: &mut dyn Driver,
    one: Waiting,
    lies: &BTreeMap<u32, Lie>,
) -> Option<Waiting> {
    let id = one.call.id;
    match driver.answer(&one.call, one.since.elapsed()) {
        Answer::Error(errno) => device.fail(id, errno),
        Answer::Done(mut result, mut output) => {
            match lies.get(&number(one.call.code)) {
                Some(Lie::Output(value)) => {
                    let len = output.len().min(8);
                    output[..len].copy_from_slice(&value.to_le_bytes()[..len]);
                }
                Some(Lie::Result(other)) => result = *other,
                Some(Lie::Short) => output.clear(),
                None => {}
            }
            device.answer(id, result, &output);
        }
        Answer::Wait { interruptible } => {
            return Some(Waiting {
                interruptible,
                ..one
            });
        }
    }
    None
}

/// Reads what the test says; false when it says no more.
fn told(
    orders: &mut File,
    line: &mut Vec<u8>,
    lies: &mut BTreeMap<u32, Lie>,
    driver: &mut dyn Driver,
) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(&*orders, PollFlags::IN)];
    if poll(&mut fds, Some(&Timespec::default())).unwrap() == 0 {
        return true;
    }
    let mut buffer = [0; 256];
    let len = orders.read(&mut buffer).unwrap();
    for &byte in &buffer[..len] {
        if byte == b'\n' {
            let text = std::str::from_utf8(line).unwrap();
            if let Some(lie) = text.strip_prefix("lie ") {
                lies.extend([Lie::read(lie)]);
                say("lies");
            } else {
                driver.told(text);
            }
            line.clear();
        } else {
            line.push(byte);
        }
    }
    len > 0
}
