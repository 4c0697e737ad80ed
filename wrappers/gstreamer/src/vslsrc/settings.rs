//! The element's properties.

use std::sync::LazyLock;
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use videostream::share::ClientBuilder;
use videostream::{Client, Mode};

/// Frames held downstream at once, at most, by default: one that is shown, and one that is next.
const HOLD: u32 = 2;
/// Most of them.
const MAX_HOLD: u32 = 64;
/// How long connecting may take by default.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Which frames of the host flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "VslSrcFrames")]
pub enum Frames {
    /// The newest one each time; packets of H.264 and H.265 come in order all the same.
    #[default]
    #[enum_value(name = "Newest: the newest frame each time", nick = "newest")]
    Newest,
    /// Every one, in order.
    #[enum_value(name = "Every: every frame, in order", nick = "every")]
    Every,
}

/// What the times of buffers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "VslSrcTimestamps")]
pub enum Timestamps {
    /// When the frame was taken.
    #[default]
    #[enum_value(name = "Capture: when the frame was taken", nick = "capture")]
    Capture,
    /// When the frame came into this pipeline.
    #[enum_value(
        name = "Arrival: when the frame came into this pipeline",
        nick = "arrival"
    )]
    Arrival,
    /// PTS and DTS of the other pipeline, as they are.
    #[enum_value(name = "Raw: PTS and DTS of the other pipeline", nick = "raw")]
    Raw,
}

/// What becomes of a frame while downstream holds as many as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "VslSrcWhenFull")]
pub enum WhenFull {
    /// It is copied. Encoders keep dozens of frames before they give one back, and would wait for ever otherwise.
    #[default]
    #[enum_value(name = "Copy: frames beyond hold are copied", nick = "copy")]
    Copy,
    /// It is dropped, and so are others until downstream lets go of one.
    #[enum_value(name = "Drop: frames beyond hold are dropped", nick = "drop")]
    Drop,
}

/// Values of the properties.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) path: Option<String>,
    /// In seconds; 0 for [`TIMEOUT`].
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

/// What matters for each frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerFrame {
    pub(super) dts: bool,
    pub(super) pts: bool,
    pub(super) timestamps: Timestamps,
    pub(super) when_full: WhenFull,
}

/// Why a property stays what it is: the connection is made with it.
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

    /// How long connecting may take.
    pub(super) fn timeout(&self) -> Duration {
        match Duration::try_from_secs_f32(self.timeout) {
            Ok(Duration::ZERO) | Err(_) => TIMEOUT,
            Ok(timeout) => timeout,
        }
    }

    /// Frames to hold at once, with the one that is copied.
    pub(super) fn client_hold(&self) -> u32 {
        match self.when_full {
            WhenFull::Copy => (self.hold + 1).min(MAX_HOLD),
            WhenFull::Drop => self.hold,
        }
    }

    /// A client like this; `every` for every frame in order, whatever the property says.
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

    /// The value of a property.
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
    /// [`Connected`] for those that can be set in READY and below, while the element `is_connected`.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: &glib::Value,
        is_connected: bool,
    ) -> Result<(), Connected> {
        /// A value of another type never gets here.
        fn put<T: for<'a> glib::value::FromValue<'a> + 'static>(to: &mut T, value: &glib::Value) {
            if let Ok(value) = value.get_owned::<T>() {
                *to = value;
            }
        }
        match name {
            "dts" => put(&mut self.dts, value),
            "pts" => put(&mut self.pts, value),
            "timestamps" => put(&mut self.timestamps, value),
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

    /// All properties, `stats` among them.
    pub(super) fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let defaults = Settings::default();
            vec![
                glib::ParamSpecString::builder("path")
                    .nick("Path")
                    .blurb("Socket of the host: a file if it begins with '/', else an abstract name")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecFloat::builder("timeout")
                    .nick("Timeout")
                    .blurb("Seconds that connecting may take; 0 for the default of 1 second")
                    .minimum(0.0)
                    .maximum(86_400.0)
                    .default_value(defaults.timeout)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("dts")
                    .nick("DTS")
                    .blurb("Take over the DTS of the other pipeline as it is")
                    .default_value(defaults.dts)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("pts")
                    .nick("PTS")
                    .blurb("Take over the PTS of the other pipeline as it is")
                    .default_value(defaults.pts)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("reconnect")
                    .nick("Reconnect")
                    .blurb("Wait for a host, and for the next one when it goes away")
                    .default_value(defaults.reconnect)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt::builder("hold")
                    .nick("Hold")
                    .blurb("Frames of the host that the pipeline holds at once, at most; see when-full")
                    .minimum(1)
                    .maximum(MAX_HOLD)
                    .default_value(defaults.hold)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder::<WhenFull>("when-full")
                    .nick("When full")
                    .blurb("What becomes of a frame while the pipeline holds as many as it may")
                    .default_value(defaults.when_full)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder::<Frames>("mode")
                    .nick("Mode")
                    .blurb("Which frames flow")
                    .default_value(defaults.frames)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt64::builder("spin")
                    .nick("Spin")
                    .blurb("Nanoseconds to look for a frame before sleeping: lower latency at the price of a core")
                    .default_value(defaults.spin_ns)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder::<Timestamps>("timestamps")
                    .nick("Timestamps")
                    .blurb("What the times of buffers say")
                    .default_value(defaults.timestamps)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb("What the element has counted since it was started")
                    .read_only()
                    .build(),
            ]
        });
        &PROPERTIES
    }
}
