//! What functions take and give, by the header and by their sources in Rust.

use std::collections::BTreeMap;
use std::path::Path;

/// A result and arguments by the names of C, without `const`.
pub(crate) type Signature = Vec<String>;

/// Text without what lies between two marks.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once(to).map_or("", |(_, rest)| rest)
    })
}

/// What stands between commas that are not in brackets.
fn arguments(list: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '<' | '[' | '(' => depth += 1,
            '>' | ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&list[from..]);
    found.retain(|argument| !argument.trim().is_empty());
    found
}

/// A type of C: enums are unsigned, as compilers have those without negative values.
fn of_c(words: &str) -> String {
    let stars = words.matches(['*', '[']).count();
    let words = words.replace(['*', '['], " ");
    let mut words = words.split_whitespace().filter(|word| *word != "const");
    let name = match words.next().unwrap() {
        "VSLEncoderProfile" | "VSLCodecBackend" | "VSLDecoderCodec" | "VSLDecoderRetCode"
        | "VSLDeviceType" => "unsigned",
        name => name,
    };
    format!("{name}{}", "*".repeat(stars))
}

/// A type of Rust by its name in C.
fn of_rust(of: &str) -> String {
    let of = of.trim();
    let inside = |before: &str| of.strip_prefix(before);
    if let Some(of) = inside("Option<&mut ").or(inside("Option<&")) {
        return of_rust(of.strip_suffix('>').unwrap()) + "*";
    }
    if let Some(of) = inside("*const ").or(inside("*mut ")) {
        return of_rust(of) + "*";
    }
    match of {
        "" => "void",
        "c_int" => "int",
        "c_uint" => "unsigned",
        "c_char" | "[c_char; 5]" => "char",
        "c_void" => "void",
        "i64" => "int64_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        "isize" => "intptr_t",
        "f32" => "float",
        "bool" => "bool",
        "Option<Cleanup>" => "vsl_frame_cleanup",
        "Camera" => "vsl_camera",
        "CameraBuffer" => "vsl_camera_buffer",
        "HostStats" => "VSLXHostStats",
        "EncoderCopies" => "VSLXEncoderCopies",
        name => return format!("VSL{name}"),
    }
    .to_owned()
}

pub(crate) fn in_the_header() -> BTreeMap<String, Signature> {
    let header = std::fs::read_to_string(super::header_folder().join("videostream.h")).unwrap();
    let header = without(&header, "/*", "*/");
    let functions = header.split("\nVSL_API ").skip(1);
    let signatures = functions.map(|function| {
        let (head, rest) = function.split_once('(').unwrap();
        let (list, _) = rest.split_once(')').unwrap();
        // A type of that kind may come before.
        let at = head.rfind("vsl_").unwrap();
        let arguments = arguments(list).into_iter().filter(|it| it.trim() != "void");
        let signature = std::iter::once(of_c(&head[..at])).chain(arguments.map(of_c));
        (head[at..].to_owned(), signature.collect())
    });
    signatures.collect()
}

pub(crate) fn in_the_library() -> BTreeMap<String, Signature> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exports");
    let mut signatures = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for function in source.split("extern \"C\" fn ").skip(1) {
            let (name, rest) = function.split_once('(').unwrap();
            let (head, _) = rest.split_once('{').unwrap();
            let (list, result) = head.rsplit_once(')').unwrap();
            let result = of_rust(result.trim().trim_start_matches("->"));
            let types = arguments(list).into_iter();
            let types = types.map(|argument| of_rust(argument.split_once(':').unwrap().1));
            let signature = std::iter::once(result).chain(types).collect();
            signatures.insert(name.to_owned(), signature);
        }
    }
    signatures
}
