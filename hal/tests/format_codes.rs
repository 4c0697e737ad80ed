//! The format table against the codes of the kernel's header, name by name.

use std::collections::BTreeMap;
use std::path::Path;

use videostream_hal::format::{FourCc, formats};

/// Driver-specific formats without a public layout: they pass through as opaque.
const OPAQUE: &[&str] = &[
    "M420",
    "CPIA1",
    "WNVA",
    "SN9C10X",
    "SN9C20X_I420",
    "PWC1",
    "PWC2",
    "ET61X251",
    "SPCA501",
    "SPCA505",
    "SPCA508",
    "SPCA561",
    "PAC207",
    "MR97310A",
    "JL2005BCD",
    "SN9C2028",
    "SQ905C",
    "PJPG",
    "OV511",
    "OV518",
    "STV0680",
    "TM6000",
    "CIT_YYVYUY",
    "KONICA420",
    "JPGL",
    "SE401",
    "MT21C",
    "MT2110T",
    "MT2110R",
    "INZI",
    "CNF4",
    "HI240",
    "QC08C",
    "QC10C",
    "AJPG",
    "HEXTILE",
    "PISP_COMP1_RGGB",
    "PISP_COMP1_GRBG",
    "PISP_COMP1_GBRG",
    "PISP_COMP1_BGGR",
    "PISP_COMP1_MONO",
    "PISP_COMP2_RGGB",
    "PISP_COMP2_GRBG",
    "PISP_COMP2_GBRG",
    "PISP_COMP2_BGGR",
    "PISP_COMP2_MONO",
];

/// Formats that came after the kernel whose header is bound.
const NEWER: &[&str] = &["NV15", "NV20"];

/// `V4L2_PIX_FMT_NAME` to its code, from the generated bindings.
fn kernel_codes() -> BTreeMap<String, u32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sys/src/lp64/v4l2.rs");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("pub const V4L2_PIX_FMT_")?;
            let (name, value) = rest.split_once(": u32 = ")?;
            Some((name.to_owned(), value.trim_end_matches(';').parse().ok()?))
        })
        .filter(|(name, _)| !name.starts_with("FLAG_") && name != "PRIV_MAGIC")
        .collect()
}

#[test]
fn every_code_of_the_table_is_the_kernels() {
    let kernel = kernel_codes();
    assert!(kernel.len() > 150);
    let wrong: Vec<_> = formats()
        .filter(|info| {
            let name = info.v4l2_name.strip_prefix("V4L2_PIX_FMT_").unwrap();
            let code = kernel.get(name);
            code != Some(&info.fourcc.0) && !(code.is_none() && NEWER.contains(&name))
        })
        .map(|info| (info.v4l2_name, info.fourcc))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_kernel_format_is_in_the_table_or_opaque() {
    let missing: Vec<_> = kernel_codes()
        .into_iter()
        .filter(|(name, code)| FourCc(*code).info().is_none() && !OPAQUE.contains(&name.as_str()))
        .map(|(name, code)| (name, FourCc(code)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
