//! Values of controls and their text form.

use std::fmt;

use videostream_hal::v4l2::control::MenuItem;
use videostream_hal::v4l2::{ControlFlags, ControlInfo, ControlType};

use crate::joined::joined;

/// The value of a control.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// A number, or the bits of a bit mask.
    Number(i64),
    /// On or off.
    Switch(bool),
    /// An item of a menu.
    Item {
        /// Its index.
        index: i64,
        /// Its name, or the number in a menu of numbers.
        name: String,
    },
    /// Text.
    Text(String),
    /// The elements of an array, the last dimension running fastest.
    Numbers(Vec<i64>),
    /// Width and height.
    Area(u32, u32),
    /// A struct, or a value of unknown kind.
    Bytes(Vec<u8>),
}

/// The text that [`Controls::set`](super::Controls::set) reads, except for bytes, which cannot be
/// set by name.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Item { name, .. } => f.write_str(name),
            Self::Text(text) => f.write_str(text),
            Self::Numbers(numbers) => joined(numbers, ",").fmt(f),
            Self::Area(width, height) => write!(f, "{width}x{height}"),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// The structure of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    Text,
    Area,
    Elements(Element),
    /// A payload without a text form.
    Opaque,
}

/// An element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    U8,
    U16,
    U32,
    I32,
    I64,
}

impl Element {
    const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 | Self::I32 => 4,
            Self::I64 => 8,
        }
    }
}

fn payload(info: &ControlInfo) -> Payload {
    let element = match info.control_type {
        ControlType::String if info.dim_count == 0 => return Payload::Text,
        ControlType::Area if info.dim_count == 0 && info.elem_size == 8 => return Payload::Area,
        ControlType::U8 => Element::U8,
        ControlType::U16 => Element::U16,
        ControlType::U32 | ControlType::Bitmask => Element::U32,
        ControlType::Integer
        | ControlType::Boolean
        | ControlType::Menu
        | ControlType::IntegerMenu => Element::I32,
        ControlType::Integer64 => Element::I64,
        _ => return Payload::Opaque,
    };
    if element.size() == info.elem_size as usize {
        Payload::Elements(element)
    } else {
        Payload::Opaque
    }
}

/// Bytes of a payload; more than any control of any driver has.
const MAX_PAYLOAD: usize = 16 << 20;

/// Allocates the payload of a control.
pub(super) fn room(info: &ControlInfo) -> Vec<u8> {
    let len = usize::try_from(info.payload_len()).unwrap_or(MAX_PAYLOAD);
    vec![0; len.min(MAX_PAYLOAD)]
}

impl Value {
    pub(super) fn of_number(info: &ControlInfo, number: i64, items: &[MenuItem]) -> Self {
        match info.control_type {
            ControlType::Boolean => Self::Switch(number != 0),
            ControlType::Menu | ControlType::IntegerMenu => {
                let item = items.iter().find(|item| i64::from(item.index) == number);
                Self::Item {
                    index: number,
                    name: item.map_or_else(|| number.to_string(), |item| item_name(info, item)),
                }
            }
            _ => Self::Number(number),
        }
    }

    pub(super) fn of_payload(info: &ControlInfo, bytes: &[u8]) -> Self {
        match payload(info) {
            Payload::Text => {
                let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
                Self::Text(String::from_utf8_lossy(&bytes[..len]).into_owned())
            }
            Payload::Area => match bytes.as_chunks::<4>().0 {
                [width, height, ..] => {
                    Self::Area(u32::from_ne_bytes(*width), u32::from_ne_bytes(*height))
                }
                _ => Self::Bytes(bytes.to_vec()),
            },
            Payload::Elements(element) => Self::Numbers(elements(element, bytes)),
            Payload::Opaque => Self::Bytes(bytes.to_vec()),
        }
    }
}

/// Returns the name of an item, or the number in a menu of numbers.
pub(super) fn item_name(info: &ControlInfo, item: &MenuItem) -> String {
    match info.control_type {
        ControlType::IntegerMenu => item.value.to_string(),
        _ => item.name().to_owned(),
    }
}

fn elements(element: Element, bytes: &[u8]) -> Vec<i64> {
    fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> i64) -> Vec<i64> {
        let chunks = bytes.as_chunks::<N>().0;
        chunks.iter().map(|&chunk| number(chunk)).collect()
    }
    match element {
        Element::U8 => each(bytes, |[byte]| byte.into()),
        Element::U16 => each(bytes, |b| u16::from_ne_bytes(b).into()),
        Element::U32 => each(bytes, |b| u32::from_ne_bytes(b).into()),
        Element::I32 => each(bytes, |b| i32::from_ne_bytes(b).into()),
        Element::I64 => each(bytes, i64::from_ne_bytes),
    }
}

