//! The VC8000E driver, earlier and later.

use std::time::Duration;

use rustix::io::Errno;

use super::{
    Answer, Driver, HARDWARE_TIMEOUT, Wants, bytes_of, letter, number, registers_of,
    registers_wanted, u32_at,
};
use crate::cuse::Ioctl;
use videostream_testing::process::say;

pub(crate) const BASE: u32 = 0x3832_0000;
pub(crate) const REGISTERS: usize = 500;
/// Register 0.
pub(crate) const PRODUCT: u32 = 0x8000_6010;

/// `struct enc_regs_buffer` of 64-bit machines.
const STRUCT: usize = 32;

pub(crate) struct Vc8000e {
    /// Whether a core belongs to the handle, and registers are read and written by request.
    later: bool,
    core: Core,
    /// The machine was suspended since the registers were written.
    suspended: bool,
}

struct Core {
    /// A thread or a handle, with the handle that it came through.
    owner: Option<(u64, u64)>,
    registers: Vec<u32>,
    interrupt: Option<u32>,
}

impl Vc8000e {
    pub(crate) fn new(generation: &str) -> Self {
        let mut registers = vec![0; REGISTERS];
        registers[0] = PRODUCT;
        Self {
            later: match generation {
                "earlier" => false,
                "later" => true,
                other => panic!("no generation {other}"),
            },
            core: Core {
                owner: None,
                registers,
                interrupt: None,
            },
            suspended: false,
        }
    }

    fn who(&self, call: &Ioctl) -> u64 {
        if self.later {
            call.handle
        } else {
            call.thread.into()
        }
    }

    fn owns(&self, call: &Ioctl) -> bool {
        self.core
            .owner
            .is_some_and(|(who, _)| who == self.who(call))
    }

    fn free(&mut self) {
        self.core.owner = None;
        self.core.interrupt = None;
        say("released");
    }
}

impl Driver for Vc8000e {
    fn close(&mut self, handle: u64) {
        if self.core.owner.is_some_and(|(_, from)| from == handle) {
            self.free();
        }
        say("closed");
    }

    /// Only the number is looked at, and the letter.
    fn wants(&self, call: &Ioctl) -> Wants {
        let number = number(call.code);
        if letter(call.code) != b'k' || number > 30 {
            return Wants::Refusal(Errno::NOTTY);
        }
        let (input, output) = match number {
            // Early drivers write an unsigned long.
            3 if !self.later => (4, 8),
            3 | 4 | 11 | 19 => (4, 4),
            12 | 14 => (4, 0),
            13 => (0, 4),
            20 | 21 if self.later => return registers_wanted(call, number == 21, REGISTERS),
            _ => return Wants::Nothing,
        };
        Wants::simple(call, input, output)
    }

    fn answer(&mut self, call: &Ioctl, waited: Duration) -> Answer {
        let argument = || u32_at(&call.input, 0);
        match number(call.code) {
            3 | 4 if argument() != 0 => Answer::Error(Errno::FAULT),
            3 if self.later => Answer::number(BASE),
            3 => Answer::Done(0, u64::from(BASE).to_le_bytes().to_vec()),
            4 => Answer::number(4 * REGISTERS as u32),
            11 => {
                let amount = (argument() >> 28 & 7) + 1;
                if argument() & 1 == 0 || amount != 1 {
                    return Answer::Error(Errno::FAULT);
                }
                if self.core.owner.is_some() {
                    return Answer::Wait {
                        interruptible: true,
                    };
                }
                self.core.owner = Some((self.who(call), call.handle));
                say("reserved");
                Answer::number(1)
            }
            12 if self.owns(call) && argument() & 1 == 1 => {
                self.free();
                Answer::NOTHING
            }
            12 => {
                say("released in vain");
                Answer::NOTHING
            }
            13 => Answer::number(1),
            14 if !self.owns(call) => Answer::Error(Errno::PERM),
            14 if self.suspended => {
                self.suspended = false;
                Answer::Error(Errno::AGAIN)
            }
            14 => {
                self.core.registers[5] |= 1;
                say("enabled");
                Answer::NOTHING
            }
            19 => match self.core.interrupt {
                _ if argument() & 1 == 0 || self.core.owner.is_none() => {
                    Answer::Done(-1, vec![0; 4])
                }
                Some(status) => {
                    self.core.interrupt = None;
                    Answer::Done(0, (status & !1).to_le_bytes().to_vec())
                }
                None if waited >= HARDWARE_TIMEOUT => Answer::Done(-1, vec![0; 4]),
                None => Answer::Wait {
                    interruptible: false,
                },
            },
            20 if self.later => {
                let first = u32_at(&call.input, 16) as usize / 4;
                let values = registers_of(&call.input[STRUCT..]);
                for (register, value) in self.core.registers[first..].iter_mut().zip(values) {
                    *register = value;
                }
                Answer::NOTHING
            }
            21 if self.later => {
                let first = u32_at(&call.input, 16) as usize / 4;
                let count = u32_at(&call.input, 20) as usize / 4;
                Answer::Done(0, bytes_of(&self.core.registers[first..first + count]))
            }
            // What the driver does not know it does successfully.
            _ => Answer::NOTHING,
        }
    }

    fn told(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("finish", status)) => {
                self.core.registers[5] &= !1;
                self.core.interrupt = Some(status.parse().unwrap());
            }
            None if line == "suspend" => {
                self.suspended = true;
                say("suspended");
            }
            _ => panic!("told {line:?}"),
        }
    }
}
