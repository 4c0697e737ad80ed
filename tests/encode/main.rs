//! The software encoder, judged by ffmpeg.

#[cfg(not(feature = "software"))]
#[test]
fn without_a_backend_the_error_names_the_feature() {
    use videostream::FrameRate;
    use videostream::encode::{Codec, Encoder, EncoderConfig};
    use videostream::hal::format::FourCc;
    println!("skipped: encode: built without the feature `software`");
    let rate = FrameRate::fps(30).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 640, 480, rate);
    let error = Encoder::new(&config).unwrap_err();
    assert!(error.to_string().contains("feature `software`"), "{error}");
}

#[cfg(all(feature = "software", feature = "record"))]
mod files;
#[cfg(feature = "software")]
mod h264;
#[cfg(feature = "software")]
mod h265;
#[cfg(feature = "software")]
#[path = "../media/mod.rs"]
mod media;
#[cfg(feature = "software")]
mod rates;
#[cfg(feature = "software")]
mod support;
