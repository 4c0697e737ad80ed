//! Lists in messages: items with a separator between them.

use std::fmt;

/// Displays `items` with commas between them.
pub(crate) fn commas<I>(items: I) -> Joined<I::IntoIter>
where
    I: IntoIterator<Item: fmt::Display, IntoIter: Clone>,
{
    joined(items, ", ")
}

/// Displays `items` with `separator` between them.
pub(crate) fn joined<I>(items: I, separator: &'static str) -> Joined<I::IntoIter>
where
    I: IntoIterator<Item: fmt::Display, IntoIter: Clone>,
{
    Joined {
        items: items.into_iter(),
        separator,
    }
}

/// The items of [`joined`], which are displayed without allocating.
pub(crate) struct Joined<I> {
    items: I,
    separator: &'static str,
}

impl<I: Iterator<Item: fmt::Display> + Clone> fmt::Display for Joined<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items = self.items.clone();
        if let Some(first) = items.next() {
            write!(f, "{first}")?;
        }
        items.try_for_each(|item| write!(f, "{}{item}", self.separator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_stand_between_items_only() {
        assert_eq!(commas(["a", "b", "c"]).to_string(), "a, b, c");
        assert_eq!(joined([1, 2], "; ").to_string(), "1; 2");
        assert_eq!(commas([0; 0]).to_string(), "");
    }
}
