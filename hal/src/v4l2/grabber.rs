//! Inputs and outputs, analogue standards, and digital timings of capture cards.
//!
//! The picture size of a capture card follows from its signal. [`Device::detect_dv_timings`] reads
//! the signal at an HDMI or SDI input, and [`Device::set_dv_timings`] sets it, which resets the
//! format to its size. [`Device::detect_standard`] and [`Device::set_standard`] do the same for
//! analogue inputs.
//!
//! Source: kernel pages `userspace-api/media/v4l/video.html`, `standard.html`, and
//! `dv-timings.html`.

use rustix::fd::AsFd;

use super::ioctl::{self, DvTimings, Standards};
use super::{Device, DvTimingsList, Inputs, Outputs, StandardList};
use crate::Error;

impl Device {
    /// Lists the inputs (connectors, tuners, sensors) that can be selected; empty on most cameras.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUMINPUT")]
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs::new(self.as_fd())
    }

    /// Returns the selected input.
    ///
    /// # Errors
    /// See [`ioctl::g_input`].
    pub fn input(&self) -> Result<u32, Error> {
        ioctl::g_input(self.as_fd())
    }

    /// Selects an input. Formats, sizes, and controls may change.
    ///
    /// # Errors
    /// See [`ioctl::s_input`].
    pub fn set_input(&self, index: u32) -> Result<(), Error> {
        ioctl::s_input(self.as_fd(), index)
    }

    /// Lists the outputs (connectors, transmitters) that can be selected.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUMOUTPUT")]
    pub fn outputs(&self) -> Outputs<'_> {
        Outputs::new(self.as_fd())
    }

    /// Returns the selected output.
    ///
    /// # Errors
    /// See [`ioctl::g_output`].
    pub fn output(&self) -> Result<u32, Error> {
        ioctl::g_output(self.as_fd())
    }

    /// Selects an output. Formats, sizes, and controls may change.
    ///
    /// # Errors
    /// See [`ioctl::s_output`].
    pub fn set_output(&self, index: u32) -> Result<(), Error> {
        ioctl::s_output(self.as_fd(), index)
    }

    /// Lists the analogue standards of the selected input or output; empty on digital ones.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUMSTD")]
    pub fn standards(&self) -> StandardList<'_> {
        StandardList::new(self.as_fd())
    }

    /// Returns the current standard.
    ///
    /// # Errors
    /// See [`ioctl::g_std`].
    pub fn standard(&self) -> Result<Standards, Error> {
        ioctl::g_std(self.as_fd())
    }

    /// Sets the standard; the format changes with it.
    ///
    /// # Errors
    /// See [`ioctl::s_std`].
    pub fn set_standard(&self, standards: Standards) -> Result<(), Error> {
        ioctl::s_std(self.as_fd(), standards)
    }

    /// Returns the standards that the signal at the selected input may have; empty without a
    /// signal.
    ///
    /// # Errors
    /// See [`ioctl::querystd`].
    #[doc(alias = "VIDIOC_QUERYSTD")]
    pub fn detect_standard(&self) -> Result<Standards, Error> {
        ioctl::querystd(self.as_fd())
    }

    /// Lists the digital timings of the selected input or output; empty on analogue ones.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUM_DV_TIMINGS")]
    pub fn dv_timings_list(&self) -> DvTimingsList<'_> {
        DvTimingsList::new(self.as_fd())
    }

    /// Returns the current digital timings.
    ///
    /// # Errors
    /// See [`ioctl::g_dv_timings`].
    pub fn dv_timings(&self) -> Result<DvTimings, Error> {
        ioctl::g_dv_timings(self.as_fd())
    }

    /// Sets the digital timings; the format changes with them.
    ///
    /// # Errors
    /// See [`ioctl::s_dv_timings`].
    pub fn set_dv_timings(&self, timings: &DvTimings) -> Result<DvTimings, Error> {
        ioctl::s_dv_timings(self.as_fd(), timings)
    }

    /// Returns the digital timings of the signal at the selected input.
    ///
    /// # Errors
    /// - [`ErrorKind::NoSignal`](super::ErrorKind): there is no signal, or the device cannot lock
    ///   to it.
    /// - Otherwise see [`ioctl::query_dv_timings`].
    #[doc(alias = "VIDIOC_QUERY_DV_TIMINGS")]
    pub fn detect_dv_timings(&self) -> Result<DvTimings, Error> {
        ioctl::query_dv_timings(self.as_fd())
    }
}