/// Parses a number: `5`, `-5`, `0x1f`.
pub(super) fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Parses `on`, `true`, `yes`, `1` and their opposites, in any case.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Parses a payload; the error says what is expected.
pub(super) fn to_payload(info: &ControlInfo, text: &str) -> Result<Vec<u8>, String> {
    match payload(info) {
        Payload::Text => {
            let len = i64::try_from(text.len()).unwrap_or(i64::MAX);
            let range = info.minimum..=info.maximum;
            if text.contains('\0') || !range.contains(&len) {
                return Err(format!(
                    "a text of {} to {} bytes",
                    info.minimum, info.maximum
                ));
            }
            let mut bytes = text.as_bytes().to_vec();
            bytes.push(0);
            Ok(bytes)
        }
        Payload::Area => {
            let sides = text.split_once(['x', ',']).and_then(|(width, height)| {
                Some([width.trim().parse().ok()?, height.trim().parse().ok()?])
            });
            let sides: [u32; 2] = sides.ok_or("WIDTHxHEIGHT, such as 1000x2000")?;
            Ok(sides.iter().flat_map(|side| side.to_ne_bytes()).collect())
        }
        Payload::Elements(element) => to_elements(info, element, text),
        Payload::Opaque => Err("a binary value, which cannot be set as text".to_owned()),
    }
}

/// Parses one number for all elements, or a comma-separated number for each.
fn to_elements(info: &ControlInfo, element: Element, text: &str) -> Result<Vec<u8>, String> {
    let dims = info.dims.iter().take(info.dim_count as usize);
    let most = dims.map(|&dim| u64::from(dim)).product::<u64>();
    let is_dynamic = info.flags.contains(ControlFlags::DYNAMIC_ARRAY);
    let (minimum, maximum) = (info.minimum, info.maximum);
    let expected = || {
        let count = match is_dynamic {
            true => format!("1 to {most} comma-separated numbers"),
            false => format!("one number for all, or {most} comma-separated numbers"),
        };
        format!("{count}, each from {minimum} to {maximum}")
    };
    let numbers: Option<Vec<i64>> = text.split(',').map(number).collect();
    let mut numbers = numbers.ok_or_else(expected)?;
    let inside = |number: &i64| (minimum..=maximum).contains(number);
    let count = numbers.len() as u64;
    let fits = match is_dynamic {
        true => (1..=most).contains(&count),
        false => count == 1 || count == most,
    };
    if !fits || !numbers.iter().all(inside) || most > MAX_PAYLOAD as u64 {
        return Err(expected());
    }
    if count == 1 && !is_dynamic {
        numbers = vec![numbers[0]; most as usize];
    }
    let mut bytes = Vec::with_capacity(numbers.len() * element.size());
    for number in numbers {
        // The number is in the driver's range, which fits its elements.
        match element {
            Element::U8 => bytes.push(u8::try_from(number).map_err(|_| expected())?),
            Element::U16 => {
                bytes.extend(u16::try_from(number).map_err(|_| expected())?.to_ne_bytes());
            }
            Element::U32 => {
                bytes.extend(u32::try_from(number).map_err(|_| expected())?.to_ne_bytes());
            }
            Element::I32 => {
                bytes.extend(i32::try_from(number).map_err(|_| expected())?.to_ne_bytes());
            }
            Element::I64 => bytes.extend(number.to_ne_bytes()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_people_write_them() {
        for text in ["on", "ON", "true", "yes", "1"] {
            assert_eq!(switch(text), Some(true), "{text}");
        }
        for text in ["off", "False", "no", "0"] {
            assert_eq!(switch(text), Some(false), "{text}");
        }
        assert_eq!(switch("2"), None);
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(number("-128"), Some(-128));
        assert_eq!(number("0x80402010"), Some(0x8040_2010));
        assert_eq!(number(" 5 "), Some(5));
        for wrong in ["", "five", "0x", "1.5", "9223372036854775808"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn elements_are_taken_apart_in_the_machines_order() {
        let bytes: Vec<u8> = [1_i32, -2].iter().flat_map(|n| n.to_ne_bytes()).collect();
        assert_eq!(elements(Element::I32, &bytes), [1, -2]);
        assert_eq!(elements(Element::U32, &bytes), [1, 0xffff_fffe]);
        assert_eq!(elements(Element::U8, &[7, 255]), [7, 255]);
        // A remainder is not an element.
        assert_eq!(elements(Element::U16, &[0, 0, 9]), [0]);
    }

    #[test]
    fn values_are_shown_as_they_are_typed() {
        assert_eq!(Value::Switch(true).to_string(), "on");
        assert_eq!(Value::Numbers(vec![1, 2]).to_string(), "1,2");
        assert_eq!(Value::Area(4, 3).to_string(), "4x3");
        assert_eq!(Value::Bytes(vec![0, 0xab]).to_string(), "00ab");
    }
}
