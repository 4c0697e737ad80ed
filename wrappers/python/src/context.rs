//! `with` blocks.

use pyo3::PyClass;
use pyo3::prelude::*;

/// A class whose objects open and close with a `with` block.
pub(crate) trait ContextManager: PyClass {
    /// Begins the block.
    fn enter(_slf: &Bound<'_, Self>) -> PyResult<()> {
        Ok(())
    }

    /// Ends the block; `has_failed` if an exception ends it.
    fn exit(slf: &Bound<'_, Self>, has_failed: bool) -> PyResult<()>;
}

/// Implements `__enter__` and `__exit__` for a [`ContextManager`], the latter with this docstring.
macro_rules! context_manager {
    ($(#[$doc:meta])* $class:ident) => {
        #[pyo3::pymethods]
        impl $class {
            fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
                $crate::context::ContextManager::enter(slf)?;
                Ok(slf.clone())
            }

            $(#[$doc])*
            fn __exit__(
                slf: &Bound<'_, Self>,
                kind: &Bound<'_, PyAny>,
                _value: &Bound<'_, PyAny>,
                _traceback: &Bound<'_, PyAny>,
            ) -> PyResult<()> {
                $crate::context::ContextManager::exit(slf, !kind.is_none())
            }
        }
    };
}

pub(crate) use context_manager;
