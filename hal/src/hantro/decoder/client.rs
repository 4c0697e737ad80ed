//! The codecs of a decoder core.

use videostream_sys::hantrodec as sys;

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident = $number:ident;)*) => {
        /// The codec for which a decoder core is reserved.
        ///
        /// G1 decodes all except VP9 and H.265, which G2 decodes.
        ///
        /// # Source
        /// `DWL_CLIENT_TYPE_*` of `uapi/linux/hantrodec.h` in NXP's kernels.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Client {
            $($(#[$doc])* $name,)*
        }

        impl Client {
            /// Returns its number in requests.
            pub(super) const fn number(self) -> u32 {
                match self {
                    $(Self::$name => sys::$number,)*
                }
            }
        }
    };
}

clients! {
    /// H.264.
    H264 = DWL_CLIENT_TYPE_H264_DEC;
    /// MPEG-4 part 2.
    Mpeg4 = DWL_CLIENT_TYPE_MPEG4_DEC;
    /// JPEG.
    Jpeg = DWL_CLIENT_TYPE_JPEG_DEC;
    /// The post-processor alone.
    PostProcessor = DWL_CLIENT_TYPE_PP;
    /// VC-1.
    Vc1 = DWL_CLIENT_TYPE_VC1_DEC;
    /// MPEG-2.
    Mpeg2 = DWL_CLIENT_TYPE_MPEG2_DEC;
    /// VP6.
    Vp6 = DWL_CLIENT_TYPE_VP6_DEC;
    /// AVS.
    Avs = DWL_CLIENT_TYPE_AVS_DEC;
    /// RealVideo.
    RealVideo = DWL_CLIENT_TYPE_RV_DEC;
    /// VP8.
    Vp8 = DWL_CLIENT_TYPE_VP8_DEC;
    /// VP9.
    Vp9 = DWL_CLIENT_TYPE_VP9_DEC;
    /// H.265.
    Hevc = DWL_CLIENT_TYPE_HEVC_DEC;
}
