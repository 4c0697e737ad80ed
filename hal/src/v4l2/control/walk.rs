//! Enumeration of controls that skips those that fail.
//!
//! The kernel returns the control after an id, but no id if that control fails (a USB camera with
//! broken firmware). The control after it is found by querying from higher ids on.

use rustix::io::Errno;

use crate::v4l2::ioctl::NEXT;
use crate::{Call, Error, ErrorKind};

/// Upper limit of ids.
const END: u32 = 0x1000_0000;
/// Number of ids that are queried one by one where a control failed.
const LOOKED_AT: u32 = 256;
/// Maximum number of failing gaps before the list ends.
const MAX_GAPS: u32 = 16;

/// Returns whether an error means that there is no such control.
pub(super) fn is_end(error: Error) -> bool {
    matches!(error.errno(), Some(Errno::INVAL | Errno::NOTTY))
}

/// The position in a list of controls.
#[derive(Debug)]
pub(super) struct Walk {
    /// The id after which to continue; `None` at the end.
    last: Option<u32>,
    /// Ids to query one by one, where something failed.
    gap: core::ops::Range<u32>,
    /// The error at the start of the gap, until it is reported.
    pending: Option<Error>,
    gaps: u32,
    failed: Option<u32>,
}

impl Walk {
    pub(super) const fn new() -> Self {
        Self {
            last: Some(0),
            gap: 0..0,
            pending: None,
            gaps: 0,
            failed: None,
        }
    }

    /// Returns the id of the control that the last error is about, if known.
    pub(super) const fn failed(&self) -> Option<u32> {
        self.failed
    }

    /// Returns the next control, or the error of one that fails. `ask` queries the control with an
    /// id, or the one after it with [`NEXT`]; `id` returns the id of an answer.
    pub(super) fn step<T>(
        &mut self,
        mut ask: impl FnMut(u32) -> Result<T, Error>,
        id: impl Fn(&T) -> u32,
    ) -> Option<Result<T, Error>> {
        self.failed = None;
        loop {
            while let Some(at) = self.gap.next() {
                match ask(at) {
                    Err(error) if is_end(error) => {}
                    Ok(info) => return Some(Ok(info)),
                    Err(error) => {
                        self.pending = None;
                        self.failed = Some(at);
                        return Some(Err(self.told(error)));
                    }
                }
            }
            // It failed once, but no control in the gap fails when queried directly.
            if let Some(error) = self.pending.take() {
                return Some(Err(error));
            }
            let last = self.last.take()?;
            match ask(last | NEXT) {
                // Ids must grow, or the list might never end.
                Ok(info) if id(&info) > last => {
                    self.last = Some(id(&info));
                    return Some(Ok(info));
                }
                Ok(info) => {
                    return Some(Err(Error::Answer {
                        call: Call::QueryExtCtrl,
                        field: "id",
                        value: id(&info).into(),
                    }));
                }
                Err(error) if is_end(error) => return None,
                Err(error) => {
                    self.gaps += 1;
                    if self.gaps > MAX_GAPS || error.kind() == ErrorKind::Disconnected {
                        return Some(Err(error));
                    }
                    let Some(end) = answers_from(last + 1, &mut ask) else {
                        return Some(Err(error));
                    };
                    self.gap = end.saturating_sub(LOOKED_AT).max(last) + 1..end + 1;
                    self.pending = Some(error);
                    self.last = Some(end);
                }
            }
        }
    }

    /// Returns an error; after a disconnect the list ends.
    fn told(&mut self, error: Error) -> Error {
        if error.kind() == ErrorKind::Disconnected {
            (self.gap, self.last) = (0..0, None);
        }
        error
    }
}

