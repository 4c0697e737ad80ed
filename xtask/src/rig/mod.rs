//! The rig: a small virtual machine with the video devices that a developer's
//! machine lacks, and real kernel code behind them.
//!
//! A guest boots in seconds under plain emulation. The x86_64 guest has `vivid` (cameras, outputs),
//! `vicodec` (encoder, decoder), `vim2m` (converter), `vimc` (sensors and blocks behind a media
//! controller), `/dev/dma_heap/system`, `/dev/udmabuf`, `/dev/cuse` and fences that a program
//! signals (`sync/sw_sync` in debugfs), and sees the host's files read-only: whatever is installed
//! or built on the host runs inside. The aarch64 guest has the same devices, a few programs of
//! Debian's (`v4l2-ctl`, `media-ctl`, `strace`), and gets static programs and scripts copied in.
//!
//! [`Guest`] is the whole interface. In the guest the environment says:
//!
//! | variable | |
//! |---|---|
//! | `VIDEOSTREAM_RIG` | `1` |
//! | `VIDEOSTREAM_RIG_ARCH` | `x86_64` or `aarch64` |
//! | `VIDEOSTREAM_RIG_OUT` | a writable folder that stays on the host |

mod arch;
pub(crate) mod cache;
pub(crate) mod cli;
pub(crate) mod debian;
mod guest;
mod initramfs;
mod kernel;
mod modules;
mod not_started;
mod params;
mod programs;
mod qemu;
pub(crate) mod release;
mod test_drivers;
mod unavailable;

pub(crate) use arch::Arch;
pub(crate) use guest::Guest;
pub(crate) use params::parse as parse_params;
pub(crate) use unavailable::Unavailable;
