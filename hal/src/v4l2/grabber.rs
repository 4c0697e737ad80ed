//! What grabbers have over cameras: inputs and outputs, analogue standards, digital timings.
//!
//! A grabber's picture size follows from its signal. [`Device::detect_dv_timings`] tells the
//! signal at an HDMI or SDI input, [`Device::set_dv_timings`] makes the driver take it, and the
//! format has its size then. The same for analogue inputs with [`Device::detect_standard`] and
//! [`Device::set_standard`].
//!
//! Source: kernel pages `userspace-api/media/v4l/video.html`, `standard.html` and `dv-timings.html`.

use rustix::fd::AsFd;

use super::ioctl::{self, DvTimings, DvTimingsRange, Standards};
use super::{Device, DvTimingsList, Error, Inputs, Outputs, StandardList};

impl Device {
    /// The inputs (plugs, tuners, sensors) that can be selected; none on most cameras.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUMINPUT")]
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs::new(self.as_fd())
    }

    /// The selected input.
    ///
    /// # Errors
    /// See [`ioctl::g_input`].
    pub fn input(&self) -> Result<u32, Error> {
        ioctl::g_input(self.as_fd())
    }

    /// Selects an input; formats, sizes and controls may be others afterwards.
    ///
    /// # Errors
    /// See [`ioctl::s_input`].
    pub fn set_input(&self, index: u32) -> Result<(), Error> {
        ioctl::s_input(self.as_fd(), index)
    }

    /// The outputs (plugs, transmitters) that can be selected.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUMOUTPUT")]
    pub fn outputs(&self) -> Outputs<'_> {
        Outputs::new(self.as_fd())
    }

    /// The selected output.
    ///
    /// # Errors
    /// See [`ioctl::g_output`].
    pub fn output(&self) -> Result<u32, Error> {
        ioctl::g_output(self.as_fd())
    }

    /// Selects an output; formats, sizes and controls may be others afterwards.
    ///
    /// # Errors
    /// See [`ioctl::s_output`].
    pub fn set_output(&self, index: u32) -> Result<(), Error> {
        ioctl::s_output(self.as_fd(), index)
    }

    /// The analogue standards that the selected input or output takes; none on digital ones.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUMSTD")]
    pub fn standards(&self) -> StandardList<'_> {
        StandardList::new(self.as_fd())
    }

    /// The standard that is set.
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

    /// The standards that the signal at the selected input may have. Empty: there is no signal.
    ///
    /// # Errors
    /// See [`ioctl::querystd`].
    #[doc(alias = "VIDIOC_QUERYSTD")]
    pub fn detect_standard(&self) -> Result<Standards, Error> {
        ioctl::querystd(self.as_fd())
    }

    /// The digital timings that the selected input or output knows; none on analogue ones.
    #[must_use]
    #[doc(alias = "VIDIOC_ENUM_DV_TIMINGS")]
    pub fn dv_timings_list(&self) -> DvTimingsList<'_> {
        DvTimingsList::new(self.as_fd())
    }

    /// The range of digital timings that the selected input or output takes.
    ///
    /// # Errors
    /// See [`ioctl::dv_timings_cap`].
    pub fn dv_timings_range(&self) -> Result<DvTimingsRange, Error> {
        ioctl::dv_timings_cap(self.as_fd())
    }

    /// The digital timings that are set.
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

    /// The digital timings of the signal at the selected input.
    ///
    /// # Errors
    /// - [`ErrorKind::NoSignal`](super::ErrorKind): no signal, or none that the device locks to.
    /// - Otherwise see [`ioctl::query_dv_timings`].
    #[doc(alias = "VIDIOC_QUERY_DV_TIMINGS")]
    pub fn detect_dv_timings(&self) -> Result<DvTimings, Error> {
        ioctl::query_dv_timings(self.as_fd())
    }
}
