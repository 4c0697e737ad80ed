//! What one device is and can do.

use std::os::fd::AsFd;

use rustix::io::Errno;
use videostream::hal::v4l2::ioctl::{BufferCapabilities, Caps, reqbufs};
use videostream::hal::v4l2::{BufType, Device as Node, FormatFlags, Memory};

use super::types::{Device, Format, chars, text};
use super::{device_type, free_formats, into_raw, is_compressed, memory_type};
use crate::boundary::errno_of_device;

/// Memory-to-memory devices, single- and multi-planar.
const M2M: Caps = Caps::VIDEO_M2M.union(Caps::VIDEO_M2M_MPLANE);
const CAPTURE: Caps = Caps::VIDEO_CAPTURE.union(Caps::VIDEO_CAPTURE_MPLANE);
const OUTPUT: Caps = Caps::VIDEO_OUTPUT.union(Caps::VIDEO_OUTPUT_MPLANE);
const MPLANE: Caps = Caps::VIDEO_CAPTURE_MPLANE
    .union(Caps::VIDEO_OUTPUT_MPLANE)
    .union(Caps::VIDEO_M2M_MPLANE);

/// Describes the device at a path.
pub(crate) fn probe(path: &str) -> Result<Device, Errno> {
    let node = Node::open(path).map_err(errno_of_device)?;
    let about = node.capabilities();
    let caps = about.caps();
    let [capture, output] = queues(&node).map(|queue| formats_of(&node, queue));
    let [capture_mem, output_mem] = queues(&node).map(|queue| memory_of(&node, queue));
    let device_type = type_of(caps, &capture, &output);
    let (capture_formats, num_capture_formats) = into_raw(capture);
    let (output_formats, num_output_formats) = into_raw(output);
    Ok(Device {
        path: chars(path),
        driver: chars(about.driver()),
        card: chars(about.card()),
        bus_info: chars(about.bus_info()),
        caps: caps.bits(),
        device_type,
        capture_mem,
        output_mem,
        multiplanar: caps.intersects(MPLANE),
        capture_formats,
        num_capture_formats,
        output_formats,
        num_output_formats,
    })
}

/// Asks a device for its formats again.
pub(crate) fn refresh(device: &mut Device) -> Result<(), Errno> {
    let path = text(&device.path);
    if path.is_empty() {
        return Err(Errno::INVAL);
    }
    let node = Node::open(path.as_str()).map_err(errno_of_device)?;
    let [capture, output] = queues(&node).map(|queue| formats_of(&node, queue));
    free_formats(device);
    (device.capture_formats, device.num_capture_formats) = into_raw(capture);
    (device.output_formats, device.num_output_formats) = into_raw(output);
    Ok(())
}

/// The queues of pictures: the one that delivers and the one that takes.
fn queues(node: &Node) -> [Option<BufType>; 2] {
    let is_video = |queue: &BufType| !matches!(queue, BufType::MetaCapture | BufType::MetaOutput);
    [node.capture_type(), node.output_type()].map(|queue| queue.filter(is_video))
}

/// Lists the formats up to the first error.
fn formats_of(node: &Node, queue: Option<BufType>) -> Vec<Format> {
    let Some(queue) = queue else {
        return Vec::new();
    };
    let formats = node.formats(queue).map_while(Result::ok);
    formats
        .map(|format| Format {
            fourcc: format.fourcc.0,
            description: chars(format.description()),
            flags: format.flags.bits(),
            compressed: format.flags.contains(FormatFlags::COMPRESSED)
                || is_compressed(format.fourcc.0),
            resolutions: std::ptr::null_mut(),
            num_resolutions: 0,
        })
        .collect()
}

/// Memory types that a queue takes; 0 while another program has the queue.
fn memory_of(node: &Node, queue: Option<BufType>) -> u32 {
    let Some(queue) = queue else { return 0 };
    // Asks for no buffers, so that none are made for the question.
    let answer = reqbufs(node.as_fd(), queue, Memory::Mmap, 0);
    let can = answer.map_or(BufferCapabilities::empty(), |answer| answer.capabilities);
    [
        (BufferCapabilities::MMAP, memory_type::MMAP),
        (BufferCapabilities::USERPTR, memory_type::USERPTR),
        (BufferCapabilities::DMABUF, memory_type::DMABUF),
    ]
    .into_iter()
    .filter(|&(capability, _)| can.contains(capability))
    .fold(0, |mask, (_, memory)| mask | memory)
}

/// Type of a device; 0 if it does not handle pictures.
fn type_of(caps: Caps, capture: &[Format], output: &[Format]) -> u32 {
    let compressed = |formats: &[Format]| formats.iter().any(|format| format.compressed);
    if caps.intersects(M2M) {
        match (compressed(capture), compressed(output)) {
            (true, false) => device_type::ENCODER,
            (false, true) => device_type::DECODER,
            (false, false) => device_type::ISP,
            (true, true) => device_type::M2M,
        }
    } else if caps.intersects(CAPTURE) {
        device_type::CAMERA
    } else if caps.intersects(OUTPUT) {
        device_type::OUTPUT
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(compressed: bool) -> Format {
        Format {
            fourcc: 1,
            description: [0; 32],
            flags: 0,
            compressed,
            resolutions: std::ptr::null_mut(),
            num_resolutions: 0,
        }
    }

    #[test]
    fn device_types_follow_from_their_formats() {
        let (raw, coded) = (&[format(false)][..], &[format(false), format(true)][..]);
        let m2m = Caps::VIDEO_M2M_MPLANE | Caps::STREAMING;
        assert_eq!(type_of(m2m, coded, raw), device_type::ENCODER);
        assert_eq!(type_of(m2m, raw, coded), device_type::DECODER);
        assert_eq!(type_of(m2m, raw, raw), device_type::ISP);
        assert_eq!(type_of(m2m, coded, coded), device_type::M2M);
        let of = |caps| type_of(caps, coded, raw);
        assert_eq!(of(Caps::VIDEO_CAPTURE), device_type::CAMERA);
        assert_eq!(of(Caps::VIDEO_OUTPUT_MPLANE), device_type::OUTPUT);
        assert_eq!(of(Caps::META_CAPTURE), 0);
    }

    #[test]
    fn a_node_that_is_no_video_device_is_refused() {
        assert_eq!(probe("/dev/null").unwrap_err(), Errno::NOTTY);
        assert_eq!(probe("/dev/no such node").unwrap_err(), Errno::NOENT);
    }
}
