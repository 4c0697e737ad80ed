#![cfg_attr(
    feature = "software",
    expect(unsafe_code, reason = "opening a shared library runs its initialisers")
)]
//! Libraries of the system that are looked for when they are needed.

#[cfg(feature = "software")]
use std::ffi::OsString;

#[cfg(feature = "software")]
use libloading::{Library, Symbol};

/// A library that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryMissing {
    /// The library.
    pub library: &'static str,
    /// Debian packages that have it, one for each release.
    pub packages: &'static str,
    /// What the system said.
    pub why: String,
}

impl core::fmt::Display for LibraryMissing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            library,
            packages,
            why,
        } = self;
        write!(f, "{library} can't be used, install {packages}: {why}")
    }
}

/// Opens the first of `names` that is there; gives its place in the list, too.
#[cfg(feature = "software")]
pub(crate) fn open(
    library: &'static str,
    packages: &'static str,
    names: impl Iterator<Item = OsString>,
) -> Result<(Library, usize), LibraryMissing> {
    let mut why = String::from("no name to look for");
    for (at, name) in names.enumerate() {
        // SAFETY: these are codec libraries of the system under the names of their binary interface, whose
        // initialisers set up tables of their own.
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

/// A function of `library` by its name.
///
/// # Safety
/// `T` is a pointer to a function of the type that the library's header gives, and is called only while the
/// library stays open.
#[cfg(feature = "software")]
pub(crate) unsafe fn symbol<T: Copy>(
    open: &Library,
    library: &'static str,
    packages: &'static str,
    name: &str,
) -> Result<T, LibraryMissing> {
    // SAFETY: the caller's duty.
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
