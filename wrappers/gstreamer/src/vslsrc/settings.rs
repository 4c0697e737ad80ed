//! The element's properties.

use std::sync::LazyLock;
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use videostream::ipc::wire::MAX_HOLD;
use videostream::share::ClientBuilder;
use videostream::{Client, Mode};

/// Default number of frames held downstream: the one that is shown, and the next one.
const HOLD: u32 = 2;
/// Default time for connecting.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Which frames of the host to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "VslSrcFrames")]
pub enum Frames {
    /// The newest frame each time; H.264 and H.265 packets come in order anyway.
    #[default]
    #[enum_value(name = "The newest frame each time", nick = "newest")]
    Newest,
    /// Every frame, in order.
    #[enum_value(name = "Every frame, in order", nick = "every")]
    Every,
}

/// Source of buffer timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "VslSrcTimestamps")]
pub enum Timestamps {
    /// Capture time.
    #[default]
    #[enum_value(name = "Capture time", nick = "capture")]
    Capture,
    /// Arrival in this pipeline.
    #[enum_value(name = "Arrival time in this pipeline", nick = "arrival")]
    Arrival,
    /// PTS and DTS of the sending pipeline.
    #[enum_value(name = "PTS and DTS of the sending pipeline", nick = "raw")]
    Raw,
}

/// What to do with a frame while downstream holds `hold` frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "VslSrcWhenFull")]
pub enum WhenFull {
    /// Copy it. Otherwise encoders that keep dozens of frames before they release one would wait
    /// forever.
    #[default]
    #[enum_value(name = "Copy frames beyond hold", nick = "copy")]
    Copy,
    /// Drop it, and all others until downstream releases one.
    #[enum_value(name = "Drop frames beyond hold", nick = "drop")]
    Drop,
}

/// Values of the properties.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) path: Option<String>,
    /// In seconds; 0 means [`TIMEOUT`].
    timeout: f32,
    pub(super) dts: bool,
    pub(super) pts: bool,
    pub(super) reconnect: bool,
    pub(super) hold: u32,
    pub(super) when_full: WhenFull,
    pub(super) frames: Frames,
    spin_ns: u64,
    pub(super) timestamps: Timestamps,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            timeout: 0.0,
            dts: false,
            pts: false,
            reconnect: false,
            hold: HOLD,
            when_full: WhenFull::default(),
            frames: Frames::default(),
            spin_ns: 0,
            timestamps: Timestamps::default(),
        }
    }
}

/// Settings that apply to each frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerFrame {
    pub(super) dts: bool,
    pub(super) pts: bool,
    pub(super) timestamps: Timestamps,
    pub(super) when_full: WhenFull,
}

/// A property can't be set while the element is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connected;

impl Settings {
    pub(super) fn per_frame(&self) -> PerFrame {
        PerFrame {
            dts: self.dts,
            pts: self.pts,
            timestamps: self.timestamps,
            when_full: self.when_full,
        }
    }

    /// Returns how long connecting may take.
    pub(super) fn timeout(&self) -> Duration {
        match Duration::try_from_secs_f32(self.timeout) {
            Ok(Duration::ZERO) | Err(_) => TIMEOUT,
            Ok(timeout) => timeout,
        }
    }

    /// Returns the client's hold, including the frame to copy from.
    pub(super) fn client_hold(&self) -> u32 {
        match self.when_full {
            WhenFull::Copy => (self.hold + 1).min(MAX_HOLD),
            WhenFull::Drop => self.hold,
        }
    }

    /// Returns the builder of a client; `every` overrides the property `mode`.
    pub(super) fn client(&self, path: &str, hold: u32, every: bool) -> ClientBuilder {
        let mode = match (self.frames, every) {
            (Frames::Newest, false) => Mode::Newest,
            _ => Mode::Every,
        };
        Client::builder(path)
            .mode(mode)
            .hold(hold)
            .spin(Duration::from_nanos(self.spin_ns))
            .reconnect(self.reconnect)
    }

