//! The status of a VC8000E core.

use bitflags::bitflags;

bitflags! {
    /// Why a core has stopped, or what it needs: register 1, without the interrupt bit.
    ///
    /// # Source
    /// The registers in the driver that was posted to linux-media in May 2025
    /// (`hantro: add support for i.MX8MP VC8000E`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Status: u32 {
        /// The picture is done.
        const FRAME_READY = 1 << 2;
        /// An access to memory failed.
        const BUS_ERROR = 1 << 3;
        /// The core was reset.
        const RESET = 1 << 4;
        /// The stream did not fit in its buffer.
        const BUFFER_FULL = 1 << 5;
        /// The core's own watchdog.
        const TIMEOUT = 1 << 6;
        /// The line buffer needs lines.
        const LINE_BUFFER = 1 << 7;
        /// A slice is done.
        const SLICE_READY = 1 << 8;
        /// The chip's fuses forbid this.
        const FUSE_ERROR = 1 << 9;
        /// Keeps bits without a description.
        const _ = !0;
    }
}
