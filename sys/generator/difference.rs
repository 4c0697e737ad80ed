//! Names the items in which two versions of a bindings file differ.

use std::collections::BTreeMap;

/// One line per item that was added, removed or changed, in the order of the names.
pub(crate) fn items(committed: &str, generated: &str) -> Vec<String> {
    let (old, new) = (split(committed), split(generated));
    let mut lines = Vec::new();
    for (name, text) in &old {
        match new.get(name) {
            None => lines.push(format!("{name}: committed, but no longer generated")),
            Some(other) if other != text => lines.push(format!("{name}: differs")),
            Some(_) => {}
        }
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        lines.push(format!("{name}: generated, but not committed"));
    }
    lines
}

/// The first line in which two texts differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lines<'a> {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// The line of the one text; empty past its end.
    pub(crate) old: &'a str,
    /// The line of the other.
    pub(crate) new: &'a str,
}

/// Returns the first line in which two texts differ, or `None` if they are equal.
pub(crate) fn first_line<'a>(old: &'a str, new: &'a str) -> Option<Lines<'a>> {
    let (mut old, mut new) = (old.lines(), new.lines());
    for number in 1.. {
        let (old, new) = match (old.next(), new.next()) {
            (None, None) => break,
            (old, new) => (old.unwrap_or_default(), new.unwrap_or_default()),
        };
        if old != new {
            return Some(Lines { number, old, new });
        }
    }
    None
}

/// The file's text by item. Attributes and assertions belong to the item before them, which is
/// close enough to name it.
fn split(text: &str) -> BTreeMap<String, String> {
    let mut items: BTreeMap<String, String> = BTreeMap::new();
    let mut name = "the first lines".to_owned();
    for line in text.lines() {
        if let Some(found) = item_name(line) {
            name = found;
        }
        let item = items.entry(name.clone()).or_default();
        item.push_str(line);
        item.push('\n');
    }
    items
}

fn item_name(line: &str) -> Option<String> {
    let rest = ["pub const ", "pub type ", "pub struct ", "pub union "]
        .iter()
        .find_map(|start| line.strip_prefix(start))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(rest[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::{first_line, items};

    #[test]
    fn equal_files_have_no_difference() {
        assert!(items("pub const A: u32 = 1;\n", "pub const A: u32 = 1;\n").is_empty());
    }

    #[test]
    fn changed_added_and_removed_items_are_named() {
        let old = "pub const A: u32 = 1;\npub struct B {\n    pub x: u8,\n}\npub type C = u8;\n";
        let new = "pub const A: u32 = 2;\npub struct B {\n    pub x: u16,\n}\npub type D = u8;\n";
        assert_eq!(
            items(old, new),
            [
                "A: differs",
                "B: differs",
                "C: committed, but no longer generated",
                "D: generated, but not committed",
            ]
        );
    }

    #[test]
    fn first_differing_line_is_found() {
        let found =
            |old, new| first_line(old, new).map(|lines| (lines.number, lines.old, lines.new));
        assert_eq!(found("a\nb\n", "a\nb\n"), None);
        assert_eq!(found("a\nb\nc\n", "a\nx\ny\n"), Some((2, "b", "x")));
        assert_eq!(found("a\n", "a\nb\n"), Some((2, "", "b")));
    }
}
