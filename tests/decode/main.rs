//! The software decoders, on whole and on damaged streams.

#[cfg(not(feature = "software"))]
#[test]
fn without_a_backend_the_error_names_the_feature() {
    use videostream::decode::{Decoder, DecoderConfig};
    use videostream::encode::Codec;
    println!("skipped: decode: built without the feature `software`");
    for codec in [Codec::H264, Codec::H265] {
        let error = Decoder::new(&DecoderConfig::new(codec)).unwrap_err();
        assert!(error.to_string().contains("feature `software`"), "{error}");
    }
}

#[cfg(feature = "software")]
mod h264;
#[cfg(feature = "software")]
mod h265;
#[cfg(feature = "software")]
#[path = "../media/mod.rs"]
mod media;
#[cfg(feature = "software")]
mod support;
