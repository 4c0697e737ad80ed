//! Conversions of pictures, compared with the same in floating point and by another program.

#[cfg(feature = "convert")]
mod drawing;
#[cfg(feature = "convert")]
mod memory;
#[cfg(feature = "convert")]
mod model;
#[cfg(feature = "convert")]
mod pairs;
#[cfg(feature = "convert")]
mod refusals;
#[cfg(feature = "convert")]
mod scaling;
#[cfg(feature = "convert")]
mod sizes;
#[cfg(feature = "convert")]
mod swscale;

#[cfg(not(feature = "convert"))]
#[test]
fn without_the_feature_nothing_is_converted() {
    println!("skipped: convert: built without the feature `convert`");
}
