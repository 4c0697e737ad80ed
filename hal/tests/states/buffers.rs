//! Buffers of a queue: their memory, and the operations on them.

use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::memory::memfd;
use videostream_hal::v4l2::queue::{Content, HasBuffers, Queue, Streaming};
use videostream_hal::v4l2::{BufferFlags, Device, ExportAccess, Field, Memory};

use super::Fuzz;

impl<'d> Fuzz<'d> {
    pub(super) fn some_pages(&mut self, len: usize) -> Option<Mapping> {
        let len = len.clamp(1, 4 << 20);
        let file = memfd::create(c"fuzz", len).unwrap();
        let access = match self.rng.once_in(16) {
            true => Access::Read,
            false => Access::ReadWrite,
        };
        Mapping::new(&file, len, access).ok()
    }

    pub(super) fn dma_buf(&mut self, len: usize) -> OwnedFd {
        let len = len.clamp(1, 4 << 20).next_multiple_of(4096);
        let file = memfd::create(c"fuzz", len).unwrap();
        if self.rng.once_in(12) {
            // This is not a dma-buf.
            return file;
        }
        memfd::seal(&file, memfd::FIXED_SIZE).unwrap();
        self.udmabuf.create(file.as_fd(), 0, len as u64).unwrap()
    }

    /// Memory for a buffer, mostly enough of it.
    pub(super) fn supply<S: HasBuffers>(&mut self, queue: &mut Queue<&'d Device, S>, index: u32) {
        let short = self.rng.once_in(16);
        let lengths = queue.lengths().to_vec();
        let kind = match self.rng.once_in(16) {
            true => *self
                .rng
                .of(&[Memory::Mmap, Memory::UserPtr, Memory::DmaBuf]),
            false => queue.memory(),
        };
        match kind {
            Memory::UserPtr => {
                let len = if short { 4096 } else { queue.attached_len() };
                if let Some(pages) = self.some_pages(len) {
                    let lent = queue.attach(index, pages);
                    self.count("lend", lent);
                }
            }
            Memory::DmaBuf => {
                let len = |len: &u32| if short { 4096 } else { *len as usize };
                let mut planes: Vec<_> = lengths.iter().map(|l| self.dma_buf(len(l))).collect();
                if self.rng.once_in(16) {
                    planes.pop();
                }
                let planes: Vec<_> = planes.iter().map(AsFd::as_fd).collect();
                let imported = queue.import(index, &planes);
                self.count("import", imported);
            }
            _ => {}
        }
    }

    /// What can be done to a queue that has buffers, streaming or not.
    pub(super) fn buffers<S: HasBuffers>(&mut self, queue: &mut Queue<&'d Device, S>) {
        let index = match self.rng.once_in(8) {
            true => self.rng.size(),
            false => self.rng.below(queue.count().into()) as u32,
        };
        let plane = match self.rng.once_in(8) {
            true => self.rng.size(),
            false => 0,
        };
        match self.rng.below(9) {
            0 => {
                self.count("query", queue.query(index));
            }
            1 => {
                let access = *self
                    .rng
                    .of(&[ExportAccess::ReadOnly, ExportAccess::ReadWrite]);
                let exported = queue.export(index, plane, access);
                if let Some(fd) = self.count("export", exported) {
                    self.descriptors.push(fd);
                }
            }
            2 => {
                let access = *self.rng.of(&[Access::Read, Access::ReadWrite]);
                let mapped = queue.map(index, plane as usize, access);
                if let Some(pages) = self.count("map", mapped) {
                    self.pages.push(pages);
                }
            }
            3 if self.rng.once_in(4) => {
                let count = self.rng.size();
                let format = self.some_format();
                let format = format.filter(|_| self.rng.once_in(3));
                let added = queue.add(count, format.as_ref());
                self.count("add", added);
            }
            4 | 5 => {
                self.supply(queue, index);
                self.count("queue", queue.queue(index));
            }
            6 => {
                let bytes_used = [self.rng.size(), self.rng.size()];
                let data_offsets = [self.rng.size(), 0];
                let content = Content {
                    bytes_used: &bytes_used,
                    data_offsets: &data_offsets,
                    timestamp_ns: self.rng.bits(),
                    flags: BufferFlags::from_bits_retain(self.rng.bits() as u32),
                    field: Field::from_raw(self.rng.below(12) as u32),
                };
                let queued = queue.queue_content(index, &content);
                self.count("queue content", queued);
            }
            _ => {
                self.count("queue", queue.queue(index));
            }
        }
    }

    pub(super) fn dequeue(&mut self, queue: &Queue<&'d Device, Streaming>) {
        let dequeued = queue.dequeue();
        let Some(done) = self.count("dequeue", dequeued) else {
            return;
        };
        let buffer = done.buffer();
        assert!(buffer.index < queue.count());
        match self.rng.below(3) {
            0 => drop(done),
            1 => {
                let requeued = done.requeue();
                self.count("requeue", requeued);
            }
            _ => {
                let _ = done.into_index();
            }
        }
    }
}
