//! Sizes, offsets and request codes as the kernel's documentation and drivers state them.
//!
//! The generated files assert every size, alignment and offset that clang computed. The values here
//! do not come from clang. They cover the structs where a wrong layout would go unnoticed: those
//! with pointers or times, and those that no distribution's header declares.

use core::mem::offset_of;

use static_assertions::const_assert_eq as same;

use crate::dma_buf::{
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, DMA_BUF_IOCTL_SYNC,
    DMA_BUF_SET_NAME_B, dma_buf_sync,
};
use crate::dma_heap::{DMA_HEAP_IOCTL_ALLOC, dma_heap_allocation_data};
use crate::dmabuf_imx::{
    DMA_BUF_IOCTL_PHYS, DMABUF_GET_HEAP_NAME, DMABUF_GET_HEAP_NAME_16, DMABUF_GET_PHYS,
    DMABUF_SYNC, dmabuf_imx_phys_data,
};
use crate::hantrodec::core_desc;
use crate::udmabuf::{UDMABUF_CREATE, UDMABUF_CREATE_LIST, udmabuf_create};
use crate::v4l2::{timespec, timeval, v4l2_buffer, v4l2_event, v4l2_format, v4l2_plane};
use crate::{hantrodec, hx280enc, hx280enc_vc8000e, v4l2};

/// 64-bit time everywhere, with microseconds and nanoseconds of 64 bits as well.
const _: () = {
    assert!(size_of::<timeval>() == 16 && size_of::<timespec>() == 16);
    assert!(offset_of!(timeval, tv_usec) == 8 && offset_of!(timespec, tv_nsec) == 8);
};

// The same on 32-bit and 64-bit machines.
same!(size_of::<dma_heap_allocation_data>(), 24);
same!(DMA_HEAP_IOCTL_ALLOC, 0xc018_4800);
same!(size_of::<dma_buf_sync>(), 8);
same!(DMA_BUF_IOCTL_SYNC, 0x4008_6200);
same!(DMA_BUF_SET_NAME_B, 0x4008_6201);
same!(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, 0xc008_6202);
same!(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, 0x4008_6203);
same!(size_of::<udmabuf_create>(), 24);
same!(UDMABUF_CREATE, 0x4018_7542);
same!(UDMABUF_CREATE_LIST, 0x4008_7543);
same!(size_of::<dmabuf_imx_phys_data>(), 16);
same!(offset_of!(dmabuf_imx_phys_data, phys), 8);
same!(DMABUF_GET_PHYS, 0xc010_4d20);
same!(DMABUF_GET_HEAP_NAME_16, 0xc014_4d21);
same!(DMABUF_GET_HEAP_NAME, 0xc024_4d21);
same!(DMABUF_SYNC, 0xc008_4d22);

#[cfg(target_pointer_width = "64")]
mod bits64 {
    use super::*;

    same!(size_of::<v4l2_buffer>(), 88);
    same!(v4l2::VIDIOC_QBUF, 0xc058_560f);
    same!(v4l2::VIDIOC_DQBUF, 0xc058_5611);
    same!(size_of::<v4l2_format>(), 208);
    same!(v4l2::VIDIOC_S_FMT, 0xc0d0_5605);
    same!(size_of::<v4l2_event>(), 136);
    same!(v4l2::VIDIOC_DQEVENT, 0x8088_5659);
    same!(size_of::<v4l2_plane>(), 64);

    same!(size_of::<core_desc>(), 24);
    same!(offset_of!(core_desc, regs), 8);
    same!(offset_of!(core_desc, size), 16);
    same!(hantrodec::HANTRODEC_IOCS_DEC_PUSH_REG, 0x4008_6b09);
    same!(hantrodec::HANTRODEC_IOCX_DEC_WAIT, 0xc008_6b0f);
    same!(hantrodec::HANTRODEC_IOX_ASIC_ID, 0xc008_6b14);
    same!(DMA_BUF_IOCTL_PHYS, 0x4008_620a);

    same!(size_of::<hx280enc_vc8000e::enc_regs_buffer>(), 32);
    same!(offset_of!(hx280enc_vc8000e::enc_regs_buffer, offset), 16);
    same!(offset_of!(hx280enc_vc8000e::enc_regs_buffer, reserved), 24);
    same!(hx280enc_vc8000e::HX280ENC_IOCGHWOFFSET, 0x8008_6b03);
    same!(hx280enc_vc8000e::HX280ENC_IOCG_EN_CORE, 0x8008_6b0e);
    same!(hx280enc_vc8000e::HX280ENC_IOC_WRITE_REGS, 0x4008_6b14);
    same!(hx280enc::HX280ENC_IOCG_CORE_WAIT, 0x8008_6b0d);
    same!(hx280enc::HX280ENC_IOC_WRITE_REGS, 0x4008_6b0e);
}

#[cfg(target_pointer_width = "32")]
mod bits32 {
    use super::*;

    same!(size_of::<v4l2_buffer>(), 80);
    same!(v4l2::VIDIOC_QBUF, 0xc050_560f);
    same!(v4l2::VIDIOC_DQBUF, 0xc050_5611);
    same!(size_of::<v4l2_format>(), 204);
    same!(v4l2::VIDIOC_S_FMT, 0xc0cc_5605);
    same!(size_of::<v4l2_event>(), 136);
    same!(v4l2::VIDIOC_DQEVENT, 0x8088_5659);
    same!(size_of::<v4l2_plane>(), 60);

    same!(size_of::<core_desc>(), 12);
    same!(offset_of!(core_desc, regs), 4);
    same!(offset_of!(core_desc, size), 8);
    same!(hantrodec::HANTRODEC_IOCS_DEC_PUSH_REG, 0x4004_6b09);
    same!(hantrodec::HANTRODEC_IOCX_DEC_WAIT, 0xc004_6b0f);
    same!(hantrodec::HANTRODEC_IOX_ASIC_ID, 0xc004_6b14);
    same!(DMA_BUF_IOCTL_PHYS, 0x4004_620a);

    same!(size_of::<hx280enc_vc8000e::enc_regs_buffer>(), 20);
    same!(offset_of!(hx280enc_vc8000e::enc_regs_buffer, offset), 8);
    same!(offset_of!(hx280enc_vc8000e::enc_regs_buffer, reserved), 16);
    same!(hx280enc_vc8000e::HX280ENC_IOCGHWOFFSET, 0x8004_6b03);
    same!(hx280enc_vc8000e::HX280ENC_IOCG_EN_CORE, 0x8004_6b0e);
    same!(hx280enc_vc8000e::HX280ENC_IOC_WRITE_REGS, 0x4004_6b14);
    same!(hx280enc::HX280ENC_IOCG_CORE_WAIT, 0x8004_6b0d);
    same!(hx280enc::HX280ENC_IOC_WRITE_REGS, 0x4004_6b0e);
}
