//! Pictures that move, and how far decoded ones are from them.

use videostream_hal::format::{FourCc, Layout};

/// How many pictures there are until they repeat.
const PERIOD: usize = 8;
/// Bytes from one sample to the next where not all are compared; no multiple of a pixel.
const SPARSE: usize = 67;

/// A short endless film in a raw format.
pub(crate) struct Clip {
    pub(crate) layout: Layout,
    pictures: Vec<Vec<u8>>,
}

impl Clip {
    pub(crate) fn new(fourcc: FourCc, width: u32, height: u32) -> Self {
        let layout = Layout::new(fourcc, width, height).unwrap();
        let pictures = (0..PERIOD).map(|number| draw(&layout, number)).collect();
        Self { layout, pictures }
    }

    pub(crate) fn fourcc(&self) -> FourCc {
        self.layout.fourcc
    }

    pub(crate) fn picture(&self, number: usize) -> &[u8] {
        &self.pictures[number % PERIOD]
    }

    /// Peak signal to noise ratio of a decoded picture, in dB; over all of it in every eighth,
    /// and over samples of it in the others, which would take too long.
    ///
    /// A fourth byte that the format does not define is not compared.
    pub(crate) fn psnr(&self, number: usize, decoded: &[u8]) -> f64 {
        let source = self.picture(number);
        assert!(decoded.len() >= source.len(), "{} bytes", decoded.len());
        let step = if number.is_multiple_of(8) { 1 } else { SPARSE };
        let undefined = undefined_byte(self.fourcc());
        let (mut squares, mut count) = (0u64, 0u64);
        for at in (0..source.len()).step_by(step) {
            if undefined.is_some_and(|byte| at % 4 == byte) {
                continue;
            }
            let error = u64::from(source[at].abs_diff(decoded[at]));
            squares += error * error;
            count += 1;
        }
        if squares == 0 {
            return f64::INFINITY;
        }
        10.0 * (255.0 * 255.0 * count as f64 / squares as f64).log10()
    }
}

/// Which byte of each pixel means nothing.
fn undefined_byte(fourcc: FourCc) -> Option<usize> {
    match &fourcc.letters() {
        b"XR24" | b"XB24" | b"BGR4" => Some(3),
        b"RX24" | b"BX24" | b"RGB4" | b"HSV4" => Some(0),
        _ => None,
    }
}

/// A soft pattern whose lower half moves to the left, at another height in each component.
fn draw(layout: &Layout, number: usize) -> Vec<u8> {
    let mut picture = vec![0; layout.size as usize];
    for (at, plane) in layout.planes[..layout.plane_count].iter().enumerate() {
        let stride = plane.stride as usize;
        let components = components(layout, at);
        // Every line is a part of one long line.
        let long = (0..stride + 4096)
            .map(|byte| wave(byte / components.len() + 16 * components[byte % components.len()]));
        let long: Vec<u8> = long.collect();
        let start = plane.offset as usize;
        let lines_of_plane = plane.size as usize / stride;
        let lines = picture[start..start + plane.size as usize].chunks_mut(stride);
        for (y, line) in lines.enumerate() {
            // The upper half stands still, which is predicted; the lower one is new each time.
            let moved = if y < lines_of_plane / 2 {
                0
            } else {
                4 * number
            };
            let shift = (y / 2 + moved) % 256 * components.len();
            line.copy_from_slice(&long[shift..shift + line.len()]);
        }
    }
    picture
}

/// The components in the bytes that repeat in a plane.
fn components(layout: &Layout, plane: usize) -> &'static [usize] {
    let bytes_per_pixel = layout.planes[0].stride / layout.width;
    match (layout.plane_count, plane, bytes_per_pixel) {
        (1, _, 2) if layout.fourcc.letters()[0] == b'Y' => &[0, 1, 0, 2],
        (1, _, 2) => &[1, 0, 2, 0],
        (1, _, 3) => &[0, 1, 2],
        (1, _, 4) => &[0, 1, 2, 3],
        (2, 1, _) => &[1, 2],
        (_, 0, _) => &[0],
        (_, 1, _) => &[1],
        _ => &[2],
    }
}

/// Up and down between 64 and 191.
fn wave(at: usize) -> u8 {
    let at = (at % 256) as u8;
    64 + if at < 128 { at } else { 255 - at }
}
