//! Parameter sets, messages and slices of any contents: the fuzzer changes bits of headers; start
//! codes and emulation prevention bytes are added here.

use super::annex_b;
use super::script::Script;

/// First bytes of NAL units of H.264: sequence and picture parameter set, message, IDR picture,
/// other pictures, delimiter.
const H264: [&[u8]; 8] = [
    &[0x67],
    &[0x68],
    &[0x06],
    &[0x65],
    &[0x41],
    &[0x01],
    &[0x09],
    // An end of the sequence.
    &[0x0a],
];
/// Those of H.265: video parameter set, sequence and picture parameter set, message, key frames,
/// other pictures.
const H265: [&[u8]; 8] = [
    &[0x40, 1],
    &[0x42, 1],
    &[0x44, 1],
    &[0x4e, 1],
    &[0x26, 1],
    &[0x2a, 1],
    &[0x02, 1],
    // No picture refers to it.
    &[0x00, 1],
];

pub fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let how = script.byte();
    let kinds = match how % 2 {
        0 => H264,
        _ => H265,
    };
    let mut stream = vec![how];
    while let Some(kind) = script.next() {
        let len = script.byte();
        stream.extend([0, 0, 1]);
        stream.extend(kinds[usize::from(kind) % kinds.len()]);
        append(&mut stream, script.take(len.into()));
    }
    annex_b::run(&stream);
}

/// With bytes in between where there would be a start code.
fn append(stream: &mut Vec<u8>, contents: &[u8]) {
    let mut zeros = 0;
    for &byte in contents {
        if zeros == 2 && byte <= 3 {
            stream.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        stream.push(byte);
    }
}
