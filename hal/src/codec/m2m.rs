//! Both queues of a device that works from memory to memory, over one descriptor.

use core::cell::Cell;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;

use super::places::{Memory, Places};
use super::{Buffers, Done, Side};
use crate::v4l2::control::id;
use crate::v4l2::queue::{Content, MAX_BUFFERS};
use crate::v4l2::{Caps, Device, Error, ErrorKind, EventKind, Ready, wait};

const _: () = assert!(MAX_BUFFERS == 32, "the sets of buffers are 32 bits");

/// Both queues of a device that works from memory to memory: `Output` feeds the hardware,
/// `Capture` takes from it.
///
/// # Invariants
/// A bit of `free` stands for a buffer of the output queue that the driver does not have, one of
/// `parked` for a buffer of the capture queue that was given back after the end, one of `out`
/// for a buffer of the capture queue that the program has.
#[derive(Debug)]
pub struct M2m {
    output: Side<Device>,
    /// On a descriptor of its own of the same open file: a queue owns its device.
    capture: Side<OwnedFd>,
    free: Cell<u32>,
    out: Cell<u32>,
    parked: Cell<u32>,
    /// Whether buffers that come back are parked.
    ended: Cell<bool>,
    places: Places,
}

impl M2m {
    /// Takes a device whose two queues share a handle.
    ///
    /// # Errors
    /// [`Error::WrongKind`]: it is something else; `EMFILE`.
    pub(super) fn new(device: Device) -> Result<Self, Error> {
        let caps = device.capabilities().caps();
        // Old drivers set both directions instead of the bit of their own.
        let both = caps.intersects(Caps::VIDEO_CAPTURE | Caps::VIDEO_CAPTURE_MPLANE)
            && caps.intersects(Caps::VIDEO_OUTPUT | Caps::VIDEO_OUTPUT_MPLANE);
        let types = device.output_type().zip(device.capture_type());
        let Some((output, capture)) =
            types.filter(|_| both || caps.intersects(Caps::VIDEO_M2M | Caps::VIDEO_M2M_MPLANE))
        else {
            let kind = device.kind();
            return Err(Error::WrongKind { kind });
        };
        let second = fcntl_dupfd_cloexec(&device, 0).map_err(|e| Error::system("fcntl", e))?;
        Ok(Self {
            output: Side::new(device, output),
            capture: Side::new(second, capture),
            free: Cell::new(0),
            out: Cell::new(0),
            parked: Cell::new(0),
            ended: Cell::new(false),
            places: Places::default(),
        })
    }

