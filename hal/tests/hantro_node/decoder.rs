//! The G1 and G2 decoder driver: that of i.MX8M Quad, and that of Mini and Plus.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::io::Errno;
use videostream_sys::hantrodec as sys;

use super::{Answer, Driver, HARDWARE_TIMEOUT, Wants, bytes_of, registers_of, u32_at, u64_at};
use crate::cuse::{Ioctl, Part};
use videostream_testing::process::say;

pub(crate) const BASES: [u32; 2] = [0x3830_0000, 0x3831_0000];
/// Registers 0.
pub(crate) const PRODUCTS: [u32; 2] = [0x6731_2398, 0x6732_5006];
pub(crate) const REGISTERS: usize = 265;
const BYTES: usize = 4 * REGISTERS;

/// `struct core_desc` of 64-bit machines.
const STRUCT: usize = 24;
/// Registers of G1 that the driver copies, as ranges of words.
const G1_PARTS: [(usize, usize); 2] = [(0, 60), (119, 146)];
/// Handles at once on Mini and Plus.
const MAX_HANDLES: usize = 32;

pub(crate) struct Decoder {
    /// One core at a time, all with power.
    quad: bool,
    cores: [Core; 2],
    handles: BTreeSet<u64>,
}

struct Core {
    owner: Option<u64>,
    /// Handles that have asked for power.
    power: BTreeSet<u64>,
    registers: Vec<u32>,
    /// Register 1 when it has finished.
    finished: Option<u32>,
}

impl Decoder {
    pub(crate) fn new(generation: &str) -> Self {
        Self {
            quad: match generation {
                "quad" => true,
                "plus" => false,
                other => panic!("no generation {other}"),
            },
            cores: PRODUCTS.map(|product| {
                let mut registers = vec![0; REGISTERS];
                registers[0] = product;
                Core {
                    owner: None,
                    power: BTreeSet::new(),
                    registers,
                    finished: None,
                }
            }),
            handles: BTreeSet::new(),
        }
    }

    fn core_for(client: u64) -> Option<usize> {
        match client {
            11 | 12 => Some(1),
            1..=10 => Some(0),
            _ => None,
        }
    }

    fn free(&mut self, core: usize) {
        self.cores[core].owner = None;
        self.cores[core].finished = None;
        say(format!("released {core}"));
    }

    /// An access to a core without power hangs the bus of a real machine.
    fn has_power(&self, core: usize, call: &Ioctl) -> bool {
        let has = self.quad || self.cores[core].power.contains(&call.handle);
        if !has {
            say("no power");
        }
        has
    }

    fn registers_wanted(call: &Ioctl) -> Wants {
        let Some(desc) = call.input.get(..STRUCT) else {
            return Wants::Memory(vec![(call.argument, STRUCT)], Vec::new());
        };
        let (core, registers, size) = (u32_at(desc, 0), u64_at(desc, 8), u32_at(desc, 16));
        if core > 1 || size as usize != BYTES {
            return Wants::Refusal(Errno::FAULT);
        }
        let whole = (call.argument, STRUCT);
        if call.code == sys::HANTRODEC_IOCS_DEC_PUSH_REG {
            if call.input.len() == STRUCT + BYTES {
                return Wants::Nothing;
            }
            return Wants::Memory(vec![whole, (registers, BYTES)], Vec::new());
        }
        let parts: Vec<Part> = copied(core)
            .iter()
            .map(|&(from, to)| (registers + 4 * from as u64, 4 * (to - from)))
            .collect();
        if call.room == parts.iter().map(|&(_, len)| len).sum::<usize>() {
            return Wants::Nothing;
        }
        Wants::Memory(vec![whole], parts)
    }

    fn pulled(&self, core: usize) -> Answer {
        let registers = &self.cores[core].registers;
        let parts = copied(core as u32).iter();
        let bytes = parts.flat_map(|&(from, to)| bytes_of(&registers[from..to]));
        Answer::Done(0, bytes.collect())
    }
}

/// The registers that the driver copies, as ranges of words.
fn copied(core: u32) -> &'static [(usize, usize)] {
    if core == 0 {
        &G1_PARTS
    } else {
        &[(0, REGISTERS)]
    }
}

impl Driver for Decoder {
    fn open(&mut self, handle: u64) -> Result<(), Errno> {
        if !self.quad && self.handles.len() == MAX_HANDLES {
            return Err(Errno::NOMEM);
        }
        self.handles.insert(handle);
        Ok(())
    }

