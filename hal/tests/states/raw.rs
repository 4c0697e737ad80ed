//! Calls past the queue that is open, as a program with a defect would make them.

use rustix::fd::AsFd;
use videostream_hal::v4l2::ioctl::{PlaneMemory, QueueBuffer, QueuePlane};
use videostream_hal::v4l2::{BufferFlags, Device, ExportAccess, Field, Memory, ioctl};

use super::Fuzz;
use crate::fuzz::some_queue;

impl Fuzz<'_> {
    /// One such call, by any handle.
    pub(super) fn raw(&mut self, device: &Device) {
        let fd = device.as_fd();
        let buf_type = some_queue(&mut self.rng, self.device);
        let memory = *self
            .rng
            .of(&[Memory::Mmap, Memory::UserPtr, Memory::DmaBuf]);
        let (index, plane) = (self.rng.size(), self.rng.size());
        match self.rng.below(8) {
            0 => {
                let count = self.rng.below(7) as u32;
                self.count("raw reqbufs", ioctl::reqbufs(fd, buf_type, memory, count));
            }
            1 => {
                self.count("raw querybuf", ioctl::querybuf(fd, buf_type, memory, index));
            }
            2 => {
                self.count("raw dqbuf", ioctl::dqbuf(fd, buf_type, memory));
            }
            3 => {
                let access = ExportAccess::ReadOnly;
                let exported = ioctl::expbuf(fd, buf_type, index, plane, access);
                if let Some(fd) = self.count("raw expbuf", exported) {
                    self.descriptors.push(fd);
                }
            }
            4 => {
                self.count("raw streamon", ioctl::streamon(fd, buf_type));
            }
            5 => {
                self.count("raw streamoff", ioctl::streamoff(fd, buf_type));
            }
            6 => {
                if let Some(format) = self.some_format() {
                    let count = self.rng.below(4) as u32;
                    let created = ioctl::create_bufs(fd, buf_type, memory, count, &format);
                    self.count("raw create_bufs", created);
                }
            }
            _ => {
                let len = self.rng.below(1 << 19) as usize;
                let (pages, dma_buf) = (self.some_pages(len), self.dma_buf(len));
                let memory_of = match (memory, &pages) {
                    (Memory::UserPtr, Some(pages)) => PlaneMemory::UserPtr {
                        pages,
                        offset: self.rng.below(5000) as usize,
                    },
                    (Memory::DmaBuf, _) => PlaneMemory::DmaBuf(dma_buf.as_fd()),
                    _ => PlaneMemory::Mmap,
                };
                let plane = QueuePlane {
                    memory: memory_of,
                    length: match self.rng.once_in(2) {
                        true => len as u32,
                        false => self.rng.size(),
                    },
                    bytes_used: self.rng.size(),
                    data_offset: self.rng.size(),
                };
                let planes = vec![plane; self.rng.below(10) as usize];
                let buffer = QueueBuffer {
                    index,
                    planes: &planes,
                    flags: BufferFlags::from_bits_retain(self.rng.bits() as u32),
                    field: Field::Any,
                    timestamp_ns: self.rng.bits(),
                };
                let queued = ioctl::qbuf(fd, buf_type, memory, &buffer);
                self.count("raw qbuf", queued);
            }
        }
    }
}