    /// The device: capabilities, formats, controls.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.output.device()
    }

    /// The queue that feeds the hardware.
    #[must_use]
    pub const fn output(&self) -> &Side<Device> {
        &self.output
    }

    /// The queue that feeds the hardware, to give its buffers memory.
    #[must_use]
    pub const fn output_mut(&mut self) -> &mut Side<Device> {
        &mut self.output
    }

    /// The queue that takes from the hardware.
    #[must_use]
    pub const fn capture(&self) -> &Side<OwnedFd> {
        &self.capture
    }

    /// The queue that takes from the hardware, to give its buffers memory.
    #[must_use]
    pub const fn capture_mut(&mut self) -> &mut Side<OwnedFd> {
        &mut self.capture
    }

    /// Waits for both directions and events with one `poll`.
    ///
    /// Ask for [`Ready::OUTPUT`] only while there is something to submit and no free buffer, for
    /// [`Ready::CAPTURE`] only while the capture queue streams: a finished buffer that nobody
    /// takes keeps the device ready.
    ///
    /// # Errors
    /// [`Error::TimedOut`] at the deadline; what `poll` answers.
    pub fn wait(&self, wanted: Ready, deadline_ns: Option<u64>) -> Result<Ready, Error> {
        wait(self.as_fd(), wanted, deadline_ns)
    }

    /// A buffer to fill and submit, if the driver has finished with one; never waits.
    ///
    /// # Errors
    /// See [`dqbuf`](crate::v4l2::ioctl::dqbuf).
    pub fn free_input(&self) -> Result<Option<u32>, Error> {
        if self.free.get() == 0 {
            self.collect_one()?;
        }
        let free = self.free.get();
        Ok((free != 0).then(|| free.trailing_zeros()))
    }

    /// Whether the program may fill and submit a buffer, as far as is known without asking.
    #[must_use]
    pub const fn is_free(&self, index: u32) -> bool {
        index < MAX_BUFFERS as u32 && self.free.get() & (1 << index) != 0
    }

    /// Takes back what the driver has finished reading. [`M2m::free_input`] does it by itself
    /// when it has nothing else.
    ///
    /// # Errors
    /// See [`dqbuf`](crate::v4l2::ioctl::dqbuf).
    pub fn collect(&self) -> Result<(), Error> {
        while self.collect_one()? {}
        Ok(())
    }

    /// Whether a buffer of the output queue came back.
    fn collect_one(&self) -> Result<bool, Error> {
        if !self.output.is_streaming() || self.output.queued() == 0 {
            return Ok(false);
        }
        match self.output.dequeue() {
            Ok(buffer) => {
                self.free.set(self.free.get() | 1 << buffer.index);
                Ok(true)
            }
            // Some drivers report the end of a drain on this queue, too.
            Err(error) => match error.kind() {
                ErrorKind::NotReady | ErrorKind::EndOfStream => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Waits for a buffer to fill and submit.
    ///
    /// # Errors
    /// [`Error::TimedOut`] at the deadline; those of [`M2m::free_input`].
    pub fn next_input(&self, deadline_ns: Option<u64>) -> Result<u32, Error> {
        loop {
            if let Some(index) = self.free_input()? {
                return Ok(index);
            }
            let ready = self.wait(Ready::OUTPUT, deadline_ns)?;
            if ready.contains(Ready::ERROR) && self.free_input()?.is_none() {
                return Err(Error::system("VIDIOC_DQBUF", rustix::io::Errno::AGAIN));
            }
        }
    }

    /// A free buffer of the output queue that has this memory, one dma-buf for each memory plane; never
    /// waits. For queues with imported memory, and pictures that come from elsewhere: memory that was here before
    /// comes to the same buffer, so that the driver can keep its mapping; new memory to one that has none yet, else
    /// to the one whose memory was not used for longest.
    ///
    /// `None` while the driver has that buffer, or all of them: wait for [`Ready::OUTPUT`].
    ///
    /// # Errors
    /// Those of [`Side::import`] and [`M2m::free_input`]; [`Error::Argument`] for a descriptor of no memory.
    pub fn place(&mut self, planes: &[BorrowedFd<'_>]) -> Result<Option<u32>, Error> {
        let memory = Memory::of(planes)?;
        if let Some(index) = self.places.find(&memory) {
            if !self.is_free(index) {
                self.collect()?;
            }
            return Ok(Some(index).filter(|&index| self.is_free(index)));
        }
        if self.free_input()?.is_none() {
            return Ok(None);
        }
        let Some(index) = self.places.choose(bits(self.free.get())) else {
            return Ok(None);
        };
        self.output.import(index, planes)?;
        self.places.set(index, memory);
        Ok(Some(index))
    }

    /// Hands a free buffer with content to the hardware.
    ///
    /// # Errors
    /// See [`qbuf`](crate::v4l2::ioctl::qbuf); [`Error::Argument`] when the driver has it. The buffer stays free.
    pub fn submit(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        if !self.is_free(index) {
            return Err(Error::Argument {
                name: "index of a free buffer",
                value: index.into(),
            });
        }
        self.output.queue_content(index, content)?;
        self.free.set(self.free.get() & !(1 << index));
        Ok(())
    }

    /// Allocates the buffers of the output queue; all are free.
    pub(super) fn allocate_output(&mut self, buffers: Buffers) -> Result<(), Error> {
        let buffers = self.with_minimum(buffers, id::MIN_BUFFERS_FOR_OUTPUT);
        self.output.allocate(buffers)?;
        self.free.set(all(self.output.count()));
        self.places.reset(self.output.count());
        Ok(())
    }

    /// Allocates the buffers of the capture queue.
    pub(super) fn allocate_capture(&mut self, buffers: Buffers) -> Result<(), Error> {
        let buffers = self.with_minimum(buffers, id::MIN_BUFFERS_FOR_CAPTURE);
        self.out.set(0);
        self.parked.set(0);
        self.capture.allocate(buffers)
    }

    /// As many buffers as are asked for beside those that the driver keeps.
    fn with_minimum(&self, buffers: Buffers, minimum: u32) -> Buffers {
        let keeps = match self.device().control(minimum) {
            Ok(Some(info)) => self.device().control_value(&info).unwrap_or(0),
            _ => 0,
        };
        let keeps = u32::try_from(keeps).unwrap_or(0);
        let count = buffers.count.saturating_add(keeps).min(MAX_BUFFERS as u32);
        Buffers { count, ..buffers }
    }

    /// Queues every capture buffer that the program does not have, and starts that queue.
    pub(super) fn start_capture(&mut self) -> Result<(), Error> {
        let here = all(self.capture.count()) & !self.out.get();
        self.ended.set(false);
        self.parked.set(0);
        for index in bits(here) {
            if let Err(error) = self.capture.queue_content(index, &Content::default()) {
                let _ = self.stop_capture();
                return Err(error);
            }
        }
        self.capture.stream_on()
    }

    pub(super) fn start_output(&mut self) -> Result<(), Error> {
        self.output.stream_on()
    }

    /// Stops the capture queue; what was finished and not taken is lost.
    pub(super) fn stop_capture(&mut self) -> Result<(), Error> {
        self.capture.stream_off()
    }

    /// Stops the output queue; what was submitted and not processed is lost.
    pub(super) fn stop_output(&mut self) -> Result<(), Error> {
        self.output.stream_off()?;
        self.free.set(all(self.output.count()));
        Ok(())
    }

    /// Stops both queues and frees their buffers.
    pub(super) fn stop_all(&mut self) -> Result<(), Error> {
        self.capture.free()?;
        self.output.free()?;
        self.free.set(0);
        Ok(())
    }

    /// Frees the capture buffers.
    pub(super) fn free_capture(&mut self) -> Result<(), Error> {
        self.capture.free()
    }

    /// The capture buffer that was finished first; never waits.
    pub(super) fn take(&self) -> Result<Done<'_>, Error> {
        let buffer = self.capture.dequeue()?;
        self.out.set(self.out.get() | 1 << buffer.index);
        Ok(Done::new(self, buffer))
    }

    /// From now on capture buffers that come back are parked: the driver wants none.
    pub(super) fn end(&self) {
        self.ended.set(true);
    }

    /// After a command to go on, gives the driver the buffers that were parked; with `restart`, by
    /// stopping and starting the queue.
    pub(super) fn go_on(&mut self, restart: bool) -> Result<(), Error> {
        if restart {
            self.stop_capture()?;
            return self.start_capture();
        }
        self.ended.set(false);
        for index in bits(self.parked.replace(0)) {
            self.capture.queue_content(index, &Content::default())?;
        }
        Ok(())
    }

    /// Gives back a capture buffer that was kept by [`Done::into_index`].
    ///
    /// # Errors
    /// See [`qbuf`](crate::v4l2::ioctl::qbuf); [`Error::Argument`] when the program does not have it.
    pub fn give_back(&self, index: u32) -> Result<(), Error> {
        if index >= MAX_BUFFERS as u32 || self.out.get() & (1 << index) == 0 {
            return Err(Error::Argument {
                name: "index of a kept buffer",
                value: index.into(),
            });
        }
        self.out.set(self.out.get() & !(1 << index));
        if self.ended.get() {
            self.parked.set(self.parked.get() | 1 << index);
            return Ok(());
        }
        self.capture.queue_content(index, &Content::default())
    }

    /// Takes all events; whether one said that the stream has another format now.
    pub(super) fn source_changed(&self) -> Result<bool, Error> {
        let mut changed = false;
        while let Some(event) = self.device().next_event()? {
            if let EventKind::SourceChange { resolution, .. } = event.kind {
                changed |= resolution;
            }
        }
        Ok(changed)
    }
}

impl AsFd for M2m {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.output.fd()
    }
}

/// A set of the first `count` buffers.
fn all(count: u32) -> u32 {
    u32::MAX.checked_shr(32 - count.min(32)).unwrap_or(0)
}

/// The numbers in a set.
fn bits(mut set: u32) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let lowest = (set != 0).then(|| set.trailing_zeros())?;
        set &= set - 1;
        Some(lowest)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn sets_of_buffers_hold_none_to_all() {
        assert_eq!(all(0), 0);
        assert_eq!(all(3), 0b111);
        assert_eq!(all(32), u32::MAX);
        assert_eq!(bits(0b1010_0001).collect::<Vec<_>>(), [0, 5, 7]);
        assert_eq!(bits(u32::MAX).count(), 32);
    }

    #[test]
    fn a_device_that_is_none_is_refused() {
        assert!(Device::open("/dev/null").and_then(M2m::new).is_err());
    }
}
