//! Formats of graphics APIs (DRM, EGL, Wayland) and their mapping to V4L2.

use super::fourcc::FourCc;
use super::table;

/// Tilings, which V4L2 expresses as separate codes and DRM as modifiers.
///
/// Source: `drm/drm_fourcc.h`, `fourcc_mod_code`.
pub mod modifier {
    /// `DRM_FORMAT_MOD_LINEAR`: lines one after the other.
    pub const LINEAR: u64 = 0;
    /// `DRM_FORMAT_MOD_INVALID`: not known; the driver decides.
    pub const INVALID: u64 = 0x00ff_ffff_ffff_ffff;
    /// `DRM_FORMAT_MOD_SAMSUNG_64_32_TILE`: tiles of 64 by 32 in Z order.
    pub const SAMSUNG_64_32_TILE: u64 = vendor(0x04, 1);
    /// `DRM_FORMAT_MOD_SAMSUNG_16_16_TILE`: tiles of 16 by 16 in lines.
    pub const SAMSUNG_16_16_TILE: u64 = vendor(0x04, 2);
    /// `DRM_FORMAT_MOD_ALLWINNER_TILED`: tiles of 32 by 32 in lines.
    pub const ALLWINNER_TILED: u64 = vendor(0x09, 1);

    /// `fourcc_mod_code(vendor, value)`.
    const fn vendor(vendor: u64, value: u64) -> u64 {
        vendor << 56 | value
    }
}

/// `DRM_FORMAT_*` with its modifier: how graphics APIs name the same bytes.
///
/// DRM names components from the most significant bit of a little-endian word, V4L2 mostly
/// in memory order: V4L2's `RGB3` (bytes R, G, B) is DRM's `BG24`. Where a code differs
/// only in bits that DRM leaves undefined, the mapping holds for the defined bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DrmFormat {
    /// `DRM_FORMAT_*` code; differs from V4L2's in about half of the formats.
    pub fourcc: FourCc,
    /// `DRM_FORMAT_MOD_*`.
    pub modifier: u64,
}

impl DrmFormat {
    /// Returns a code with the modifier for lines one after the other.
    #[must_use]
    pub const fn linear(letters: [u8; 4]) -> Self {
        Self {
            fourcc: FourCc::new(letters),
            modifier: modifier::LINEAR,
        }
    }

    /// Returns the V4L2 code for these bytes with all planes in one buffer, else with separate
    /// planes.
    ///
    /// Returns `None` when V4L2 has no such format or the table does not know it.
    #[must_use]
    pub fn to_v4l2(self) -> Option<FourCc> {
        let mut separate = None;
        for info in table::formats().filter(|info| info.drm == Some(self)) {
            if !info.separate {
                return Some(info.fourcc);
            }
            separate = separate.or(Some(info.fourcc));
        }
        separate
    }
}

impl FourCc {
    /// Returns the DRM format with the same bytes, whether the planes share memory or not.
    #[must_use]
    pub fn to_drm(self) -> Option<DrmFormat> {
        self.info()?.drm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_order_names_map_to_word_order_names() {
        assert_eq!(FourCc::RGB3.to_drm(), Some(DrmFormat::linear(*b"BG24")));
        assert_eq!(FourCc::BGR3.to_drm(), Some(DrmFormat::linear(*b"RG24")));
        assert_eq!(FourCc::GREY.to_drm(), Some(DrmFormat::linear(*b"R8  ")));
        assert_eq!(FourCc::YUYV.to_drm(), Some(DrmFormat::linear(*b"YUYV")));
        assert_eq!(FourCc::H264.to_drm(), None);
    }

    #[test]
    fn contiguous_format_is_preferred_on_the_way_back() {
        let nv12 = DrmFormat::linear(*b"NV12");
        assert_eq!(FourCc::NM12.to_drm(), Some(nv12));
        assert_eq!(nv12.to_v4l2(), Some(FourCc::NV12));
        // 4:4:4 in three planes exists in V4L2 only with separate memory.
        let yuv444 = DrmFormat::linear(*b"YU24");
        assert_eq!(yuv444.to_v4l2(), Some(FourCc::YM24));
    }

    #[test]
    fn every_mapping_comes_back_to_the_same_bytes() {
        for info in table::formats() {
            let Some(drm) = info.drm else { continue };
            let back = drm.to_v4l2().and_then(FourCc::info).unwrap();
            assert_eq!(back.planes, info.planes, "{}", info.fourcc);
            assert_eq!(back.tile, info.tile, "{}", info.fourcc);
        }
    }
}
