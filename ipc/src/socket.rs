//! Sends and receives one message with its file descriptors.
//!
//! Source: `sendmsg(2)`, `recvmsg(2)`, `unix(7)`. Received descriptors are close-on-exec from the
//! start and owned immediately, so that those of a refused message are closed.

use core::mem::MaybeUninit;

use heapless::Vec;
use rustix::cmsg_space;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, IoSlice, IoSliceMut, fcntl_dupfd_cloexec};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use videostream_hal::Call;
use videostream_hal::memory::kind;

use crate::Error;
pub use crate::buffers::Sent;
use crate::wire::{MAX_FDS, MESSAGE_SIZE, Message, WireError};

/// A received message and its file descriptors.
pub type Received = (Message, Vec<OwnedFd, MAX_FDS>);

/// Sends `message` with `fds` without blocking.
pub fn send(socket: impl AsFd, message: &Message, fds: &[BorrowedFd<'_>]) -> Result<Sent, Error> {
    debug_assert_eq!(message.fds(), fds.len());
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Error::Unexpected {
            what: "too many descriptors",
        });
    }
    let bytes = message.encode();
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    loop {
        return match sendmsg(&socket, &[IoSlice::new(&bytes)], &mut control, flags) {
            Ok(_) => Ok(Sent::Yes),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(Sent::QueueFull),
            Err(Errno::TOOMANYREFS) => Ok(Sent::TooManyInFlight),
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Err(Error::HostGone),
            Err(errno) => Err(Error::os(Call::Sendmsg, errno)),
        };
    }
}

/// Receives a message without blocking. Returns `Ok(None)` if the queue is empty.
///
/// # Errors
/// [`Error::HostGone`] when the other side hung up, [`Error::Wire`] for anything but a complete,
/// known message with the right number of descriptors, [`Error::Os`] with EMFILE when this process
/// has no room for them, [`Error::Unexpected`] for a descriptor of a file that a process may serve
/// (FUSE, say). Only that one stays open until this process ends: closing it could block on the
/// process that serves it.
pub fn receive(socket: impl AsFd) -> Result<Option<Received>, Error> {
    with_last_words(|| receive_with_fds(&socket))
}

/// Receives once more after a hang-up. The kernel checks for a message first and for the hang-up
/// second: a message that came just before the hang-up can slip between the two.
fn with_last_words<T>(receive: impl Fn() -> Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match receive() {
        Err(Error::HostGone) => receive()?.map(Some).ok_or(Error::HostGone),
        received => received,
    }
}

fn receive_with_fds(socket: impl AsFd) -> Result<Option<Received>, Error> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_FDS))];
    receive_into(socket, &mut space)
}

fn receive_into(
    socket: impl AsFd,
    space: &mut [MaybeUninit<u8>],
) -> Result<Option<Received>, Error> {
    let mut control = RecvAncillaryBuffer::new(space);
    let Some(packet) = Packet::receive(&socket, &mut control)? else {
        return Ok(None);
    };
    let mut fds = Vec::new();
    let (mut count, mut served, mut forbidden) = (0, 0, None);
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            for fd in received {
                count += 1;
                match kind::may_be_served(fd.as_fd()) {
                    // Surplus descriptors are dropped here, which closes them.
                    Ok(false) => drop(fds.push(fd)),
                    Ok(true) => {
                        served += 1;
                        core::mem::forget(fd);
                    }
                    Err(errno) => {
                        forbidden = Some(errno);
                        core::mem::forget(fd);
                    }
                }
            }
        }
    }
    if packet.len == 0 && count == 0 {
        return Err(Error::HostGone);
    }
    if packet.is_truncated {
        return Err(match count < MAX_FDS {
            true => why_taken(&socket),
            false => WireError::Fds {
                found: MAX_FDS + 1,
                expected: MAX_FDS,
            }
            .into(),
        });
    }
    if let Some(errno) = forbidden {
        return Err(Error::os(Call::Statx, errno));
    }
    if served > 0 {
        return Err(Error::Unexpected {
            what: "a descriptor of a file that is not memory",
        });
    }
    let message = Message::decode(packet.bytes(), count)?;
    Ok(Some((message, fds)))
}

/// Finds out why a descriptor is missing although there was room for it: this process's table is
/// full, or a security module denied it. The kernel reports both alike.
fn why_taken(socket: impl AsFd) -> Error {
    match fcntl_dupfd_cloexec(&socket, 0) {
        Ok(_) => Error::DescriptorDenied,
        Err(errno) => Error::os(Call::Recvmsg, errno),
    }
}

