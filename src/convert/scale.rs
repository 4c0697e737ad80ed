//! Scaling planes with the SIMD filters of the crate `pic-scale`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use pic_scale::{
    BufferStore, ImageSize, ImageStore, ImageStoreMut, PicScaleError, Resampling,
    ResamplingFunction, Scaler,
};

use super::Filter;
use super::view::{View, ViewMut};
use crate::picture::{Plane, PlaneMut};

/// Most plans to keep: those for luma and chroma of two alternating conversions.
const PLANS: usize = 6;

/// Filter weights of the last conversions, and their working memory.
#[derive(Default)]
pub(super) struct Scaling {
    /// Sorted by last use, the most recent one last.
    plans: Vec<(Key, Plan)>,
    memory: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    channels: usize,
    from: (usize, usize),
    to: (usize, usize),
    filter: Filter,
}

#[derive(Clone)]
enum Plan {
    One(Arc<Resampling<u8, 1>>),
    Two(Arc<Resampling<u8, 2>>),
    Three(Arc<Resampling<u8, 3>>),
    Four(Arc<Resampling<u8, 4>>),
}

impl fmt::Debug for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.plans.iter().map(|(key, _)| key))
            .finish()
    }
}

impl Scaling {
    /// Scales every plane of `s` to the size of the same plane of `t`. Both have the same kind and
    /// order; size and subsampling may differ.
    pub(super) fn scale(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        filter: Filter,
    ) -> Result<(), &'static str> {
        for plane in 0..t.shape.planes() {
            let channels = t.shape.channels(plane);
            let (from, to) = (s.extent(plane), t.extent(plane));
            if from == to {
                for row in 0..to.rows {
                    t.row(plane, row).copy_from_slice(s.row(plane, row));
                }
                continue;
            }
            let key = Key {
                channels,
                from: (from.row_bytes / channels, from.rows),
                to: (to.row_bytes / channels, to.rows),
                filter,
            };
            let plan = self.plan(key).map_err(|_| "planning to scale")?;
            match plan {
                Plan::One(plan) => self.run(&*plan, key, s.plane(plane), t.plane(plane)),
                Plan::Two(plan) => self.run(&*plan, key, s.plane(plane), t.plane(plane)),
                Plan::Three(plan) => self.run(&*plan, key, s.plane(plane), t.plane(plane)),
                Plan::Four(plan) => self.run(&*plan, key, s.plane(plane), t.plane(plane)),
            }
            .map_err(|_| "scaling")?;
        }
        Ok(())
    }

    fn plan(&mut self, key: Key) -> Result<Plan, PicScaleError> {
        if let Some(at) = self.plans.iter().position(|(known, _)| *known == key) {
            self.plans[at..].rotate_left(1);
        } else {
            if self.plans.len() == PLANS {
                self.plans.remove(0);
            }
            self.plans.push((key, Plan::new(key)?));
        }
        let (_, plan) = &self.plans[self.plans.len() - 1];
        Ok(plan.clone())
    }

    fn run<const N: usize>(
        &mut self,
        plan: &Resampling<u8, N>,
        key: Key,
        from: Plane<'_>,
        to: PlaneMut<'_>,
    ) -> Result<(), PicScaleError> {
        let needs = plan.scratch_size();
        if self.memory.len() < needs {
            self.memory.resize(needs, 0);
        }
        let from = ImageStore::<u8, N> {
            buffer: Cow::Borrowed(from.data),
            channels: N,
            width: key.from.0,
            height: key.from.1,
            stride: from.stride,
            bit_depth: 8,
        };
        let mut to = ImageStoreMut::<u8, N> {
            buffer: BufferStore::Borrowed(to.data),
            channels: N,
            width: key.to.0,
            height: key.to.1,
            stride: to.stride,
            bit_depth: 8,
        };
        plan.resample_with_scratch(&from, &mut to, &mut self.memory[..needs])
    }
}

impl Plan {
    fn new(key: Key) -> Result<Self, PicScaleError> {
        let scaler = Scaler::new(match key.filter {
            Filter::Bilinear => ResamplingFunction::Bilinear,
            Filter::Cubic => ResamplingFunction::CatmullRom,
            Filter::Lanczos => ResamplingFunction::Lanczos3,
        });
        let from = ImageSize::new(key.from.0, key.from.1);
        let to = ImageSize::new(key.to.0, key.to.1);
        Ok(match key.channels {
            1 => Self::One(scaler.plan_planar_resampling(from, to)?),
            2 => Self::Two(scaler.plan_cbcr_resampling(from, to)?),
            3 => Self::Three(scaler.plan_rgb_resampling(from, to)?),
            _ => Self::Four(scaler.plan_rgba_resampling(from, to, false)?),
        })
    }
}
