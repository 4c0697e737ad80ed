//! Random calls on one device and its queue, which goes from state to state.

mod buffers;
mod device;
mod raw;

use std::collections::BTreeMap;

use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::format::FourCc;
use videostream_hal::memory::mapping::Mapping;
use videostream_hal::memory::udmabuf::Udmabuf;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::queue::{Allocated, Configured, Failed, Queue, Streaming};
use videostream_hal::v4l2::{Device, Error, Memory, NodeKind, Ready, ioctl, wait};

use crate::fuzz::{Rng, step};
use crate::vivid::open_kind;

/// Of each call, how often it was done and how often refused.
pub(crate) type Outcomes = BTreeMap<&'static str, (u32, u32)>;

/// A queue in one of its states.
enum State<'d> {
    Configured(Queue<&'d Device, Configured>),
    Allocated(Queue<&'d Device, Allocated>),
    Streaming(Queue<&'d Device, Streaming>),
}

/// A device under random calls.
pub(crate) struct Fuzz<'d> {
    rng: Rng,
    device: &'d Device,
    /// Another handle on the same device, which may take the buffers away.
    rival: Device,
    instance: u32,
    memory: Memory,
    formats: Vec<FourCc>,
    udmabuf: Udmabuf,
    /// What outlives the calls that made it, and often its queue.
    descriptors: Vec<OwnedFd>,
    pages: Vec<Mapping>,
    outcomes: Outcomes,
}

impl<'d> Fuzz<'d> {
    /// Starts with random numbers of `seed` on camera `instance`, open as `device`, with queues
    /// mostly of `memory`.
    pub(crate) fn new(seed: u64, device: &'d Device, instance: u32, memory: Memory) -> Self {
        let buf_type = device.capture_type().unwrap();
        let formats = device.formats(buf_type);
        Self {
            rng: Rng::new(seed ^ 0x7374_6174_6573),
            device,
            rival: open_kind(instance, NodeKind::Camera),
            instance,
            memory,
            formats: formats.map(|format| format.unwrap().fourcc).collect(),
            udmabuf: Udmabuf::open().unwrap(),
            descriptors: Vec::new(),
            pages: Vec::new(),
            outcomes: BTreeMap::new(),
        }
    }

    /// Makes `calls` calls, and drops everything but the device.
    pub(crate) fn run(mut self, calls: usize) -> Outcomes {
        let buf_type = self.device.capture_type().unwrap();
        let mut state = State::Configured(Queue::new(self.device, buf_type));
        for _ in 0..calls {
            step();
            state = self.call(state);
        }
        self.outcomes
    }

    fn count<T>(&mut self, call: &'static str, result: Result<T, Error>) -> Option<T> {
        let outcome = self.outcomes.entry(call).or_default();
        match result {
            Ok(value) => {
                outcome.0 += 1;
                Some(value)
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                let _ = error.kind();
                outcome.1 += 1;
                None
            }
        }
    }

    /// One call; what the queue is afterwards.
    fn call(&mut self, state: State<'d>) -> State<'d> {
        match self.rng.below(20) {
            0..5 => return self.transition(state),
            5 => self.format(),
            6 => self.picture(),
            7 => self.raw(self.device),
            8 => {
                let rival = self.rival.as_fd().try_clone_to_owned().unwrap();
                self.raw(&Device::from_fd(rival).unwrap());
            }
            // Polling a queue without buffers makes the driver take it for read(), until the
            // handle is closed: once in a while.
            9 if !matches!(state, State::Configured(_)) || self.rng.once_in(20) => {
                let deadline = Some(deadline_in(self.rng.below(5_000_000)));
                let ready = wait(self.device.as_fd(), Ready::CAPTURE | Ready::EVENT, deadline);
                self.count("wait", ready);
            }
            10 if self.rng.once_in(8) => self.fault(),
            10 => {
                // A handle that is closed gives up what it owned.
                self.rival = open_kind(self.instance, NodeKind::Camera);
                self.descriptors.clear();
                self.pages.clear();
            }
            _ => {}
        }
        match state {
            State::Configured(queue) => State::Configured(queue),
            State::Allocated(mut queue) => {
                self.buffers(&mut queue);
                State::Allocated(queue)
            }
            State::Streaming(mut queue) => {
                self.buffers(&mut queue);
                self.dequeue(&queue);
                State::Streaming(queue)
            }
        }
    }

    fn transition(&mut self, state: State<'d>) -> State<'d> {
        match state {
            State::Configured(queue) => {
                let count = match self.rng.below(6) {
                    0 => self.rng.size(),
                    _ => 1 + self.rng.below(6) as u32,
                };
                let memory = match self.rng.once_in(8) {
                    true => *self
                        .rng
                        .of(&[Memory::Mmap, Memory::UserPtr, Memory::DmaBuf]),
                    false => self.memory,
                };
                let allocated = match memory {
                    Memory::Mmap => queue.allocate(count),
                    Memory::DmaBuf => queue.allocate_imported(count),
                    _ => queue.allocate_user(count),
                };
                match allocated {
                    Ok(queue) => {
                        self.count("allocate", Ok(()));
                        State::Allocated(queue)
                    }
                    Err(Failed { queue, error }) => {
                        self.count("allocate", Err::<(), _>(error));
                        // What calls past the queue have left.
                        let _ = ioctl::streamoff(self.device.as_fd(), queue.buf_type());
                        let _ = ioctl::reqbufs(self.device.as_fd(), queue.buf_type(), memory, 0);
                        State::Configured(queue)
                    }
                }
            }
            State::Allocated(queue) => match self.rng.below(6) {
                0 => match queue.free() {
                    Ok(queue) => State::Configured(queue),
                    Err(Failed { queue, error }) => {
                        self.count("free", Err::<(), _>(error));
                        State::Allocated(queue)
                    }
                },
                1 => match queue.stream_on() {
                    Ok(queue) => State::Streaming(queue),
                    Err(Failed { queue, error }) => {
                        self.count("stream on", Err::<(), _>(error));
                        State::Allocated(queue)
                    }
                },
                2 => self.fresh(queue),
                _ => {
                    let mut queue = queue;
                    for index in 0..queue.count() {
                        self.supply(&mut queue, index);
                    }
                    match queue.queue_all_and_stream_on() {
                        Ok(queue) => {
                            self.count("stream on", Ok(()));
                            State::Streaming(queue)
                        }
                        Err(Failed { queue, error }) => {
                            self.count("stream on", Err::<(), _>(error));
                            State::Allocated(queue)
                        }
                    }
                }
            },
            State::Streaming(queue) => match self.rng.below(8) {
                0 => match queue.stream_off() {
                    Ok(queue) => State::Allocated(queue),
                    Err(Failed { queue, error }) => {
                        self.count("stream off", Err::<(), _>(error));
                        State::Streaming(queue)
                    }
                },
                1 => self.fresh(queue),
                _ => State::Streaming(queue),
            },
        }
    }

    /// Drops a queue in any state, and starts again.
    fn fresh<S>(&mut self, queue: Queue<&'d Device, S>) -> State<'d> {
        let buf_type = queue.buf_type();
        drop(queue);
        self.count("drop", Ok(()));
        State::Configured(Queue::new(self.device, buf_type))
    }
}
