//! Placing a frame's planes in a buffer, as `GstVideoMeta` describes them.

use gst_video::VideoInfo;
use videostream::hal::format::Layout;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};

use crate::formats::plane_needs;

/// A part of a ring buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Id of the ring buffer.
    pub(crate) buffer: u32,
    /// Index of a plane that lies in it.
    pub(crate) plane: usize,
    pub(crate) begin: usize,
    pub(crate) end: usize,
}

/// The parts of ring buffers that a frame covers, and each plane's place in their concatenation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Placement {
    pub(crate) parts: Vec<Part>,
    pub(crate) offsets: Vec<usize>,
    pub(crate) strides: Vec<i32>,
}

impl Placement {
    /// Places a raw frame.
    ///
    /// # Errors
    /// Fails if the descriptor does not fit format and size.
    pub(crate) fn of_picture(
        frame: &FrameDescriptor,
        info: &VideoInfo,
        tight: &Layout,
    ) -> Result<Self, String> {
        let planes = planes_of(frame, tight)?;
        for (at, (plane, tight_plane)) in planes.iter().zip(tight.planes()).enumerate() {
            let stride = plane.stride.max(tight_plane.stride);
            let needs = plane_needs(tight_plane, stride.into()).unwrap_or(u64::MAX);
            if stride != plane.stride || u64::from(plane.size) < needs {
                let (least, fourcc) = (tight_plane.stride, tight.fourcc);
                return Err(format!(
                    "plane {at} of {} bytes in lines of {} can't hold {}x{} pixels of {fourcc}, \
                     which need {needs} bytes in lines of {least}",
                    plane.size, plane.stride, tight.width, tight.height,
                ));
            }
        }
        let mut placement = Self::default();
        for (at, plane) in planes.iter().enumerate() {
            placement.add(at, plane);
        }
        placement.finish(&planes)?;
        placement.trim(info);
        Ok(placement)
    }

    /// Places a packet.
    pub(crate) fn of_packet(frame: &FrameDescriptor) -> Result<Self, String> {
        let [plane, ..] = frame.planes() else {
            return Err("a packet without bytes".into());
        };
        let size = match frame.bytes_used {
            0 => plane.size,
            used => used,
        };
        if size == 0 || size > plane.size {
            return Err(format!("a packet of {size} bytes in {} bytes", plane.size));
        }
        let mut placement = Self::default();
        placement.add(0, &PlaneDescriptor { size, ..*plane });
        Ok(placement)
    }

    /// Whether planes lie where they do without `GstVideoMeta`.
    pub(crate) fn is_default(&self, info: &VideoInfo) -> bool {
        self.parts.len() == 1 && self.offsets == info.offset() && self.strides == info.stride()
    }

    /// Extends the part of the plane's buffer to cover the plane.
    fn add(&mut self, at: usize, plane: &PlaneDescriptor) {
        let begin = plane.offset as usize;
        let end = begin + plane.size as usize;
        match self
            .parts
            .iter_mut()
            .find(|part| part.buffer == plane.buffer)
        {
            Some(part) => {
                part.begin = part.begin.min(begin);
                part.end = part.end.max(end);
            }
            None => self.parts.push(Part {
                buffer: plane.buffer,
                plane: at,
                begin,
                end,
            }),
        }
    }

    fn finish(&mut self, planes: &[PlaneDescriptor]) -> Result<(), String> {
        for plane in planes {
            let mut before = 0;
            for part in &self.parts {
                if part.buffer == plane.buffer {
                    self.offsets
                        .push(before + plane.offset as usize - part.begin);
                    break;
                }
                before += part.end - part.begin;
            }
            let stride = i32::try_from(plane.stride);
            self.strides
                .push(stride.map_err(|_| format!("lines of {} bytes", plane.stride))?);
        }
        Ok(())
    }

    /// Cuts off bytes after the picture in the default placement: some elements rely on the size.
    fn trim(&mut self, info: &VideoInfo) {
        if self.is_default(info)
            && let [part] = &mut self.parts[..]
            && part.end - part.begin > info.size()
        {
            part.end = part.begin + info.size();
        }
    }
}

/// Returns the planes of a frame. A single plane for a multi-planar format holds all planes in a
/// row.
fn planes_of(frame: &FrameDescriptor, tight: &Layout) -> Result<Vec<PlaneDescriptor>, String> {
    let of_line = |stride: u32, tight: u32| if stride == 0 { tight } else { stride };
    let (described, expected) = (frame.planes(), tight.planes());
    if let ([whole], [first, _, ..]) = (described, expected) {
        let stride = of_line(whole.stride, first.stride);
        let layout = Layout::with_stride(tight.fourcc, tight.width, tight.height, stride);
        let layout = layout.map_err(|error| error.to_string())?;
        if layout.size > whole.size {
            return Err(format!(
                "a plane of {} bytes for a picture of {}",
                whole.size, layout.size
            ));
        }
        let inside = layout.planes().iter().map(|plane| PlaneDescriptor {
            buffer: whole.buffer,
            // Can't overflow: the plane lies within its buffer.
            offset: whole.offset + plane.offset,
            stride: plane.stride,
            size: plane.size,
        });
        return Ok(inside.collect());
    }
    if described.len() != expected.len() {
        return Err(format!(
            "{} planes where {} has {}",
            described.len(),
            tight.fourcc,
            expected.len()
        ));
    }
    let planes = described.iter().zip(expected);
    let planes = planes.map(|(plane, tight)| PlaneDescriptor {
        stride: of_line(plane.stride, tight.stride),
        ..*plane
    });
    Ok(planes.collect())
}

