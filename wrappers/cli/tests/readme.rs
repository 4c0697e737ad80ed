//! The README lists all subcommands.

mod support;

use std::collections::BTreeSet;

#[test]
fn readme_lists_every_command() {
    let page = include_str!("../README.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<_> = rows.filter_map(|row| row.split('`').next()).collect();
    let help = support::run(["--help"]).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    let commands: BTreeSet<_> = names.filter(|name| *name != "help").collect();
    assert_eq!(listed, commands);
}
