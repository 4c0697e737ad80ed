//! The tables of `docs/protocol.md`.

pub(crate) mod messages;

/// The page.
pub(crate) const DOCUMENT: &str = include_str!("../../docs/protocol.md");

/// The rows of the tables below a heading: their cells.
pub(crate) fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let mut lines = DOCUMENT.lines();
    let found = lines
        .by_ref()
        .any(|line| line.trim_start_matches('#').trim() == heading);
    assert!(found, "no heading {heading:?}");
    lines
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|row| !row[0].starts_with('-'))
        .collect()
}

/// `12`, `8N`, `S` or `S`-free sums of the page, for `n` slots.
fn number(text: &str, n: usize) -> usize {
    if text == "S" {
        return (256 + 8 * n).next_multiple_of(64);
    }
    match text.strip_suffix('N') {
        Some(factor) => factor.parse::<usize>().unwrap() * n,
        None => text
            .parse()
            .unwrap_or_else(|_| panic!("{text:?} is no number")),
    }
}

/// Offset, bytes and name of each field below a heading.
pub(crate) fn fields(heading: &str, n: usize) -> Vec<(usize, usize, &'static str)> {
    let rows = rows(heading).into_iter();
    // A second table, of reasons, has another first line.
    let mut rows = rows.take_while(|row| row[0] != "reason");
    assert_eq!(rows.next().map(|row| row[0]), Some("offset"), "{heading}");
    let field = |row: Vec<&'static str>| (number(row[0], n), number(row[1], n), row[2]);
    rows.map(field).collect()
}

/// Offset and bytes of one of them.
pub(crate) fn field(heading: &str, name: &str, n: usize) -> (usize, usize) {
    let all = fields(heading, n);
    let found = all.into_iter().find(|field| field.2 == name);
    let (offset, bytes, _) = found.unwrap_or_else(|| panic!("no {name} in {heading}"));
    (offset, bytes)
}
