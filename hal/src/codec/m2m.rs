//! Both queues of a memory-to-memory device.

use core::cell::Cell;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;

use super::imported_memory::{ImportedMemory, Memory};
use super::{Buffers, CodecQueue, FinishedBuffer};
use crate::bits::ones;
use crate::v4l2::control::id;
use crate::v4l2::queue::{Content, MAX_BUFFERS};
use crate::v4l2::{Caps, Device, EventKind, Ready, wait};
use crate::{Call, Error, ErrorKind};

const _: () = assert!(MAX_BUFFERS == 32, "the sets of buffers are 32 bits");

/// Both queues of a memory-to-memory device: `Output` feeds the hardware, `Capture` returns its
/// results.
///
/// # Invariants
/// A bit of `free` stands for a buffer of the output queue that the driver does not have. A bit of
/// `parked` stands for a buffer of the capture queue that was returned after the end, and one of
/// `out` for a buffer of the capture queue that the program has.
#[derive(Debug)]
pub struct M2m {
    output: CodecQueue<Device>,
    /// On a duplicate of the device's descriptor, because each queue owns its device.
    capture: CodecQueue<OwnedFd>,
    free: Cell<u32>,
    out: Cell<u32>,
    parked: Cell<u32>,
    /// Whether returned buffers are parked.
    ended: Cell<bool>,
    places: ImportedMemory,
}

impl M2m {
    /// Opens both queues of a device.
    ///
    /// # Errors
    /// [`Error::WrongKind`]: the device is not a memory-to-memory device; `EMFILE`.
    pub(super) fn new(device: Device) -> Result<Self, Error> {
        let caps = device.capabilities().caps();
        // Old drivers report both directions instead of the memory-to-memory capability.
        let both = caps.intersects(Caps::VIDEO_CAPTURE | Caps::VIDEO_CAPTURE_MPLANE)
            && caps.intersects(Caps::VIDEO_OUTPUT | Caps::VIDEO_OUTPUT_MPLANE);
        let types = device.output_type().zip(device.capture_type());
        let Some((output, capture)) =
            types.filter(|_| both || caps.intersects(Caps::VIDEO_M2M | Caps::VIDEO_M2M_MPLANE))
        else {
            let kind = device.kind();
            return Err(Error::WrongKind { kind });
        };
        let second = fcntl_dupfd_cloexec(&device, 0).map_err(|e| Error::system(Call::Fcntl, e))?;
        Ok(Self {
            output: CodecQueue::new(device, output),
            capture: CodecQueue::new(second, capture),
            free: Cell::new(0),
            out: Cell::new(0),
            parked: Cell::new(0),
            ended: Cell::new(false),
            places: ImportedMemory::default(),
        })
    }

