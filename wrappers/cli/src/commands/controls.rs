//! `videostream controls`: lists, reads and sets a device's controls.

use std::fmt::Write as _;

use serde::Serialize;
use videostream::CameraError;
use videostream::camera::controls::{Control, Reset, Value};
use videostream::camera::{Controls, Node, find_device};
use videostream::hal::v4l2::{ControlFlags, ControlType};

use crate::failure::{Failure, GENERAL};
use crate::output::Output;

#[derive(clap::Args)]
#[command(after_help = "\
Without names, lists all controls. A name without a value is read. Values: a number, on or off, the
name or index of a menu item, anything for a button, comma-separated numbers for an array, 640x480
for an area. Either all of them are set, or none.

Examples:
  videostream controls 0                                       everything of /dev/video0
  videostream controls 0 brightness gain                       two values
  videostream controls 0 auto_exposure='Manual Mode' exposure_time_absolute=80
  videostream controls 'HD Webcam' --reset                     back to the defaults")]
pub(crate) struct Args {
    /// The device: a path, number, name, serial number, bus address or name in /dev/v4l/by-id
    device: String,
    /// A control to read, or to set
    #[arg(value_name = "NAME[=VALUE]")]
    names: Vec<String>,
    /// Set all writable controls to their defaults first
    #[arg(long)]
    reset: bool,
}

/// A control in JSON.
#[derive(Serialize)]
struct Described {
    name: String,
    description: String,
    id: u32,
    class: String,
    #[serde(rename = "type")]
    kind: &'static str,
    minimum: i64,
    maximum: i64,
    step: u64,
    default: i64,
    /// Number, boolean, text, array of numbers, or object for an area; null if it can't be read.
    value: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dimensions: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    let node = Node::open(find_device(&args.device)?)?;
    let controls = node.controls();
    if args.reset {
        report(&controls.reset()?, output)?;
    }
    if args.names.is_empty() {
        if args.reset && !output.json {
            return Ok(());
        }
        let list = controls.list()?;
        for gap in &list.gaps {
            output.note(format_args!("note: {}: {gap}", node.path().display()));
        }
        if output.json {
            return print_json(&list.controls, output);
        }
        return output.print(listing(&node, &list.controls).trim_end());
    }
    let asked = ask(&controls, &args.names)?;
    if output.json {
        return print_json(&asked, output);
    }
    let lines: Vec<_> = asked
        .iter()
        .map(|control| format!("{}={}", control.name, value_text(control)))
        .collect();
    output.print(lines.join("\n"))
}

/// Sets the controls that have a value, then reads all, in the order of the names.
fn ask(controls: &Controls<'_>, names: &[String]) -> Result<Vec<Control>, CameraError> {
    // Fails for unknown names before any control is set.
    for name in names.iter().filter(|name| !name.contains('=')) {
        controls.get(name)?;
    }
    let wanted = names.iter().filter_map(|name| name.split_once('='));
    let wanted: Vec<_> = wanted.collect();
    if !wanted.is_empty() {
        controls.set(&wanted)?;
    }
    let name = |word: &String| word.split('=').next().unwrap_or_default().to_owned();
    names.iter().map(|word| controls.get(&name(word))).collect()
}

fn report(reset: &Reset, output: &Output) -> Result<(), Failure> {
    if !reset.inactive.is_empty() {
        output.note(format_args!("inactive: {}", reset.inactive.join(", ")));
    }
    output.note(format_args!("reset {} controls", reset.done.len()));
    let [first, others @ ..] = &reset.refused[..] else {
        return Ok(());
    };
    for error in others {
        output.note(format_args!("note: {error}"));
    }
    Err(Failure::new(GENERAL, first))
}

fn print_json(list: &[Control], output: &Output) -> Result<(), Failure> {
    let described: Vec<_> = list.iter().map(describe).collect();
    output.print_json(&described)
}

fn describe(control: &Control) -> Described {
    let info = &control.info;
    let is_integer_menu = info.control_type == ControlType::IntegerMenu;
    let items = control.items.iter().map(|item| Item {
        index: item.index,
        name: (!is_integer_menu).then(|| item.name().to_owned()),
        value: is_integer_menu.then_some(item.value),
    });
    Described {
        name: control.name.clone(),
        description: info.name().to_owned(),
        id: info.id,
        class: control.class.clone(),
        kind: kind(info.control_type),
        minimum: info.minimum,
        maximum: info.maximum,
        step: info.step,
        default: info.default_value,
        value: control.value.as_ref().map_or(serde_json::Value::Null, json),
        unit: info.unit().map(|unit| unit.to_string()),
        flags: flags(info.flags),
        dimensions: info.dims[..info.dim_count.min(4) as usize].to_vec(),
        items: items.collect(),
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Number(number) => (*number).into(),
        Value::Switch(on) => (*on).into(),
        Value::Item { index, .. } => (*index).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Numbers(numbers) => numbers.as_slice().into(),
        Value::Area(width, height) => serde_json::json!({ "width": width, "height": height }),
        other => other.to_string().into(),
    }
}

