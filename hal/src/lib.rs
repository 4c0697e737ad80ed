#![no_std]
//! Video devices, memory and frame rings for Linux, without allocation.

pub mod format;
