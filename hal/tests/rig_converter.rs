//! The kernel's virtual converter.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod vicodec;

use vicodec::{MappedBuffers, buffers, content, pages, patience, time};
use videostream_hal::codec::{Converter, ConverterRequest};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{
    Device, Error, ErrorKind, Memory, NodeKind, PixFormat, SelectionRect, nodes,
};
use videostream_testing::on_the_rig;

const SIZE: (u32, u32) = (320, 240);

fn open() -> Device {
    nodes()
        .unwrap()
        .filter_map(|node| Device::open(node.as_str()).ok())
        .find(|device| {
            device.capabilities().driver() == "vim2m" && device.kind() == NodeKind::Converter
        })
        .expect("no vim2m")
}

fn request(from: FourCc, to: FourCc) -> ConverterRequest {
    ConverterRequest {
        from: PixFormat::new(from, SIZE.0, SIZE.1),
        to: PixFormat::new(to, SIZE.0, SIZE.1),
        crop: None,
        compose: None,
    }
}

/// A converter that runs, with its memory.
fn run(request: &ConverterRequest, memory: Memory) -> (Converter, MappedBuffers, MappedBuffers) {
    let mut converter = Converter::new(open(), request).unwrap();
    converter
        .allocate(buffers(memory, 3), buffers(memory, 3))
        .unwrap();
    let from = pages(converter.m2m_mut().output_mut());
    let to = pages(converter.m2m_mut().capture_mut());
    converter.start().unwrap();
    (converter, from, to)
}

#[test]
fn colours_are_converted_in_order_with_their_times() {
    let Some(_turn) = on_the_rig("colours_are_converted_in_order_with_their_times") else {
        return;
    };
    for memory in [Memory::Mmap, Memory::DmaBuf] {
        let (converter, mut from, to) = run(&request(FourCc::RGB3, FourCc::BGR3), memory);
        let size = converter.input_format().planes()[0].size_image;
        for number in 0..20 {
            let index = converter.m2m().next_input(patience()).unwrap();
            // One colour each, so that a mirror or a shift does not matter.
            let colour = [10 + number as u8, 100, 200];
            from.fill(index, &colour.repeat(size as usize / 3));
            converter
                .submit(index, &content(&size, time(number)))
                .unwrap();
            let done = converter.next_picture(patience()).unwrap();
            assert_eq!(done.timestamp_ns, time(number));
            let bytes = to.content(&done);
            assert_eq!(bytes.len(), size as usize);
            let wanted = [200, 100, 10 + number as u8];
            assert!(bytes.chunks(3).all(|pixel| pixel == wanted), "{number}");
        }
        assert_eq!(converter.pending(), 0);
        let none = converter.next_picture(patience()).map(drop).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotReady);
    }
}

#[test]
fn pictures_are_made_larger_and_smaller() {
    let Some(_turn) = on_the_rig("pictures_are_made_larger_and_smaller") else {
        return;
    };
    for (width, height) in [(640, 480), (160, 120)] {
        let mut request = request(FourCc::RGB3, FourCc::BGR3);
        (request.to.width, request.to.height) = (width, height);
        let (converter, mut from, to) = run(&request, Memory::Mmap);
        let (input, result) = (converter.input_format(), converter.result_format());
        assert_eq!((input.width, input.height), SIZE);
        assert_eq!((result.width, result.height), (width, height));
        let size = input.planes()[0].size_image;
        // The left half in one colour, the right half in another.
        let half = 3 * SIZE.0 as usize / 2;
        let line = [[10, 20, 30].repeat(half / 3), [40, 50, 60].repeat(half / 3)].concat();
        let index = converter.m2m().next_input(patience()).unwrap();
        from.fill(index, &line.repeat(SIZE.1 as usize));
        converter.submit(index, &content(&size, time(0))).unwrap();
        let done = converter.next_picture(patience()).unwrap();
        let bytes = to.content(&done);
        let middle = 3 * width as usize / 2;
        for line in bytes.chunks(3 * width as usize) {
            assert!(line[..middle].chunks(3).all(|pixel| pixel == [30, 20, 10]));
            // The driver rounds by a pixel.
            assert!(
                line[middle + 3..]
                    .chunks(3)
                    .all(|pixel| pixel == [60, 50, 40])
            );
        }
        assert_eq!(bytes.len(), 3 * (width * height) as usize);
    }
}

#[test]
fn several_pictures_are_in_work_at_once() {
    let Some(_turn) = on_the_rig("several_pictures_are_in_work_at_once") else {
        return;
    };
    let (mut converter, mut from, _to) = run(&request(FourCc::RGB3, FourCc::YUYV), Memory::Mmap);
    let size = converter.input_format().planes()[0].size_image;
    let count = converter.m2m().output().count();
    for number in 0..count {
        let index = converter.m2m().free_input().unwrap().unwrap();
        from.fill(index, &vec![number as u8; size as usize]);
        let time = time(number as usize);
        converter.submit(index, &content(&size, time)).unwrap();
    }
    for number in 0..count {
        let done = converter.next_picture(patience()).unwrap();
        assert_eq!(done.timestamp_ns, time(number as usize));
    }
    // Stopped with nothing lost in between, it can be started again.
    converter.stop().unwrap();
    converter
        .allocate(buffers(Memory::Mmap, 2), buffers(Memory::Mmap, 2))
        .unwrap();
    converter.start().unwrap();
}

#[test]
fn what_the_converter_cannot_do_is_refused_by_name() {
    let Some(_turn) = on_the_rig("what_the_converter_cannot_do_is_refused_by_name") else {
        return;
    };
    let wanted = FourCc::NV12;
    let format = Converter::new(open(), &request(wanted, FourCc::RGB3)).unwrap_err();
    assert_eq!(format, Error::NoFormat { wanted });
    let mut large = request(FourCc::RGB3, FourCc::RGB3);
    large.to.width = 100_000;
    let size = Converter::new(open(), &large).unwrap_err();
    assert!(
        matches!(size, Error::PictureSize { width: 100_000, .. }),
        "{size}"
    );
    let mut part = request(FourCc::RGB3, FourCc::RGB3);
    part.crop = Some(SelectionRect {
        width: 160,
        height: 120,
        ..SelectionRect::default()
    });
    let crop = Converter::new(open(), &part).unwrap_err();
    assert!(matches!(crop, Error::Rectangle { .. }), "{crop}");
}