    /// Returns the value of a property.
    pub(super) fn get(&self, name: &str) -> Option<glib::Value> {
        Some(match name {
            "path" => self.path.to_value(),
            "timeout" => self.timeout.to_value(),
            "dts" => self.dts.to_value(),
            "pts" => self.pts.to_value(),
            "reconnect" => self.reconnect.to_value(),
            "hold" => self.hold.to_value(),
            "when-full" => self.when_full.to_value(),
            "mode" => self.frames.to_value(),
            "spin" => self.spin_ns.to_value(),
            "timestamps" => self.timestamps.to_value(),
            _ => return None,
        })
    }

    /// Sets a property.
    ///
    /// # Errors
    /// [`Connected`] for properties that can only be set in READY and below.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: &glib::Value,
        is_connected: bool,
    ) -> Result<(), Connected> {
        /// Assigns a value; GObject has checked its type.
        fn put<T: for<'a> glib::value::FromValue<'a> + 'static>(to: &mut T, value: &glib::Value) {
            if let Ok(value) = value.get_owned::<T>() {
                *to = value;
            }
        }
        match name {
            "dts" => put(&mut self.dts, value),
            "pts" => put(&mut self.pts, value),
            "timestamps" => put(&mut self.timestamps, value),
            // All properties below are for a new connection.
            _ if is_connected => return Err(Connected),
            "path" => self.path = value.get().unwrap_or_default(),
            "timeout" => put(&mut self.timeout, value),
            "reconnect" => put(&mut self.reconnect, value),
            "hold" => put(&mut self.hold, value),
            "when-full" => put(&mut self.when_full, value),
            "mode" => put(&mut self.frames, value),
            "spin" => put(&mut self.spin_ns, value),
            _ => {}
        }
        Ok(())
    }

    /// Returns all properties, including `stats`.
    pub(super) fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let defaults = Settings::default();
            vec![
                glib::ParamSpecString::builder("path")
                    .nick("Path")
                    .blurb(
                        "Socket of the host: a file if it starts with '/', else an abstract name",
                    )
                    .mutable_ready()
                    .build(),
                glib::ParamSpecFloat::builder("timeout")
                    .nick("Timeout")
                    .blurb("Maximum time in seconds to connect (0 = 1 second)")
                    .minimum(0.0)
                    .maximum(86_400.0)
                    .default_value(defaults.timeout)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("dts")
                    .nick("DTS")
                    .blurb("Use the DTS of the sending pipeline unchanged")
                    .default_value(defaults.dts)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("pts")
                    .nick("PTS")
                    .blurb("Use the PTS of the sending pipeline unchanged")
                    .default_value(defaults.pts)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("reconnect")
                    .nick("Reconnect")
                    .blurb("Wait for a host to start, and for the next one when it ends")
                    .default_value(defaults.reconnect)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt::builder("hold")
                    .nick("Hold")
                    .blurb("Maximum number of frames that the pipeline holds; see when-full")
                    .minimum(1)
                    .maximum(MAX_HOLD)
                    .default_value(defaults.hold)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder::<WhenFull>("when-full")
                    .nick("When full")
                    .blurb("What to do with a frame while the pipeline holds the maximum (hold)")
                    .default_value(defaults.when_full)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder::<Frames>("mode")
                    .nick("Mode")
                    .blurb("Which frames of the host to receive")
                    .default_value(defaults.frames)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt64::builder("spin")
                    .nick("Spin")
                    .blurb(
                        "Nanoseconds to poll for a frame before sleeping: lower latency, but \
                         uses a core",
                    )
                    .default_value(defaults.spin_ns)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder::<Timestamps>("timestamps")
                    .nick("Timestamps")
                    .blurb("Source of buffer timestamps")
                    .default_value(defaults.timestamps)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb("Statistics since the element was started")
                    .read_only()
                    .build(),
            ]
        });
        &PROPERTIES
    }
}
