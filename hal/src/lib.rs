#![no_std]
//! s
