//! Properties at the ends of their ranges.

use gst::glib;
use gst::prelude::*;

use crate::support::name;
use crate::support::pipeline::Pipeline;
use crate::turn;

/// Values at the ends of a property's range.
fn extremes(property: &glib::ParamSpec) -> Vec<glib::Value> {
    let mut values = vec![property.default_value().clone()];
    if let Some(range) = property.downcast_ref::<glib::ParamSpecUInt>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(range) = property.downcast_ref::<glib::ParamSpecInt64>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(range) = property.downcast_ref::<glib::ParamSpecUInt64>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(range) = property.downcast_ref::<glib::ParamSpecFloat>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(kinds) = property.downcast_ref::<glib::ParamSpecEnum>() {
        let kinds = kinds.enum_class();
        values.extend(
            kinds
                .values()
                .iter()
                .filter_map(|kind| kinds.to_value(kind.value())),
        );
    } else if property.is::<glib::ParamSpecBoolean>() {
        values.extend([true.to_value(), false.to_value()]);
    } else if property.is::<glib::ParamSpecString>() {
        values.extend(["", "/no/such/folder", &"x".repeat(5000)].map(|text| text.to_value()));
    }
    values
}

#[test]
fn properties_can_be_set_while_playing() {
    let _turn = turn();
    let path = name("properties");
    let sink = format!(
        "videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=64,height=48,framerate=60/1 ! \
         vslsink name=it path={path}"
    );
    let sink = Pipeline::playing(&sink);
    let source = Pipeline::playing(&format!("vslsrc name=it path={path} ! fakesink name=out"));
    source.until_more(3);
    let mut count = 0;
    for pipeline in [&sink, &source] {
        let element = pipeline.element("it");
        for property in element.list_properties() {
            let is_own = property.owner_type() == element.type_();
            if !is_own || !property.flags().contains(glib::ParamFlags::WRITABLE) {
                continue;
            }
            let before = element.property_value(property.name());
            for value in extremes(&property) {
                element.set_property_from_value(property.name(), &value);
                // Restored at once: with a lifespan of 0, nothing could be read.
                element.set_property_from_value(property.name(), &before);
                count += 1;
            }
            source.until_more(2);
        }
    }
    assert!(count > 30, "{count}");
    assert_eq!(sink.element("it").property::<String>("path"), path);
    assert_eq!(source.element("it").property::<String>("path"), path);
    source.end();
    sink.end();
}
