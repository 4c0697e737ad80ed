//! Pixel formats.
