//! The group that may open a device.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Returns the name of the group that may open a file; `None` if there is no such group or it is
/// unknown.
pub(super) fn group_of(path: &Path) -> Option<String> {
    let about = std::fs::metadata(path).ok()?;
    let group_may = about.mode() & 0o060 == 0o060;
    // Nobody should be told to join root's group.
    if !group_may || about.gid() == 0 {
        return None;
    }
    group_name(&std::fs::read_to_string("/etc/group").ok()?, about.gid())
}

/// Looks up the name of a group in the text of `/etc/group`.
fn group_name(groups: &str, gid: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_number() {
        let text = "root:x:0:\nbroken\nvideo:x:44:alice,bob\n";
        assert_eq!(group_name(text, 44).as_deref(), Some("video"));
        assert_eq!(group_name(text, 45), None);
    }
}
