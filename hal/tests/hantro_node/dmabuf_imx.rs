//! The driver that tells physical addresses of dma-bufs.

use std::time::Duration;

use rustix::io::Errno;
use videostream_sys::dmabuf_imx::DMABUF_GET_PHYS;

use super::{Answer, Driver, Wants};
use crate::cuse::Ioctl;

/// Tells one address of all buffers.
pub(crate) struct DmabufImx {
    address: u64,
}

impl DmabufImx {
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.parse().unwrap(),
        }
    }
}

impl Driver for DmabufImx {
    fn wants(&self, call: &Ioctl) -> Wants {
        match call.code {
            DMABUF_GET_PHYS => Wants::simple(call, 16, 16),
            _ => Wants::Refusal(Errno::NOTTY),
        }
    }

    fn answer(&mut self, call: &Ioctl, _: Duration) -> Answer {
        let mut data = call.input.clone();
        data[8..].copy_from_slice(&self.address.to_le_bytes());
        Answer::Done(0, data)
    }

    fn told(&mut self, line: &str) {
        panic!("told {line:?}");
    }
}
