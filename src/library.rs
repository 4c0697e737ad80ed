#![cfg_attr(
    feature = "software",
    expect(unsafe_code, reason = "opening a shared library runs its initialisers")
)]
//! System libraries that are loaded on demand.

#[cfg(feature = "software")]
use std::ffi::OsString;

#[cfg(feature = "software")]
use libloading::{Library, Symbol};

/// A system library that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{library} can't be used, install {packages}: {why}")]
pub struct LibraryMissing {
    /// Name of the library.
    pub library: &'static str,
    /// Debian packages that contain it, one per release.
    pub packages: &'static str,
    /// The system's reason.
    pub why: String,
}

/// Opens the first of `names` that exists; also returns its index in the list.
#[cfg(feature = "software")]
pub(crate) fn open(
    library: &'static str,
    packages: &'static str,
    names: impl Iterator<Item = OsString>,
) -> Result<(Library, usize), LibraryMissing> {
    let mut why = String::from("no name to look for");
    for (at, name) in names.enumerate() {
        // SAFETY: these are codec libraries of the system under the names of their ABI, whose
        // initialisers only set up their own tables.
        match unsafe { Library::new(&name) } {
            Ok(library) => return Ok((library, at)),
            Err(error) => why = error.to_string(),
        }
    }
    Err(LibraryMissing {
        library,
        packages,
        why,
    })
}

/// Looks up a function of `library` by its name.
///
/// # Safety
/// `T` must be a pointer to a function of the type in the library's header, and may be called only
/// while the library stays open.
#[cfg(feature = "software")]
pub(crate) unsafe fn symbol<T: Copy>(
    open: &Library,
    library: &'static str,
    packages: &'static str,
    name: &str,
) -> Result<T, LibraryMissing> {
    // SAFETY: the caller ensures that `T` is the type of the function.
    let found: Result<Symbol<'_, T>, _> = unsafe { open.get(name.as_bytes()) };
    found.map(|symbol| *symbol).map_err(|error| LibraryMissing {
        library,
        packages,
        why: error.to_string(),
    })
}

#[cfg(all(test, feature = "software"))]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_names_its_package() {
        let names = ["libnowhere.so.7".into()].into_iter();
        let error = open("libnowhere", "libnowhere7", names).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("libnowhere7") && text.contains("libnowhere.so.7"),
            "{text}"
        );
    }
}
