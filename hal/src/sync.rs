//! The atomics of shared memory, behind one door.
//!
//! Everything that two processes touch at once is an atomic from this module. A build
//! with `--cfg loom` gets the model checker's atomics instead, and with them the choice
//! to weaken one [`Point`]: each model is run once as the code stands and once for every
//! point it depends on, weakened, where it has to fail.

#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A place where the order of two memory operations carries the proof.
///
/// The two sides of a pair bear one name in comments: `SYNC(publish)`.
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
    /// `reuse`: between a slot's state going to 0 and its memory being rewritten, and on the
    /// other side between reading a frame and looking at its state once more.
    Reuse,
    /// `sleep`, host side: between publishing and looking for sleepers.
    WakeFence,
    /// `sleep`, client side: between announcing its sleep and the last look at the ring.
    SleepFence,
    /// `limit`, client side: the look at a slot's state before a reference is counted.
    FirstLook,
    /// `limit`, host side: between making slots unreadable and adding references up.
    LimitFence,
    /// `limit` and `wait`, client side: between a decrement and what is looked at next, a state
    /// or the host's mark.
    ReleaseFence,
    /// `wait`, host side: between its mark and its last look at what clients hold.
    HostSleepFence,
}

/// A sequentially consistent fence at `point`: what was stored before it is seen by
/// whoever's fence comes later, and the other way round.
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

/// Takes one from `word` as a release at `release`, and orders what is loaded [`behind`] it after
/// it: a full fence at `fence`, without the cost of one where the subtraction itself is ordered.
#[inline]
pub fn sub_and_fence(word: &AtomicU32, release: Point, fence: Point) {
    #[cfg(not(loom))]
    {
        let _ = (release, fence);
        word.fetch_sub(1, Ordering::SeqCst);
    }
    // The model checker knows sequential consistency of fences only.
    #[cfg(loom)]
    {
        word.fetch_sub(1, release_at(release));
        full_fence(fence);
    }
}

/// The ordering of a load that comes after [`sub_and_fence`] in the one order of all fences.
#[inline]
pub const fn behind() -> Ordering {
    if cfg!(loom) {
        Ordering::Relaxed
    } else {
        Ordering::SeqCst
    }
}

/// Whether a model leaves the step at `point` out; never outside of models.
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

/// A release fence at `point`: what was stored before it is seen by whoever's
/// [`acquire_fence`] comes after a load of something stored behind it.
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

/// An acquire fence at `point`; see [`release_fence`].
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

/// The release ordering at `point`.
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
    //! Weakening of single points, for the models' mutations.

    extern crate std;

    use super::Point;
    use core::cell::Cell;

    std::thread_local! {
        // All threads of one model run on the thread of its test.
        static WEAKENED: Cell<Option<Point>> = const { Cell::new(None) };
    }

    /// Whether `point` is to do nothing in this test.
    pub fn is_weakened(point: Point) -> bool {
        WEAKENED.get() == Some(point)
    }

    /// Runs `model` under loom with `point` taken out.
    pub fn weakened(point: Option<Point>, model: impl Fn() + Sync + Send + 'static) {
        WEAKENED.set(point);
        loom::model(model);
    }
}