/// Receives a message without descriptors. The kernel drops any that come with it before they enter
/// this process, which therefore never has to close them: that could block.
///
/// # Errors
/// Those of [`receive`].
pub fn receive_bare(socket: impl AsFd) -> Result<Option<Message>, Error> {
    with_last_words(|| receive_without_fds(&socket))
}

fn receive_without_fds(socket: impl AsFd) -> Result<Option<Message>, Error> {
    let mut none = RecvAncillaryBuffer::default();
    let Some(packet) = Packet::receive(socket, &mut none)? else {
        return Ok(None);
    };
    if packet.len == 0 && !packet.is_truncated {
        return Err(Error::HostGone);
    }
    // How many there were is unknown: at least one.
    let count = usize::from(packet.is_truncated);
    Message::decode(packet.bytes(), count)
        .map(Some)
        .map_err(Error::from)
}

/// A received packet, not yet checked.
struct Packet {
    /// One byte more than a message, so that a longer one is noticed.
    bytes: [u8; MESSAGE_SIZE + 1],
    len: usize,
    /// Whether descriptors came for which there was no room.
    is_truncated: bool,
}

impl Packet {
    fn receive(
        socket: impl AsFd,
        control: &mut RecvAncillaryBuffer<'_>,
    ) -> Result<Option<Self>, Error> {
        let mut bytes = [0; MESSAGE_SIZE + 1];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let mut was_reset = false;
        let got = loop {
            let mut iov = [IoSliceMut::new(&mut bytes)];
            match recvmsg(&socket, &mut iov, control, flags) {
                Ok(got) => break got,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                // The other side has hung up without reading everything. The kernel reports that
                // once, ahead of messages that are still queued, such as the reason of a refusal.
                Err(Errno::CONNRESET) if !was_reset => was_reset = true,
                Err(Errno::CONNRESET) => return Err(Error::HostGone),
                Err(errno) => return Err(Error::os(Call::Recvmsg, errno)),
            }
        };
        Ok(Some(Self {
            bytes,
            len: got.bytes,
            is_truncated: got.flags.contains(ReturnFlags::CTRUNC),
        }))
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Goodbye, Mode};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    }

    #[test]
    fn a_message_arrives_with_its_descriptor() {
        let (a, b) = pair();
        let message = Message::Buffer { id: 7, size: 4096 };
        assert_eq!(send(&a, &message, &[a.as_fd()]), Ok(Sent::Yes));
        let (got, fds) = receive(&b).unwrap().unwrap();
        assert_eq!(got, message);
        assert_eq!(fds.len(), 1);
        assert!(receive(&b).unwrap().is_none());
    }

    #[test]
    fn descriptor_that_a_security_module_took_is_named() {
        let (a, b) = pair();
        let fds = [a.as_fd(), a.as_fd(), a.as_fd()];
        let welcome = Message::Welcome {
            client: 0,
            host_pid: 1,
            exports: crate::wire::Exports::ReadOnly,
            epoch: 7,
        };
        assert_eq!(send(&a, &welcome, &fds), Ok(Sent::Yes));
        // The kernel then gives fewer than there was room for and sets MSG_CTRUNC. Room for the
        // header, one descriptor, and alignment does the same.
        const ROOM: usize = size_of::<usize>() + 8 + 4 + size_of::<usize>() - 1;
        let mut space = [MaybeUninit::uninit(); ROOM];
        let error = receive_into(&b, &mut space).unwrap_err();
        assert_eq!(error, Error::DescriptorDenied);
    }

    #[test]
    fn hang_up_is_told_from_silence() {
        let (a, b) = pair();
        assert!(receive(&b).unwrap().is_none());
        drop(a);
        assert!(matches!(receive(&b), Err(Error::HostGone)));
        let message = Message::Goodbye(Goodbye::Closing);
        assert_eq!(send(&b, &message, &[]), Err(Error::HostGone));
    }

    #[test]
    fn last_messages_before_a_hang_up_arrive() {
        let (a, b) = pair();
        assert_eq!(send(&b, &Message::StatusRequest, &[]), Ok(Sent::Yes));
        let message = Message::Goodbye(Goodbye::Closing);
        assert_eq!(send(&a, &message, &[]), Ok(Sent::Yes));
        drop(a);
        assert_eq!(receive(&b).unwrap().unwrap().0, message);
        assert!(matches!(receive(&b), Err(Error::HostGone)));
    }

    /// Checks repeatedly that `listen` receives a message sent just before the hang-up.
    fn hears_last_words(listen: impl Fn(&OwnedFd) -> Result<Option<Message>, Error>) {
        for _ in 0..300 {
            let (a, b) = pair();
            let message = Message::Goodbye(Goodbye::Closing);
            let speaker = std::thread::spawn(move || {
                assert_eq!(send(&a, &message, &[]), Ok(Sent::Yes));
            });
            let heard = loop {
                if let Some(heard) = listen(&b).unwrap() {
                    break heard;
                }
                core::hint::spin_loop();
            };
            assert_eq!(heard, message);
            speaker.join().unwrap();
        }
    }

    #[test]
    fn the_last_words_arrive_however_soon_the_end_comes() {
        hears_last_words(|socket| Ok(receive(socket)?.map(|(heard, _)| heard)));
        hears_last_words(|socket| receive_bare(socket));
    }

    #[test]
    fn surplus_descriptors_are_refused_and_closed() {
        let (a, b) = pair();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let bytes = Message::Hello {
            mode: Mode::Newest,
            hold: 1,
        }
        .encode();
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [writer.as_fd(); 8];
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(
            &a,
            &[IoSlice::new(&bytes)],
            &mut control,
            SendFlags::empty(),
        )
        .unwrap();
        drop(writer);
        assert!(matches!(
            receive(&b),
            Err(Error::Wire(WireError::Fds { found: 4, .. }))
        ));
        // End of file, not a wait: no writer is left.
        assert_eq!(rustix::io::read(&reader, &mut [0u8; 1]), Ok(0));
    }

    #[test]
    fn where_none_is_expected_no_descriptor_arrives() {
        let (a, b) = pair();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let message = Message::Buffer { id: 7, size: 4096 };
        assert_eq!(send(&a, &message, &[writer.as_fd()]), Ok(Sent::Yes));
        drop(writer);
        assert_eq!(receive_bare(&b), Ok(Some(message)));
        // End of file, not a wait: no writer is left.
        assert_eq!(rustix::io::read(&reader, &mut [0u8; 1]), Ok(0));
        assert_eq!(send(&a, &Message::StatusRequest, &[]), Ok(Sent::Yes));
        assert_eq!(receive_bare(&b), Ok(Some(Message::StatusRequest)));
        assert_eq!(receive_bare(&b), Ok(None));
        drop(a);
        assert_eq!(receive_bare(&b), Err(Error::HostGone));
    }

    #[test]
    fn a_file_another_process_may_serve_is_refused() {
        use rustix::fs::{Mode, OFlags, fstat, open};
        let (a, b) = pair();
        let file = open("/proc/self/status", OFlags::RDONLY, Mode::empty()).unwrap();
        let message = Message::Buffer { id: 7, size: 4096 };
        assert_eq!(send(&a, &message, &[file.as_fd()]), Ok(Sent::Yes));
        let inode = fstat(&file).unwrap().st_ino;
        drop(file);
        assert!(matches!(receive(&b), Err(Error::Unexpected { .. })));
        let is_open = std::fs::read_dir("/proc/self/fd").unwrap().any(|fd| {
            use std::os::unix::fs::MetadataExt as _;
            let there = std::fs::metadata(fd.unwrap().path());
            there.is_ok_and(|file| file.ino() == inode)
        });
        assert!(is_open, "closing it might have had to wait");
    }

    #[test]
    fn longer_and_shorter_packets_are_refused() {
        let (a, b) = pair();
        for len in [1, MESSAGE_SIZE - 1, MESSAGE_SIZE + 1, 4000] {
            rustix::io::write(&a, &std::vec![0u8; len]).unwrap();
            let seen = len.min(MESSAGE_SIZE + 1);
            let error = receive(&b).unwrap_err();
            assert_eq!(error, Error::Wire(WireError::Length { bytes: seen }));
        }
    }

    #[test]
    fn a_full_queue_is_no_error() {
        let (a, _b) = pair();
        let message = Message::Unregister { id: 1 };
        let sent = (0..100_000).take_while(|_| send(&a, &message, &[]) == Ok(Sent::Yes));
        assert!(sent.count() < 100_000);
    }
}