#[cfg(test)]
mod tests {
    use gst_video::VideoFormat;
    use videostream::hal::format::FourCc;

    use super::*;
    use crate::formats;

    fn info(format: VideoFormat, width: u32, height: u32) -> VideoInfo {
        gst::init().unwrap();
        VideoInfo::builder(format, width, height).build().unwrap()
    }

    fn frame(fourcc: FourCc, planes: &[(u32, u32, u32, u32)]) -> FrameDescriptor {
        let mut frame = FrameDescriptor {
            fourcc: fourcc.0,
            plane_count: planes.len() as u32,
            ..FrameDescriptor::default()
        };
        for (to, (buffer, offset, stride, size)) in frame.planes.iter_mut().zip(planes) {
            *to = PlaneDescriptor {
                buffer: *buffer,
                offset: *offset,
                stride: *stride,
                size: *size,
            };
        }
        frame
    }

    fn of_picture(frame: &FrameDescriptor, info: &VideoInfo) -> Result<Placement, String> {
        Placement::of_picture(frame, info, &formats::tight(info)?)
    }

    #[test]
    fn planes_of_one_buffer_share_a_memory() {
        let info = info(VideoFormat::Nv12, 64, 32);
        let frame = frame(FourCc::NV12, &[(7, 4096, 64, 2048), (7, 6144, 64, 2048)]);
        let placement = of_picture(&frame, &info).unwrap();
        assert!(placement.is_default(&info));
        let part = placement.parts[0];
        // Bytes after the picture are cut off.
        assert_eq!((part.begin, part.end), (4096, 4096 + 3072));
    }

    #[test]
    fn planes_of_several_buffers_lie_in_a_row() {
        let info = info(VideoFormat::Nv12, 64, 32);
        let frame = frame(FourCc::NM12, &[(1, 0, 128, 4096), (2, 256, 128, 2048)]);
        let placement = of_picture(&frame, &info).unwrap();
        assert_eq!(placement.offsets, [0, 4096]);
        assert_eq!(placement.strides, [128, 128]);
        assert_eq!(placement.parts.len(), 2);
        assert!(!placement.is_default(&info));
    }

    #[test]
    fn planes_in_reverse_keep_their_places() {
        let info = info(VideoFormat::Nv12, 64, 32);
        let frame = frame(FourCc::NV12, &[(1, 1024, 64, 2048), (1, 0, 64, 1024)]);
        let placement = of_picture(&frame, &info).unwrap();
        assert_eq!(placement.offsets, [1024, 0]);
        assert_eq!(placement.parts.len(), 1);
    }

    #[test]
    fn one_plane_can_hold_all_planes() {
        let info = info(VideoFormat::I420, 64, 32);
        let frame = frame(FourCc::YU12, &[(1, 128, 0, 3072)]);
        let placement = of_picture(&frame, &info).unwrap();
        assert_eq!(placement.offsets, [0, 2048, 2560]);
        assert!(placement.is_default(&info));
    }

    #[test]
    fn short_planes_are_refused_by_their_numbers() {
        let info = info(VideoFormat::Nv12, 64, 32);
        let planes: [&[(u32, u32, u32, u32)]; 5] = [
            &[(1, 0, 63, 2048), (1, 2048, 64, 1024)],
            &[(1, 0, 64, 2047), (1, 2048, 64, 1024)],
            &[(1, 0, 64, 2048), (1, 2048, 64, 1)],
            &[(1, 0, 64, 3071)],
            &[(1, 0, u32::MAX, u32::MAX), (1, 2048, 64, 1024)],
        ];
        for planes in planes {
            let error = of_picture(&frame(FourCc::NV12, planes), &info);
            let error = error.unwrap_err();
            assert!(error.contains(|c: char| c.is_ascii_digit()), "{error}");
        }
        let three = [(1, 0, 64, 2048), (1, 2048, 64, 1024), (1, 2048, 64, 1024)];
        let error = of_picture(&frame(FourCc::NV12, &three), &info);
        assert!(error.unwrap_err().contains("3 planes"));
    }

    #[test]
    fn a_packet_is_its_used_bytes() {
        let mut packet = frame(FourCc::H264, &[(1, 64, 0, 4096)]);
        packet.bytes_used = 100;
        let part = Placement::of_packet(&packet).unwrap().parts[0];
        assert_eq!((part.begin, part.end), (64, 164));
        packet.bytes_used = 4097;
        assert!(Placement::of_packet(&packet).unwrap_err().contains("4097"));
    }
}
