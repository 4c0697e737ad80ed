//! The element in a harness, with a bus.

use gst::prelude::*;
use gst_check::Harness;

use crate::support;

/// A `vslsrc` whose buffers go to the test.
pub(crate) struct Reader {
    pub(crate) harness: Harness,
    pub(crate) element: gst::Element,
    pub(crate) bus: gst::Bus,
}

/// The element, once the plugin is registered.
pub(crate) fn vslsrc() -> gst::Element {
    support::init();
    gst::ElementFactory::make("vslsrc").build().unwrap()
}

/// The element with properties as in `gst-launch-1.0`.
pub(crate) fn with_properties(properties: &[(&str, &str)]) -> gst::Element {
    let element = vslsrc();
    for (name, value) in properties {
        element.set_property_from_str(name, value);
    }
    element
}

impl Reader {
    /// Reads from `path`, with the system clock and a base time of 0.
    pub(crate) fn new(path: &str, properties: &[(&str, &str)]) -> Self {
        let element = with_properties(properties);
        element.set_property("path", path);
        let mut harness = Harness::with_element(&element, None, Some("src"));
        harness.use_systemclock();
        harness.add_propose_allocation_meta(gst_video::VideoMeta::meta_api(), None);
        let bus = support::with_bus(&element);
        Self {
            harness,
            element,
            bus,
        }
    }

    pub(crate) fn playing(path: &str, properties: &[(&str, &str)]) -> Self {
        let mut reader = Self::new(path, properties);
        reader.harness.play();
        reader
    }

    /// Has downstream request memory with this alignment.
    pub(crate) fn is_asked_for_round_addresses(&self) -> usize {
        let pad = self.element.static_pad("src").unwrap();
        let params = gst::AllocationParams::new(gst::MemoryFlags::empty(), 4095, 0, 0);
        let usual = gst::Allocator::find(None);
        let kinds = gst::PadProbeType::QUERY_DOWNSTREAM | gst::PadProbeType::PUSH;
        pad.add_probe(kinds, move |_, info| {
            let query = info.query_mut().map(|query| query.view_mut());
            let Some(gst::QueryViewMut::Allocation(query)) = query else {
                return gst::PadProbeReturn::Ok;
            };
            query.add_allocation_meta::<gst_video::VideoMeta>(None);
            query.add_allocation_param(usual.as_ref(), params);
            gst::PadProbeReturn::Handled
        });
        4096
    }

    /// The next buffer.
    pub(crate) fn pull(&mut self) -> gst::Buffer {
        match self.harness.pull() {
            Ok(buffer) => buffer,
            Err(_) => panic!("no buffer: {:?}", self.bus.pop()),
        }
    }

    /// The next message of this type.
    pub(crate) fn message(&self, of: gst::MessageType) -> gst::Message {
        support::message(&self.bus, of)
    }

    /// The text of the next error.
    pub(crate) fn error(&self) -> String {
        support::error_text(&self.bus)
    }

    /// Waits for the end of the stream.
    pub(crate) fn wait_for_eos(&mut self) {
        loop {
            let event = self.harness.pull_event().expect("an end of the stream");
            if event.type_() == gst::EventType::Eos {
                return;
            }
        }
    }

    pub(crate) fn stats(&self, name: &str) -> u64 {
        let stats = self.element.property::<gst::Structure>("stats");
        stats.get::<u64>(name).unwrap()
    }

    pub(crate) fn caps(&self) -> gst::Caps {
        self.harness.sinkpad().unwrap().current_caps().unwrap()
    }
}
