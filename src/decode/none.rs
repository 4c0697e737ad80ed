//! Stands for the software backend where that was not built: it can't be made, so its methods can't be called.

use super::{DecodeError, DecoderConfig};
use crate::encode::Packet;
use crate::picture::Picture;

/// There is no value of this.
#[derive(Debug)]
pub(super) enum Software {}

impl Software {
    pub(super) fn new(config: &DecoderConfig) -> Result<Self, DecodeError> {
        Err(DecodeError::NoBackend(config.codec))
    }

    pub(super) fn submit(&mut self, _: &Packet<'_>) -> Result<(), DecodeError> {
        match *self {}
    }

    pub(super) fn receive(&mut self, _: bool) -> Result<Option<(Picture<'_>, u64)>, DecodeError> {
        match *self {}
    }

    pub(super) fn hidden(&self) -> u64 {
        match *self {}
    }
}
