//! The H1 driver: the first, and the latest.

use std::time::Duration;

use rustix::io::Errno;
use videostream_sys::hx280enc as sys;
use videostream_testing::process::say;

use super::{Answer, Driver, HARDWARE_TIMEOUT, Wants, bytes_of, registers_of, u32_at};
use crate::cuse::Ioctl;
use crate::hantro_node::registers_wanted;

pub(crate) const BASE: u32 = 0x3832_0000;
pub(crate) const REGISTERS: usize = 500;
/// Register 0.
pub(crate) const PRODUCT: u32 = 0x4832_0100;

/// `struct enc_regs_buffer` of 64-bit machines.
const STRUCT: usize = 32;

pub(crate) struct H1 {
    latest: bool,
    owner: Option<u64>,
    registers: Vec<u32>,
    finished: bool,
}

impl H1 {
    pub(crate) fn new(generation: &str) -> Self {
        let mut registers = vec![0; REGISTERS];
        registers[0] = PRODUCT;
        Self {
            latest: match generation {
                "first" => false,
                "latest" => true,
                other => panic!("no generation {other}"),
            },
            owner: None,
            registers,
            finished: false,
        }
    }
}

impl Driver for H1 {
    fn close(&mut self, handle: u64) {
        if self.owner == Some(handle) {
            self.owner = None;
            say("released");
        }
        say("closed");
    }

    /// Whole codes are compared.
    fn wants(&self, call: &Ioctl) -> Wants {
        let output = match call.code {
            sys::HX280ENC_IOCGHWOFFSET => 8,
            sys::HX280ENC_IOCGHWIOSIZE => 4,
            sys::HX280ENC_IOCG_CORE_WAIT => 4 * REGISTERS,
            sys::HX280ENC_IOC_WRITE_REGS | sys::HX280ENC_IOC_READ_REGS if self.latest => {
                return registers_wanted(call, call.code == sys::HX280ENC_IOC_READ_REGS, REGISTERS);
            }
            _ => return Wants::Nothing,
        };
        Wants::simple(call, 0, output)
    }

    fn answer(&mut self, call: &Ioctl, waited: Duration) -> Answer {
        match call.code {
            sys::HX280ENC_IOCGHWOFFSET => Answer::Done(0, u64::from(BASE).to_le_bytes().to_vec()),
            sys::HX280ENC_IOCGHWIOSIZE => Answer::number(4 * REGISTERS as u32),
            sys::HX280ENC_IOCG_CORE_WAIT => {
                if self.finished {
                    self.finished = false;
                    return Answer::Done(0, bytes_of(&self.registers));
                }
                if waited >= HARDWARE_TIMEOUT {
                    return Answer::Error(Errno::PERM);
                }
                Answer::Wait {
                    interruptible: false,
                }
            }
            // What the first driver does not know it does successfully.
            _ if !self.latest => Answer::NOTHING,
            sys::HX280ENC_IOCH_ENC_RESERVE => {
                if self.owner.is_some() {
                    return Answer::Wait {
                        interruptible: true,
                    };
                }
                self.owner = Some(call.handle);
                say("reserved");
                Answer::NOTHING
            }
            sys::HX280ENC_IOCH_ENC_RELEASE => {
                self.owner = None;
                say("released");
                Answer::NOTHING
            }
            sys::HX280ENC_IOC_WRITE_REGS => {
                let first = u32_at(&call.input, 16) as usize / 4;
                let values = registers_of(&call.input[STRUCT..]);
                for (register, value) in self.registers[first..].iter_mut().zip(values) {
                    *register = value;
                }
                Answer::NOTHING
            }
            sys::HX280ENC_IOC_READ_REGS => {
                let first = u32_at(&call.input, 16) as usize / 4;
                let count = u32_at(&call.input, 20) as usize / 4;
                Answer::Done(0, bytes_of(&self.registers[first..first + count]))
            }
            sys::HX280ENC_IOCG_EN_CORE => {
                say("enabled");
                Answer::NOTHING
            }
            _ => Answer::NOTHING,
        }
    }

    fn told(&mut self, line: &str) {
        assert_eq!(line, "finish");
        self.finished = true;
    }
}