/// Returns the lowest id from `start` on after which the kernel finds a control, or the end,
/// without an error: that of the failing control.
fn answers_from<T>(start: u32, ask: &mut impl FnMut(u32) -> Result<T, Error>) -> Option<u32> {
    let mut fails = |id: u32| ask(id | NEXT).is_err_and(|error| !is_end(error));
    if start >= END {
        return None;
    }
    // The query fails at `low - 1` and succeeds at `high`.
    let (mut low, mut high, mut step) = (start, start, 1);
    while fails(high) {
        low = high + 1;
        high = (high + step).min(END - 1);
        step *= 2;
        if low == END {
            return None;
        }
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if fails(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [u32; 6] = [
        0x0098_0900,
        0x0098_0901,
        0x0098_0913,
        0x009a_0901,
        0x009a_0902,
        0x009a_0910,
    ];

    /// Simulates a driver with these controls, some of which fail.
    fn ask(id: u32, broken: &[u32]) -> Result<u32, Error> {
        let found = match id & NEXT {
            0 => IDS.into_iter().find(|known| *known == id),
            _ => IDS.into_iter().find(|known| *known > id & !NEXT),
        };
        match found {
            Some(id) if broken.contains(&id) => Err(Error::system(Call::QueryExtCtrl, Errno::IO)),
            Some(id) => Ok(id),
            None => Err(Error::system(Call::QueryExtCtrl, Errno::INVAL)),
        }
    }

    /// Returns the ids that answer, the ids that fail, and the number of queries.
    fn walk(broken: &[u32]) -> ([Option<u32>; 8], [Option<u32>; 8], u32) {
        let (mut walk, mut calls) = (Walk::new(), 0);
        let (mut good, mut bad) = ([None; 8], [None; 8]);
        let (mut goods, mut bads) = (0, 0);
        while let Some(item) = walk.step(
            |id| {
                calls += 1;
                ask(id, broken)
            },
            |id| *id,
        ) {
            match item {
                Ok(id) => (good[goods], goods) = (Some(id), goods + 1),
                Err(_) => (bad[bads], bads) = (walk.failed(), bads + 1),
            }
        }
        (good, bad, calls)
    }

    #[test]
    fn a_control_that_fails_is_named_and_costs_no_other() {
        for broken in IDS {
            let (good, bad, calls) = walk(&[broken]);
            let others = IDS.into_iter().filter(|id| *id != broken);
            assert!(good.into_iter().flatten().eq(others), "{broken:#x}");
            assert_eq!((bad[0], bad[1]), (Some(broken), None));
            assert!(calls < 400, "{calls}");
        }
    }

    #[test]
    fn controls_that_fail_side_by_side_are_named() {
        let (good, bad, _) = walk(&IDS[3..5]);
        assert!(
            good.into_iter()
                .flatten()
                .eq([IDS[0], IDS[1], IDS[2], IDS[5]])
        );
        assert!(bad.into_iter().flatten().eq([IDS[3], IDS[4]]));
    }

    #[test]
    fn a_query_that_fails_once_costs_nothing_and_is_told() {
        for failing in 0..6 {
            let (mut walk, mut calls, mut good, mut errors) = (Walk::new(), 0, 0, 0);
            let mut once = |id| {
                calls += 1;
                if calls == failing + 1 {
                    return Err(Error::system(Call::QueryExtCtrl, Errno::PIPE));
                }
                ask(id, &[])
            };
            while let Some(item) = walk.step(&mut once, |id| *id) {
                good += usize::from(item.is_ok());
                errors += usize::from(item.is_err());
            }
            assert_eq!((good, errors), (IDS.len(), 1), "{failing}");
        }
    }

    #[test]
    fn a_list_that_only_fails_ends() {
        for errno in [Errno::IO, Errno::NODEV] {
            let mut walk = Walk::new();
            let mut fail = |_| Err::<u32, _>(Error::system(Call::QueryExtCtrl, errno));
            assert!(matches!(walk.step(&mut fail, |id| *id), Some(Err(_))));
            assert_eq!(walk.step(&mut fail, |id| *id), None);
        }
    }
}
