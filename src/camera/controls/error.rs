//! Why a control could not be found or set, in one line, with what to do.

use std::fmt;

use videostream_hal::v4l2::control::SettingError;
use videostream_hal::v4l2::{Error, ErrorKind};

/// Why a control could not be found or set.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// The device has no control of that name.
    Unknown {
        /// The name asked for.
        name: String,
        /// The one that comes nearest, if any is near.
        nearest: Option<String>,
        /// All that there are.
        names: Vec<String>,
    },
    /// The text stands for no value that the control takes.
    Value {
        /// The control.
        name: String,
        /// The text.
        text: String,
        /// What the control takes.
        expected: String,
    },
    /// The control only tells.
    ReadOnly {
        /// The control.
        name: String,
    },
    /// The control has no effect now.
    Inactive {
        /// The control.
        name: String,
        /// The control that has to be switched off first, if that is known.
        automatic: Option<String>,
    },
    /// The control cannot be changed at the moment, such as while streaming.
    Busy {
        /// The control.
        name: String,
    },
    /// More controls than can be set at once.
    TooMany {
        /// How many.
        count: usize,
    },
    /// The driver refused.
    Refused {
        /// The control, if the driver named one.
        name: Option<String>,
        /// What it answered.
        error: Error,
    },
    /// The driver failed to tell of a control, or of an item of a menu.
    Gap {
        /// Which one.
        name: String,
        /// Whether it is missing in the list; otherwise it came when it was asked for again, or nothing follows.
        lost: bool,
        /// What it answered.
        error: Error,
    },
    /// One of the settings that most cameras have.
    Setting(SettingError),
    /// The camera has no test pattern of that name.
    NoPattern {
        /// The name asked for.
        name: String,
        /// Those that there are.
        patterns: Vec<String>,
    },
}

/// Names that are listed in an error.
const MAX_LISTED: usize = 40;

impl ControlError {
    pub(super) fn unknown(name: &str, names: Vec<String>) -> Self {
        let typed = name.to_ascii_lowercase();
        let likeness = |other: &String| strsim::jaro_winkler(&typed, other);
        let nearest = names
            .iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
            .filter(|other| likeness(other) > 0.8);
        Self::Unknown {
            name: name.to_owned(),
            nearest: nearest.cloned(),
            names,
        }
    }

    /// The kind of the error, as in the layer below.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown { .. } | Self::ReadOnly { .. } => ErrorKind::NotSupported,
            Self::Value { .. }
            | Self::Inactive { .. }
            | Self::TooMany { .. }
            | Self::NoPattern { .. } => ErrorKind::InvalidArgument,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Refused { error, .. } | Self::Gap { error, .. } => error.kind(),
            Self::Setting(error) => error.kind(),
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown {
                name,
                nearest: Some(nearest),
                ..
            } => write!(f, "no control {name}; did you mean {nearest}?"),
            Self::Unknown { name, names, .. } if names.is_empty() => {
                write!(f, "no control {name}; it has no controls at all")
            }
            Self::Unknown { name, names, .. } => {
                write!(f, "no control {name}; there are {}", Listed(names))
            }
            Self::Value {
                name,
                text,
                expected,
            } => write!(f, "{name} cannot be {text:?}: expected {expected}"),
            Self::ReadOnly { name } => write!(f, "{name} is read-only"),
            Self::Inactive {
                name,
                automatic: Some(automatic),
            } => write!(
                f,
                "{name} is inactive: set {automatic} first, or in the same call"
            ),
            Self::Inactive {
                name,
                automatic: None,
            } => write!(f, "{name} is inactive: another control has to be set first"),
            Self::Busy { name } => write!(
                f,
                "{name} cannot be changed now: a stream holds it; stop that first"
            ),
            Self::TooMany { count } => write!(
                f,
                "{count} controls are too many to be set at once; at most {}",
                super::MAX_AT_ONCE
            ),
            Self::Refused {
                name: Some(name),
                error,
            } => write!(f, "{name}: {error}"),
            Self::Refused { name: None, error } => error.fmt(f),
            Self::Gap {
                name,
                lost: true,
                error,
            } => write!(f, "{name} is left out: {error}"),
            Self::Gap {
                name,
                lost: false,
                error,
            } => write!(f, "{name} did not answer at once: {error}"),
            Self::Setting(error) => error.fmt(f),
            Self::NoPattern { name, patterns } => {
                write!(
                    f,
                    "no test pattern {name:?}; there are {}",
                    Listed(patterns)
                )
            }
        }
    }
}

impl std::error::Error for ControlError {}

/// Names with commas between them, not too many.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().min(MAX_LISTED);
        f.write_str(&self.0[..shown].join(", "))?;
        match self.0.len() - shown {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> String {
        let names = ["brightness", "contrast", "white_balance_automatic"];
        let names = names.map(str::to_owned).to_vec();
        ControlError::unknown(name, names).to_string()
    }

    #[test]
    fn a_name_with_a_slip_finds_the_right_one() {
        assert_eq!(
            said("brigthness"),
            "no control brigthness; did you mean brightness?"
        );
        assert_eq!(
            said("White_Balance"),
            "no control White_Balance; did you mean white_balance_automatic?"
        );
        assert_eq!(
            said("zoom"),
            "no control zoom; there are brightness, contrast, white_balance_automatic"
        );
    }
}
