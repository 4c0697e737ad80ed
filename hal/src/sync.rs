//! The atomics of shared memory, in one place.
//!
//! Everything that two processes touch at once is an atomic from this module. A build with `--cfg
//! loom` gets the model checker's atomics instead, and with them the choice to weaken one
//! [`Point`]: each model runs once with the code as written, and once per point it depends on with
//! that point weakened, where it must fail.

#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A shared word that this process reads and cannot write: an atomic without its stores.
#[derive(Clone, Copy, Debug)]
pub struct ReadOnly<'a, A>(&'a A);

impl<'a, A> ReadOnly<'a, A> {
    /// Hides the stores of `word`.
    #[inline]
    pub const fn new(word: &'a A) -> Self {
        Self(word)
    }
}

impl ReadOnly<'_, AtomicU32> {
    /// Loads the word.
    #[inline]
    pub fn load(self, order: Ordering) -> u32 {
        self.0.load(order)
    }
}

impl ReadOnly<'_, AtomicU64> {
    /// Loads the word.
    #[inline]
    pub fn load(self, order: Ordering) -> u64 {
        self.0.load(order)
    }
}

/// A place in the code where a proof depends on the order of two memory operations.
///
/// The two sides of a pair share one name in comments: `SYNC(publish)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// `publish`: the host's store of head, after the slot's descriptor and state.
    Publish,
    /// `hold`, client side: between counting a reference and validating the serial.
    HoldFence,
    /// `hold`, host side: between making a slot unreadable and reading the references.
    ReclaimFence,
    /// `release`: the client's decrement, after its last read of the frame.
    ReleaseRef,
    /// `reuse`: between a slot's state going to 0 and its memory being rewritten, and on the other
    /// side between reading a frame and checking its state once more.
    Reuse,
    /// `sleep`, host side: between publishing and checking for sleepers.
    WakeFence,
    /// `sleep`, client side: between announcing its sleep and the last look at the ring.
    SleepFence,
    /// `limit`, client side: the check of a slot's state before a reference is counted.
    FirstLook,
    /// `limit`, host side: between making slots unreadable and adding references up.
    LimitFence,
    /// `limit` and `wait`, client side: between a decrement and the next load of a state or the
    /// host's mark.
    ReleaseFence,
    /// `wait`, host side: between its mark and its last look at the references.
    HostSleepFence,
}

/// Issues a sequentially consistent fence at `point`: of two such fences, the later one in their
/// total order sees what was stored before the earlier one.
#[inline]
pub fn full_fence(point: Point) {
    #[cfg(not(loom))]
    #[expect(clippy::disallowed_methods, reason = "the one place that fences")]
    {
        let _ = point;
        core::sync::atomic::fence(Ordering::SeqCst);
    }
    #[cfg(loom)]
    if !model::is_weakened(point) {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}

/// Subtracts one from `word` as a release at `release`, and orders loads with [`behind`] after it:
/// a full fence at `fence`, but without its cost where the subtraction itself is sequentially
/// consistent.
#[inline]
pub fn sub_and_fence(word: &AtomicU32, release: Point, fence: Point) {
    #[cfg(not(loom))]
    {
        let _ = (release, fence);
        word.fetch_sub(1, Ordering::SeqCst);
    }
    // The model checker supports sequential consistency of fences only.
    #[cfg(loom)]
    {
        word.fetch_sub(1, release_at(release));
        full_fence(fence);
    }
}

/// Returns the ordering for a load that must come after [`sub_and_fence`] in the total order of
/// fences.
#[inline]
pub const fn behind() -> Ordering {
    if cfg!(loom) {
        Ordering::Relaxed
    } else {
        Ordering::SeqCst
    }
}

/// Returns whether a model leaves out the step at `point`; always `false` outside models.
#[inline]
pub fn is_left_out(point: Point) -> bool {
    #[cfg(loom)]
    return model::is_weakened(point);
    #[cfg(not(loom))]
    {
        let _ = point;
        false
    }
}

/// Issues a release fence at `point`: what was stored before it is seen after an [`acquire_fence`]
/// that follows a load of a value stored after it.
#[inline]
pub fn release_fence(point: Point) {
    #[cfg(not(loom))]
    #[expect(clippy::disallowed_methods, reason = "the one place that fences")]
    {
        let _ = point;
        core::sync::atomic::fence(Ordering::Release);
    }
    #[cfg(loom)]
    if !model::is_weakened(point) {
        loom::sync::atomic::fence(Ordering::Release);
    }
}

/// Issues an acquire fence at `point`; see [`release_fence`].
#[inline]
pub fn acquire_fence(point: Point) {
    #[cfg(not(loom))]
    #[expect(clippy::disallowed_methods, reason = "the one place that fences")]
    {
        let _ = point;
        core::sync::atomic::fence(Ordering::Acquire);
    }
    #[cfg(loom)]
    if !model::is_weakened(point) {
        loom::sync::atomic::fence(Ordering::Acquire);
    }
}

/// Returns the release ordering at `point`.
#[inline]
pub fn release_at(point: Point) -> Ordering {
    #[cfg(loom)]
    if model::is_weakened(point) {
        return Ordering::Relaxed;
    }
    let _ = point;
    Ordering::Release
}

#[cfg(loom)]
pub mod model {
    //! Weakening of single points, for the mutations of models.

    extern crate std;

    use super::Point;
    use core::cell::Cell;

    std::thread_local! {
        // All threads of one model run on the thread of its test.
        static WEAKENED: Cell<Option<Point>> = const { Cell::new(None) };
    }

    /// Returns whether `point` does nothing in this test.
    pub fn is_weakened(point: Point) -> bool {
        WEAKENED.get() == Some(point)
    }

    /// Runs `model` under loom with `point` weakened.
    pub fn weakened(point: Option<Point>, model: impl Fn() + Sync + Send + 'static) {
        WEAKENED.set(point);
        loom::model(model);
    }
}
