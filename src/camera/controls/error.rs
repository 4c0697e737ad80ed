//! Errors of controls, each in one line, with a remedy.

use videostream_hal::v4l2::control::SettingError;
use videostream_hal::v4l2::{Error, ErrorKind};

use super::MAX_AT_ONCE;
use crate::joined::commas;

/// An error of finding or setting a control.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The device has no control of that name.
    #[error("no control {name}{}", instead(nearest.as_deref(), names))]
    Unknown {
        /// The requested name.
        name: String,
        /// The most similar name, if one is similar.
        nearest: Option<String>,
        /// Names of all controls.
        names: Vec<String>,
    },
    /// The text is not a valid value of the control.
    #[error("{name} cannot be {text:?}: expected {expected}")]
    Value {
        /// The control.
        name: String,
        /// The text.
        text: String,
        /// The values that the control accepts.
        expected: String,
    },
    /// The control cannot be written.
    #[error("{name} is read-only")]
    ReadOnly {
        /// The control.
        name: String,
    },
    /// The control has no effect at the moment.
    #[error("{name} is inactive: {}", switch(automatic.as_deref()))]
    Inactive {
        /// The control.
        name: String,
        /// The automatic control that has to be switched off first, if known.
        automatic: Option<String>,
    },
    /// The control cannot be changed at the moment, such as while streaming.
    #[error("{name} cannot be changed now: a stream uses it; stop the stream first")]
    Busy {
        /// The control.
        name: String,
    },
    /// Too many controls for one call.
    #[error("{count} controls are too many to be set at once; at most {MAX_AT_ONCE}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The driver refused a value.
    #[error("{}{error}", prefix(name.as_deref()))]
    Refused {
        /// The control, if the driver named one.
        name: Option<String>,
        /// The driver's error.
        #[source]
        error: Error,
    },
    /// The driver failed to describe a control or an item of a menu.
    #[error("{name} {}: {error}", if *lost { "is left out" } else { "did not answer at once" })]
    Gap {
        /// The control or item.
        name: String,
        /// Whether it is missing in the list; otherwise a retry succeeded, or nothing follows.
        lost: bool,
        /// The driver's error.
        #[source]
        error: Error,
    },
    /// An error of a typed setting.
    #[error(transparent)]
    Setting(SettingError),
    /// The camera has no test pattern of that name.
    #[error("no test pattern {name:?}; available: {}", listed(patterns))]
    NoPattern {
        /// The name asked for.
        name: String,
        /// Names of the patterns that exist.
        patterns: Vec<String>,
    },
}

/// Most names that an error lists.
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

    /// Returns the kind of the error, as in the hal.
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

fn instead(nearest: Option<&str>, names: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None if names.is_empty() => "; it has no controls at all".to_owned(),
        None => format!("; available: {}", listed(names)),
    }
}

fn switch(automatic: Option<&str>) -> String {
    match automatic {
        Some(automatic) => format!("set {automatic} first, or in the same call"),
        None => "another control has to be set first".to_owned(),
    }
}

fn prefix(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("{name}: "))
}

/// Joins names with commas, [`MAX_LISTED`] at most.
fn listed(names: &[String]) -> String {
    match names.split_at_checked(MAX_LISTED) {
        Some((shown, more)) if !more.is_empty() => {
            format!("{} and {} more", commas(shown), more.len())
        }
        _ => commas(names).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        let names = ["brightness", "contrast", "white_balance_automatic"];
        let names = names.map(str::to_owned).to_vec();
        ControlError::unknown(name, names).to_string()
    }

    #[test]
    fn a_name_with_a_slip_finds_the_right_one() {
        assert_eq!(
            text("brigthness"),
            "no control brigthness; did you mean brightness?"
        );
        assert_eq!(
            text("White_Balance"),
            "no control White_Balance; did you mean white_balance_automatic?"
        );
        assert_eq!(
            text("zoom"),
            "no control zoom; available: brightness, contrast, white_balance_automatic"
        );
    }
}