    /// Returns the device, for capabilities, formats, and controls.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.output.device()
    }

    /// Returns the queue that feeds the hardware.
    #[must_use]
    pub const fn output(&self) -> &CodecQueue<Device> {
        &self.output
    }

    /// Returns the queue that feeds the hardware, to give its buffers memory.
    #[must_use]
    pub const fn output_mut(&mut self) -> &mut CodecQueue<Device> {
        &mut self.output
    }

    /// Returns the queue of results.
    #[must_use]
    pub const fn capture(&self) -> &CodecQueue<OwnedFd> {
        &self.capture
    }

    /// Returns the queue of results, to give its buffers memory.
    #[must_use]
    pub const fn capture_mut(&mut self) -> &mut CodecQueue<OwnedFd> {
        &mut self.capture
    }

    /// Waits for both directions and events with one `poll`.
    ///
    /// Ask for [`Ready::OUTPUT`] only while there is something to submit and no free buffer, and
    /// for [`Ready::CAPTURE`] only while the capture queue is streaming: a finished buffer that is
    /// not taken keeps the device ready.
    ///
    /// # Errors
    /// [`Error::TimedOut`] at the deadline; those of `poll`.
    pub fn wait(&self, wanted: Ready, deadline_ns: Option<u64>) -> Result<Ready, Error> {
        wait(self.as_fd(), wanted, deadline_ns)
    }

    /// Returns a buffer to fill and submit, if the driver has finished with one; never blocks.
    ///
    /// # Errors
    /// See [`dqbuf`](crate::v4l2::ioctl::dqbuf).
    pub fn free_input(&self) -> Result<Option<u32>, Error> {
        if self.free.get() == 0 {
            self.collect_one()?;
        }
        Ok(ones(self.free.get().into()).next())
    }

    /// Returns whether the program may fill and submit a buffer, as far as known without a system
    /// call.
    #[must_use]
    pub const fn is_free(&self, index: u32) -> bool {
        index < MAX_BUFFERS as u32 && self.free.get() & (1 << index) != 0
    }

    /// Dequeues the output buffers that the driver has finished reading. [`M2m::free_input`] calls
    /// it automatically when no buffer is free.
    ///
    /// # Errors
    /// See [`dqbuf`](crate::v4l2::ioctl::dqbuf).
    pub fn collect(&self) -> Result<(), Error> {
        while self.collect_one()? {}
        Ok(())
    }

    /// Dequeues one buffer of the output queue; returns whether there was one.
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
                return Err(Error::NotReady);
            }
        }
    }

    /// Returns a free buffer of the output queue that has this memory, one dma-buf for each memory
    /// plane; never blocks.
    ///
    /// For queues with imported memory. Memory that was used before gets the same buffer again, so
    /// that the driver can keep its mapping; new memory gets a buffer without memory, else the
    /// least recently used one.
    ///
    /// `None` while the driver has that buffer, or all of them: wait for [`Ready::OUTPUT`].
    ///
    /// # Errors
    /// Those of [`CodecQueue::import`] and [`M2m::free_input`]; [`Error::Argument`] for a
    /// descriptor without memory.
    pub fn import_for(&mut self, planes: &[BorrowedFd<'_>]) -> Result<Option<u32>, Error> {
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
        let Some(index) = self.places.choose(ones(self.free.get().into())) else {
            return Ok(None);
        };
        self.output.import(index, planes)?;
        self.places.set(index, memory);
        Ok(Some(index))
    }

    /// Submits a free buffer with content to the hardware.
    ///
    /// # Errors
    /// See [`qbuf`](crate::v4l2::ioctl::qbuf); [`Error::Argument`] when the driver has the buffer.
    /// The buffer stays free after an error.
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

    /// Returns how many buffers to request: those asked for plus those that the driver keeps.
    fn with_minimum(&self, buffers: Buffers, minimum: u32) -> Buffers {
        let keeps = match self.device().node().control(minimum) {
            Ok(Some(info)) => self.device().node().control_value(&info).unwrap_or(0),
            _ => 0,
        };
        let keeps = u32::try_from(keeps).unwrap_or(0);
        let count = buffers.count.saturating_add(keeps).min(MAX_BUFFERS as u32);
        Buffers { count, ..buffers }
    }

    /// Queues every capture buffer that the program does not have, and starts the capture queue.
    pub(super) fn start_capture(&mut self) -> Result<(), Error> {
        let here = all(self.capture.count()) & !self.out.get();
        self.ended.set(false);
        self.parked.set(0);
        for index in ones(here.into()) {
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

    /// Stops the capture queue; finished buffers that were not taken are lost.
    pub(super) fn stop_capture(&mut self) -> Result<(), Error> {
        self.capture.stream_off()
    }

    /// Stops the output queue; submitted buffers that were not processed are lost.
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

    /// Dequeues the capture buffer that finished first; never blocks.
    pub(super) fn take(&self) -> Result<FinishedBuffer<'_>, Error> {
        let buffer = self.capture.dequeue()?;
        self.out.set(self.out.get() | 1 << buffer.index);
        Ok(FinishedBuffer::new(self, buffer))
    }

    /// Parks capture buffers that are returned from now on: the driver takes none after the end.
    pub(super) fn end(&self) {
        self.ended.set(true);
    }

    /// Queues the parked buffers after a resume command; with `restart`, by stopping and starting
    /// the queue.
    pub(super) fn go_on(&mut self, restart: bool) -> Result<(), Error> {
        if restart {
            self.stop_capture()?;
            return self.start_capture();
        }
        self.ended.set(false);
        for index in ones(self.parked.replace(0).into()) {
            self.capture.queue_content(index, &Content::default())?;
        }
        Ok(())
    }

    /// Gives a capture buffer that was kept by [`FinishedBuffer::into_index`] back to the driver.
    ///
    /// # Errors
    /// See [`qbuf`](crate::v4l2::ioctl::qbuf); [`Error::Argument`] when the program does not have
    /// the buffer.
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

    /// Dequeues all events; returns whether one reported a change of the stream's format.
    pub(super) fn source_changed(&self) -> Result<bool, Error> {
        let mut changed = false;
        while let Some(event) = self.device().node().next_event()? {
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

/// Returns the set of the first `count` buffers.
fn all(count: u32) -> u32 {
    u32::MAX.checked_shr(32 - count.min(32)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_buffers_hold_none_to_all() {
        assert_eq!(all(0), 0);
        assert_eq!(all(3), 0b111);
        assert_eq!(all(32), u32::MAX);
    }

    #[test]
    fn a_device_that_is_none_is_refused() {
        assert!(Device::open("/dev/null").and_then(M2m::new).is_err());
    }
}
