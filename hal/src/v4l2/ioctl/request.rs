//! The requests of video nodes.
#![expect(
    unsafe_code,
    reason = "each entry of the list promises that the kernel takes that argument for that code"
)]

use core::ffi::c_int;

use videostream_sys::v4l2 as sys;

use crate::request::requests;

pub(super) use crate::request::{Request, call, call_with_pointers};

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
    CropCap(sys::v4l2_cropcap) = VIDIOC_CROPCAP;
    GSelection(sys::v4l2_selection) = VIDIOC_G_SELECTION;
    SSelection(sys::v4l2_selection) = VIDIOC_S_SELECTION;
    EncoderCmd(sys::v4l2_encoder_cmd) = VIDIOC_ENCODER_CMD;
    DecoderCmd(sys::v4l2_decoder_cmd) = VIDIOC_DECODER_CMD;
}
