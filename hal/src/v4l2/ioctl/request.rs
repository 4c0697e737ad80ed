//! The one place where ioctls are issued.
//!
//! Each request names its code and its argument type once; the size inside the code is checked
//! against the type when the crate is compiled. Everything above is safe code.
#![expect(
    unsafe_code,
    reason = "the ioctl system call takes a pointer that the kernel reads and writes; this file \
              ties each request code to the type that the kernel expects"
)]

use core::ffi::c_int;

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::ioctl;
use videostream_sys::ioctl::_IOC_SIZE;
use videostream_sys::v4l2 as sys;

use crate::v4l2::Error;

/// A request code with its argument.
///
/// # Safety
/// For `CODE`, the kernel reads and writes one `Arg` behind the pointer. If `POINTERS` is
/// false, it follows no pointer inside it.
pub(super) unsafe trait Request {
    /// Request code.
    const CODE: u32;
    /// The C name of the code.
    const NAME: &'static str;
    /// What the pointer points to.
    type Arg;
    /// Whether `Arg` holds pointers that the kernel follows.
    const POINTERS: bool;
}

macro_rules! requests {
    ($($name:ident($arg:ty) = $code:ident $($pointers:ident)?;)*) => {
        $(
            pub(super) enum $name {}

            const _: () = assert!(_IOC_SIZE(sys::$code) == size_of::<$arg>());

            // SAFETY: the kernel's header defines the code for this argument type, and the
            // assertion above compares their sizes; requests whose argument holds pointers are
            // marked so in the list below.
            unsafe impl Request for $name {
                const CODE: u32 = sys::$code;
                const NAME: &'static str = stringify!($code);
                type Arg = $arg;
                const POINTERS: bool = requests!(@pointers $($pointers)?);
            }
        )*
    };
    (@pointers) => { false };
    (@pointers pointers) => { true };
}

requests! {
    QueryCap(sys::v4l2_capability) = VIDIOC_QUERYCAP;
    EnumFmt(sys::v4l2_fmtdesc) = VIDIOC_ENUM_FMT;
    EnumFrameSizes(sys::v4l2_frmsizeenum) = VIDIOC_ENUM_FRAMESIZES;
    EnumFrameIntervals(sys::v4l2_frmivalenum) = VIDIOC_ENUM_FRAMEINTERVALS;
    GFmt(sys::v4l2_format) = VIDIOC_G_FMT pointers;
    SFmt(sys::v4l2_format) = VIDIOC_S_FMT pointers;
    TryFmt(sys::v4l2_format) = VIDIOC_TRY_FMT pointers;
    GParm(sys::v4l2_streamparm) = VIDIOC_G_PARM;
    SParm(sys::v4l2_streamparm) = VIDIOC_S_PARM;
    ReqBufs(sys::v4l2_requestbuffers) = VIDIOC_REQBUFS;
    QueryBuf(sys::v4l2_buffer) = VIDIOC_QUERYBUF pointers;
    QBuf(sys::v4l2_buffer) = VIDIOC_QBUF pointers;
    DqBuf(sys::v4l2_buffer) = VIDIOC_DQBUF pointers;
    CreateBufs(sys::v4l2_create_buffers) = VIDIOC_CREATE_BUFS pointers;
    ExpBuf(sys::v4l2_exportbuffer) = VIDIOC_EXPBUF;
    StreamOn(c_int) = VIDIOC_STREAMON;
    StreamOff(c_int) = VIDIOC_STREAMOFF;
    QueryExtCtrl(sys::v4l2_query_ext_ctrl) = VIDIOC_QUERY_EXT_CTRL;
    QueryMenu(sys::v4l2_querymenu) = VIDIOC_QUERYMENU;
    GExtCtrls(sys::v4l2_ext_controls) = VIDIOC_G_EXT_CTRLS pointers;
    SExtCtrls(sys::v4l2_ext_controls) = VIDIOC_S_EXT_CTRLS pointers;
    TryExtCtrls(sys::v4l2_ext_controls) = VIDIOC_TRY_EXT_CTRLS pointers;
    SubscribeEvent(sys::v4l2_event_subscription) = VIDIOC_SUBSCRIBE_EVENT;
    UnsubscribeEvent(sys::v4l2_event_subscription) = VIDIOC_UNSUBSCRIBE_EVENT;
    DqEvent(sys::v4l2_event) = VIDIOC_DQEVENT;
    EnumInput(sys::v4l2_input) = VIDIOC_ENUMINPUT;
    GInput(c_int) = VIDIOC_G_INPUT;
    SInput(c_int) = VIDIOC_S_INPUT;
    EnumOutput(sys::v4l2_output) = VIDIOC_ENUMOUTPUT;
    GOutput(c_int) = VIDIOC_G_OUTPUT;
    SOutput(c_int) = VIDIOC_S_OUTPUT;
    EnumStd(sys::v4l2_standard) = VIDIOC_ENUMSTD;
    GStd(sys::v4l2_std_id) = VIDIOC_G_STD;
    SStd(sys::v4l2_std_id) = VIDIOC_S_STD;
    QueryStd(sys::v4l2_std_id) = VIDIOC_QUERYSTD;
    EnumDvTimings(sys::v4l2_enum_dv_timings) = VIDIOC_ENUM_DV_TIMINGS;
    GDvTimings(sys::v4l2_dv_timings) = VIDIOC_G_DV_TIMINGS;
    SDvTimings(sys::v4l2_dv_timings) = VIDIOC_S_DV_TIMINGS;
    QueryDvTimings(sys::v4l2_dv_timings) = VIDIOC_QUERY_DV_TIMINGS;
    DvTimingsCap(sys::v4l2_dv_timings_cap) = VIDIOC_DV_TIMINGS_CAP;
    GSelection(sys::v4l2_selection) = VIDIOC_G_SELECTION;
    SSelection(sys::v4l2_selection) = VIDIOC_S_SELECTION;
}

