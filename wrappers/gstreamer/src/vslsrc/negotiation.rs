//! Negotiating caps with downstream.

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;

use super::copies::Copies;
use super::failure;
use super::imp::{CAT, VslSrc};
use super::streaming::Streaming;
use crate::caps::{self, Media, StreamFormat};
use crate::lock;

/// Number of frames in a row with another rate before caps change: single durations are uneven.
const RATE_SETTLES: u32 = 15;

/// The format negotiated with downstream.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) format: StreamFormat,
    pub(super) media: Media,
    pub(super) is_dma_buf: bool,
    /// Downstream supports `GstVideoMeta`.
    pub(super) takes_meta: bool,
    /// Downstream requires dma-bufs.
    pub(super) is_by_feature: bool,
    pub(super) copies: Copies,
}

impl VslSrc {
    /// Negotiates caps for frames of this format, if they differ from the current ones; `true` if
    /// they changed.
    pub(super) fn agree(
        &self,
        streaming: &mut Streaming,
        format: StreamFormat,
        is_dma_buf: bool,
        path: &str,
        serial: u64,
    ) -> Result<bool, gst::FlowError> {
        let reconfigure = std::mem::take(&mut lock(&self.shared).reconfigure);
        let is_new_host = std::mem::take(&mut streaming.is_new_host);
        let mut format = format;
        if let Some(output) = &streaming.output {
            if !is_new_host {
                format = format.mixed_with(&output.format);
            }
            let said = output.format.rate;
            if format.with_rate(said) != output.format || format.rate == said {
                streaming.other_rate = (None, 0);
            } else {
                let (other, frames) = &mut streaming.other_rate;
                *frames = if *other == format.rate {
                    *frames + 1
                } else {
                    1
                };
                *other = format.rate;
                if *frames < RATE_SETTLES {
                    format = format.with_rate(said);
                }
            }
            let is_same = output.format == format && output.is_dma_buf == is_dma_buf;
            if is_same && !reconfigure {
                return Ok(false);
            }
        }
        let bad = |why: &str| self.fail(failure::of_frame(path, serial, why));
        let media = format.media().map_err(|why| bad(&why))?;
        let offered = format.caps(is_dma_buf).map_err(|why| bad(&why))?;
        let pad = self.obj().src_pad().clone();
        let taken = pad.peer_query_caps(Some(&offered));
        let single = |at: usize| {
            let (structure, features) = (offered.structure(at)?, offered.features(at)?);
            let mut caps = gst::Caps::new_empty();
            let change = caps.make_mut();
            change.append_structure_full(structure.to_owned(), Some(features.to_owned()));
            Some(caps)
        };
        let mut choices = (0..offered.size()).filter_map(single);
        let Some(caps) = choices.find(|caps| caps.can_intersect(&taken)) else {
            if self.flow.is_flushing() {
                return Err(gst::FlowError::Flushing);
            }
            let taken = pad.peer_query_caps(None);
            self.post_error_message(failure::of_caps(path, &offered, &taken));
            return Err(gst::FlowError::NotNegotiated);
        };
        gst::info!(CAT, imp = self, "frames are {caps}");
        let is_new = {
            let mut shared = lock(&self.shared);
            let is_new = shared.caps.as_ref() != Some(&caps);
            shared.caps = Some(caps.clone());
            shared.key_frames_of = format.is_predicted().then(|| streaming.link.client());
            is_new
        };
        if self.obj().set_caps(&caps).is_err() {
            // Other threads may flush the pad, too.
            let is_flushing =
                self.flow.is_flushing() || pad.pad_flags().contains(gst::PadFlags::FLUSHING);
            return Err(match is_flushing {
                true => gst::FlowError::Flushing,
                false => gst::FlowError::NotNegotiated,
            });
        }
        let mut query = gst::query::Allocation::new(Some(&caps), false);
        let is_by_feature = caps.features(0).is_some_and(|f| f.contains(caps::DMA_BUF));
        let takes_meta = pad.peer_query(&mut query)
            && query
                .find_allocation_meta::<gst_video::VideoMeta>()
                .is_some();
        streaming.output = Some(Output {
            format,
            media,
            is_dma_buf,
            // Elements that require dma-bufs do not map them.
            takes_meta: takes_meta || is_by_feature,
            is_by_feature,
            copies: Copies::new(&query, is_dma_buf),
        });
        streaming.other_rate = (None, 0);
        Ok(is_new)
    }
}
