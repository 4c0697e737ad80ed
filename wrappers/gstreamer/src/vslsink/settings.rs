//! The properties of `vslsink`.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use nix::unistd::{Group, User};
use videostream::Host;
use videostream::share::{Access, HostBuilder, Policy};

/// The most buffers that a camera can have, minus those that it needs itself.
const MOST_BUFFERS: u32 = 22;

/// Which frames are dropped to make room for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "VslSinkPolicy")]
pub enum SinkPolicy {
    /// The oldest frame that no client holds is dropped.
    #[default]
    #[enum_value(
        name = "Drop the oldest frame; the pipeline never blocks",
        nick = "newest"
    )]
    Newest,
    /// Frames stay until they expire.
    #[enum_value(
        name = "Keep frames until they expire; the pipeline blocks meanwhile",
        nick = "until-expiry"
    )]
    UntilExpiry,
    /// Frames stay until all clients in mode `every` have received them.
    #[enum_value(
        name = "Keep frames until all clients in mode 'every' have received them; the pipeline \
                blocks meanwhile",
        nick = "never-drop"
    )]
    NeverDrop,
}

/// The properties' values.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) path: Option<String>,
    pub(super) lifespan_ms: i64,
    pub(super) pool_size: u32,
    pub(super) policy: SinkPolicy,
    /// 0: as many as `pool-size`.
    pub(super) lend: u32,
    pub(super) socket_mode: String,
    pub(super) allow: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            lifespan_ms: 100,
            pool_size: 8,
            policy: SinkPolicy::Newest,
            lend: 0,
            socket_mode: "600".to_owned(),
            allow: None,
        }
    }
}

/// The properties' descriptions.
pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let default = Settings::default();
    vec![
        glib::ParamSpecString::builder("path")
            .nick("Path")
            .blurb(
                "Socket that clients connect to: a file if it starts with '/', else an abstract \
                 name (default: /tmp/ELEMENT.THREAD)",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecInt64::builder("lifespan")
            .nick("Lifespan")
            .blurb("Milliseconds until a frame expires, unless a client holds it (0 = at once)")
            .minimum(0)
            .default_value(default.lifespan_ms)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("pool-size")
            .nick("Pool size")
            .blurb("Number of buffers for shared frames")
            .minimum(1)
            .maximum(64)
            .default_value(default.pool_size)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("policy", default.policy)
            .nick("Policy")
            .blurb("Which frames are dropped to make room for new ones")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("lend")
            .nick("Lend")
            .blurb(
                "Maximum number of frames shared at once; clients together can hold one less \
                 (0 = pool-size, 22 at most)",
            )
            .maximum(60)
            .default_value(default.lend)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("socket-mode")
            .nick("Socket mode")
            .blurb("Permission bits of the socket file, in octal")
            .default_value(Some(default.socket_mode.as_str()))
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("allow")
            .nick("Allow")
            .blurb(
                "Users and @groups that may connect in addition to the same user and root, by name \
                 or number, separated by commas, or 'anyone'",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("Statistics since the element was started")
            .read_only()
            .build(),
        glib::ParamSpecUInt::builder("num-clients")
            .nick("Number of clients")
            .blurb("Number of connected clients")
            .read_only()
            .build(),
    ]
});