/// Issues a request whose argument holds no pointers; repeats it when a signal interrupts.
pub(super) fn call<R: Request>(fd: BorrowedFd<'_>, arg: &mut R::Arg) -> Result<(), Error> {
    const { assert!(!R::POINTERS, "use call_with_pointers") };
    // SAFETY: there are no pointers in the argument, as asserted on the line above.
    unsafe { call_with_pointers::<R>(fd, arg) }
}

/// Issues a request; repeats it when a signal interrupts.
///
/// # Safety
/// Every pointer that the kernel follows in `arg` is valid for the reads and writes that the
/// request documents, for as long as it documents them.
pub(super) unsafe fn call_with_pointers<R: Request>(
    fd: BorrowedFd<'_>,
    arg: &mut R::Arg,
) -> Result<(), Error> {
    loop {
        match once::<R>(fd, arg) {
            Err(Errno::INTR) => {}
            result => return result.map_err(|errno| Error::system(R::NAME, errno)),
        }
    }
}

/// One system call. Only for the functions above, whose conditions it inherits.
fn once<R: Request>(fd: BorrowedFd<'_>, arg: &mut R::Arg) -> Result<(), Errno> {
    // The code is a constant of the trait, which const generics cannot take yet: so a type of
    // our own instead of `Updater<CODE, _>`.
    struct Call<'a, R: Request>(&'a mut R::Arg);

    // SAFETY: `Request` promises that the kernel takes a pointer to one `Arg` for this code,
    // and the reference is such a pointer, valid for reads and writes.
    unsafe impl<R: Request> rustix::ioctl::Ioctl for Call<'_, R> {
        type Output = ();
        const IS_MUTATING: bool = true;

        fn opcode(&self) -> rustix::ioctl::Opcode {
            R::CODE as rustix::ioctl::Opcode
        }

        fn as_ptr(&mut self) -> *mut core::ffi::c_void {
            core::ptr::from_mut(self.0).cast()
        }

        unsafe fn output_from_ptr(
            _: rustix::ioctl::IoctlOutput,
            _: *mut core::ffi::c_void,
        ) -> rustix::io::Result<()> {
            Ok(())
        }
    }

    // SAFETY: `Call` ties the code to its argument type. On a descriptor of another driver a V4L2
    // code is refused with ENOTTY: type letter and size are part of the code.
    unsafe { ioctl(fd, Call::<R>(arg)) }
}