    fn close(&mut self, handle: u64) {
        self.handles.remove(&handle);
        for core in 0..2 {
            self.cores[core].power.remove(&handle);
            if self.cores[core].owner == Some(handle) {
                self.free(core);
            }
        }
        say("closed");
    }

    /// Whole codes are compared.
    fn wants(&self, call: &Ioctl) -> Wants {
        let (input, output) = match call.code {
            sys::HANTRODEC_IOCGHWOFFSET
            | sys::HANTRODEC_IOCGHWIOSIZE
            | sys::HANTRODEC_IOX_ASIC_ID => (4, 4),
            sys::HANTRODEC_IOC_MC_CORES => (0, 4),
            sys::HANTRODEC_IOCS_DEC_PUSH_REG
            | sys::HANTRODEC_IOCS_DEC_PULL_REG
            | sys::HANTRODEC_IOCX_DEC_WAIT => return Self::registers_wanted(call),
            sys::HANTRODEC_IOCH_DEC_RESERVE
            | sys::HANTRODEC_IOCT_DEC_RELEASE
            | sys::HANTRODEC_IOCG_CORE_ID => return Wants::Nothing,
            _ => return Wants::Refusal(Errno::NOTTY),
        };
        Wants::simple(call, input, output)
    }

    fn answer(&mut self, call: &Ioctl, waited: Duration) -> Answer {
        let number = || u32_at(&call.input, 0) as usize;
        match call.code {
            sys::HANTRODEC_IOC_MC_CORES => Answer::number(2),
            sys::HANTRODEC_IOCG_CORE_ID => match Self::core_for(call.argument) {
                Some(core) => {
                    self.cores[core].power.insert(call.handle);
                    Answer::Done(core as i32, Vec::new())
                }
                None => Answer::Error(Errno::FAULT),
            },
            sys::HANTRODEC_IOCH_DEC_RESERVE => {
                let Some(core) = Self::core_for(call.argument) else {
                    return Answer::Error(Errno::FAULT);
                };
                let taken = |core: usize| self.cores[core].owner.is_some();
                if taken(core) || self.quad && taken(1 - core) {
                    return Answer::Wait {
                        interruptible: true,
                    };
                }
                self.cores[core].owner = Some(call.handle);
                say(format!("reserved {core}"));
                Answer::Done(core as i32, Vec::new())
            }
            sys::HANTRODEC_IOCT_DEC_RELEASE => {
                let core = call.argument as usize;
                let owner = self.cores.get(core).and_then(|core| core.owner);
                if owner != Some(call.handle) {
                    return Answer::Error(Errno::FAULT);
                }
                self.free(core);
                Answer::NOTHING
            }
            _ if number() > 1 => Answer::Error(Errno::FAULT),
            sys::HANTRODEC_IOCGHWOFFSET => Answer::number(BASES[number()]),
            sys::HANTRODEC_IOCGHWIOSIZE => Answer::number(BYTES as u32),
            _ if !self.has_power(number(), call) => Answer::Error(Errno::IO),
            sys::HANTRODEC_IOX_ASIC_ID => Answer::number(self.cores[number()].registers[0]),
            sys::HANTRODEC_IOCS_DEC_PUSH_REG => {
                let core = number();
                let values = registers_of(&call.input[STRUCT..]);
                // Register 0 is read only.
                let registers = self.cores[core].registers.iter_mut();
                for (register, value) in registers.zip(values).skip(1) {
                    *register = value;
                }
                if self.cores[core].registers[1] & 1 == 1 {
                    say(format!("started {core}"));
                }
                Answer::NOTHING
            }
            sys::HANTRODEC_IOCS_DEC_PULL_REG => self.pulled(number()),
            sys::HANTRODEC_IOCX_DEC_WAIT => {
                let core = number();
                if let Some(status) = self.cores[core].finished.take() {
                    self.cores[core].registers[1] = status;
                    return self.pulled(core);
                }
                if waited >= HARDWARE_TIMEOUT {
                    self.cores[core].registers[1] = 0x4_0100;
                    return self.pulled(core);
                }
                Answer::Wait {
                    interruptible: false,
                }
            }
            _ => unreachable!("refused before"),
        }
    }

    fn told(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let ["finish", core, status] = words[..] else {
            panic!("told {line:?}");
        };
        self.cores[core.parse::<usize>().unwrap()].finished = Some(status.parse().unwrap());
    }
}