impl Settings {
    /// Sets a property.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) {
        match name {
            "path" => self.path = text(value),
            "lifespan" => self.lifespan_ms = value.get().unwrap_or(self.lifespan_ms),
            "pool-size" => self.pool_size = value.get().unwrap_or(self.pool_size),
            "policy" => self.policy = value.get().unwrap_or(self.policy),
            "lend" => self.lend = value.get().unwrap_or(self.lend),
            "socket-mode" => self.socket_mode = text(value).unwrap_or_default(),
            "allow" => self.allow = text(value),
            _ => {}
        }
    }

    /// Returns the value of a property; `None` for those that are statistics.
    pub(super) fn get(&self, name: &str) -> Option<glib::Value> {
        Some(match name {
            "path" => self.path.to_value(),
            "lifespan" => self.lifespan_ms.to_value(),
            "pool-size" => self.pool_size.to_value(),
            "policy" => self.policy.to_value(),
            "lend" => self.lend.to_value(),
            "socket-mode" => self.socket_mode.to_value(),
            "allow" => self.allow.to_value(),
            _ => return None,
        })
    }

    /// Returns the maximum number of frames shared at once.
    pub(super) fn lend(&self) -> u32 {
        match self.lend {
            0 => self.pool_size.clamp(2, MOST_BUFFERS),
            lend => lend.max(2),
        }
    }

    /// Returns when a frame published now expires.
    pub(super) fn expires_ns(&self, now_ns: u64) -> u64 {
        let lifespan_ns = self.lifespan_ms.unsigned_abs().saturating_mul(1_000_000);
        now_ns.saturating_add(lifespan_ns)
    }

    /// Whether the pipeline blocks while there is no room for a frame.
    pub(super) fn waits(&self) -> bool {
        self.policy != SinkPolicy::Newest
    }

    /// Builds the host. The error names the invalid property.
    pub(super) fn host(&self, path: &str) -> Result<HostBuilder, String> {
        let policy = match self.policy {
            SinkPolicy::Newest => Policy::Newest,
            SinkPolicy::UntilExpiry => Policy::UntilExpiry,
            SinkPolicy::NeverDrop => Policy::NeverDrop,
        };
        let host = Host::builder(path)
            .max_outstanding(self.lend())
            .policy(policy)
            .mode(permissions(&self.socket_mode)?);
        match &self.allow {
            Some(allow) => Ok(host.access(access(allow)?)),
            None => Ok(host),
        }
    }
}

fn text(value: &glib::Value) -> Option<String> {
    value.get::<Option<String>>().ok().flatten()
}

fn permissions(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|mode| *mode <= 0o777).ok_or_else(|| {
        format!("socket-mode={text}: expected permission bits in octal, such as 600 or 666")
    })
}

/// Parses who may connect.
fn access(allow: &str) -> Result<Access, String> {
    if allow == "anyone" {
        return Ok(Access::Anyone);
    }
    let wrong = |word: &str, what: &str| format!("allow={allow}: {word:?} {what}");
    let mut uids = heapless::Vec::new();
    let mut gids = heapless::Vec::new();
    for word in allow.split(',').map(str::trim) {
        let (list, id) = match word.strip_prefix('@') {
            Some(group) => {
                let found = || Some(Group::from_name(group).ok()??.gid.as_raw());
                let id = group.parse().ok().or_else(found);
                (
                    &mut gids,
                    id.ok_or_else(|| wrong(word, "is not a group of this system"))?,
                )
            }
            None => {
                let found = || Some(User::from_name(word).ok()??.uid.as_raw());
                let id = word.parse().ok().or_else(found);
                let what = "is not a user of this system; groups are written as @group, and \
                            'anyone' must be the only word";
                (&mut uids, id.ok_or_else(|| wrong(word, what))?)
            }
        };
        list.push(id).map_err(|_| {
            wrong(
                word,
                "is one too many: at most 16 users and 16 groups can be listed",
            )
        })?;
    }
    Ok(Access::Listed { uids, gids })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_bits_are_octal() {
        assert_eq!(permissions("660"), Ok(0o660));
        assert_eq!(permissions("0660"), Ok(0o660));
        for wrong in ["", "999", "1000", "rw", "-1"] {
            let why = permissions(wrong).unwrap_err();
            assert!(why.contains(wrong) && why.contains("octal"), "{why}");
        }
    }

    #[test]
    fn users_and_groups_are_names_or_numbers() {
        assert_eq!(access("anyone"), Ok(Access::Anyone));
        let Ok(Access::Listed { uids, gids }) = access("root, 1000,@root,@44") else {
            panic!("a list");
        };
        assert_eq!(uids, [0, 1000]);
        assert_eq!(gids, [0, 44]);
        let why = access("root,nobody-of-this-name").unwrap_err();
        assert!(why.contains("nobody-of-this-name"), "{why}");
        assert!(access("@no-such-group").is_err());
        assert!(access("").is_err());
    }

    #[test]
    fn the_default_lend_suits_cameras() {
        let of = |pool_size, lend| {
            let settings = Settings {
                pool_size,
                lend,
                ..Settings::default()
            };
            settings.lend()
        };
        assert_eq!((of(8, 0), of(1, 0), of(64, 0)), (8, 2, 22));
        assert_eq!((of(8, 3), of(8, 60), of(8, 1)), (3, 60, 2));
    }
}
