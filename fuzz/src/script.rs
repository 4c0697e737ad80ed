//! A byte string read as a sequence of decisions.

/// The bytes that are left. Past the end there are zeros, so that every prefix of a script
/// is a script.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte, unless the script has ended.
    pub fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub fn one_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }

    /// A number: mostly a small one, sometimes one at which arithmetic goes wrong, sometimes any.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..200 => u64::from(small),
            200..206 => u64::MAX,
            206..210 => u64::MAX - 1,
            210..214 => 1 << 63,
            214..218 => u64::from(u32::MAX),
            218..222 => 1 << 31,
            222..226 => (1 << 31) + u64::from(self.byte()),
            226..230 => 4096 * u64::from(self.byte()),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// Its low half.
    pub fn word(&mut self) -> u32 {
        self.number() as u32
    }

    /// At most `count` bytes of the script itself.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