/// Returns the name of a control's type as in `v4l2-ctl`.
fn kind(kind: ControlType) -> &'static str {
    match kind {
        ControlType::Integer => "int",
        ControlType::Boolean => "bool",
        ControlType::Menu => "menu",
        ControlType::Button => "button",
        ControlType::Integer64 => "int64",
        ControlType::Class => "class",
        ControlType::String => "str",
        ControlType::Bitmask => "bitmask",
        ControlType::IntegerMenu => "intmenu",
        ControlType::U8 => "u8",
        ControlType::U16 => "u16",
        ControlType::U32 => "u32",
        ControlType::Area => "area",
        ControlType::Other(_) => "other",
    }
}

/// Returns the names of flags as in `v4l2-ctl`.
fn flags(flags: ControlFlags) -> Vec<&'static str> {
    [
        (ControlFlags::DISABLED, "disabled"),
        (ControlFlags::GRABBED, "grabbed"),
        (ControlFlags::READ_ONLY, "read-only"),
        (ControlFlags::UPDATE, "update"),
        (ControlFlags::INACTIVE, "inactive"),
        (ControlFlags::SLIDER, "slider"),
        (ControlFlags::WRITE_ONLY, "write-only"),
        (ControlFlags::VOLATILE, "volatile"),
        (ControlFlags::HAS_PAYLOAD, "has-payload"),
        (ControlFlags::EXECUTE_ON_WRITE, "execute-on-write"),
        (ControlFlags::MODIFY_LAYOUT, "modify-layout"),
        (ControlFlags::DYNAMIC_ARRAY, "dynamic-array"),
    ]
    .into_iter()
    .filter_map(|(flag, name)| flags.contains(flag).then_some(name))
    .collect()
}

/// Maximum elements of an array in a list.
const SHOWN_ELEMENTS: usize = 8;

/// Formats all controls by class, one line for each control and each item of a menu.
fn listing(node: &Node, list: &[Control]) -> String {
    let mut text = format!(
        "{} ({})\n",
        node.path().display(),
        node.capabilities().card()
    );
    if list.is_empty() {
        text.push_str("\nno controls\n");
    }
    let width = list.iter().map(|control| control.name.len()).max();
    let width = width.unwrap_or(0);
    let mut class = None;
    for control in list {
        if class != Some(&control.class) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "\n{}", control.class);
            class = Some(&control.class);
        }
        let info = &control.info;
        let value = match &control.value {
            Some(Value::Numbers(numbers)) if numbers.len() > SHOWN_ELEMENTS => {
                let first = Value::Numbers(numbers[..SHOWN_ELEMENTS].to_vec());
                format!("{first},... ({})", numbers.len())
            }
            Some(Value::Text(text)) => format!("{text:?}"),
            Some(_) => value_text(control),
            None => "-".to_owned(),
        };
        let _ = write!(text, "  {:<width$}  {value}", control.name);
        let _ = write!(text, "  ({})", about(control));
        let flags = flags(info.flags & !ControlFlags::HAS_PAYLOAD);
        if !flags.is_empty() {
            let _ = write!(text, "  [{}]", flags.join(" "));
        }
        text.push('\n');
        for item in &control.items {
            let _ = match info.control_type {
                ControlType::IntegerMenu => writeln!(text, "      {}: {}", item.index, item.value),
                _ => writeln!(text, "      {}: {}", item.index, item.name()),
            };
        }
    }
    text
}

/// Formats type, range, step, default and unit.
fn about(control: &Control) -> String {
    let info = &control.info;
    let (minimum, maximum) = (info.minimum, info.maximum);
    let mut words = vec![kind(info.control_type).to_owned()];
    if info.dim_count > 0 {
        let dims = info.dims[..info.dim_count.min(4) as usize].iter();
        words.push(dims.map(|dim| format!("[{dim}]")).collect());
    }
    match info.control_type {
        ControlType::Bitmask => words.push(format!("of {maximum:#x}")),
        ControlType::Integer
        | ControlType::Integer64
        | ControlType::U8
        | ControlType::U16
        | ControlType::U32
        | ControlType::String => {
            words.push(format!("{minimum}..{maximum}"));
            if info.step > 1 {
                words.push(format!("step {}", info.step));
            }
        }
        _ => {}
    }
    words.extend(info.unit().map(|unit| unit.to_string()));
    match info.control_type {
        ControlType::Button | ControlType::String | ControlType::Area | ControlType::Other(_) => {}
        ControlType::Bitmask => words.push(format!("default {:#x}", info.default_value)),
        ControlType::Boolean => {
            words.push(format!(
                "default {}",
                Value::Switch(info.default_value != 0)
            ));
        }
        _ => words.push(format!("default {}", info.default_value)),
    }
    words.join(" ")
}

/// Formats the value so that it can be set again; empty if it can't be read.
fn value_text(control: &Control) -> String {
    match &control.value {
        Some(Value::Number(bits)) if control.info.control_type == ControlType::Bitmask => {
            format!("{bits:#x}")
        }
        Some(value) => value.to_string(),
        None => String::new(),
    }
}
