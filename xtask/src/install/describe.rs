//! Descriptions of the installed library for compilers: pkg-config here, CMake in `cmake.rs`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::cmake;

/// What is installed, and where.
pub(super) struct Installed {
    pub(super) prefix: PathBuf,
    pub(super) libdir: PathBuf,
    /// Of the interface: `2.6.0`.
    pub(super) version: String,
    /// System libraries that statically linked programs need.
    pub(super) private_libraries: Vec<&'static str>,
    /// Whether there is a shared library.
    pub(super) is_shared: bool,
}

impl Installed {
    /// The first number of the version, which stands in the library's SONAME.
    pub(super) fn major(&self) -> Result<&str> {
        let major = self.version.split('.').next();
        major.context("a version has a first number")
    }
}

/// The libraries of the system that std and the software codecs in a static library need.
pub(crate) fn private_libraries(library: &[u8]) -> Vec<&'static str> {
    let cpp = needs_cpp(library).then_some("stdc++");
    // The compiler adds its own, shared or static as the program is.
    let system = ["pthread", "rt", "dl", "m", "c"];
    cpp.into_iter().chain(system).collect()
}

/// The version that the header states.
pub(super) fn version_of(header: &str) -> Result<String> {
    let mut lines = header.lines();
    let version = lines.find_map(|line| line.strip_prefix("#define VSL_VERSION "));
    let version = version.context("the header has no VSL_VERSION")?;
    Ok(version.trim().trim_matches('"').to_owned())
}

/// Whether a static library needs the C++ library: it names what classes there are made of.
fn needs_cpp(library: &[u8]) -> bool {
    memchr::memmem::find(library, b"N10__cxxabiv1").is_some()
}

/// `videostream.pc`.
pub(super) fn pkg_config(installed: &Installed) -> String {
    let private = &installed.private_libraries;
    let private: Vec<_> = private.iter().map(|name| format!("-l{name}")).collect();
    let private = private.join(" ");
    // Every program is linked statically where there is nothing else.
    let (public, private) = match installed.is_shared {
        true => ("".into(), private),
        false => (format!(" {private}"), String::new()),
    };
    // Quoted where they are used, and not in the variables, which are read by themselves, too.
    format!(
        "prefix={}\n\
         exec_prefix=${{prefix}}\n\
         libdir=${{prefix}}/{}\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: VideoStream\n\
         Description: Capture, share and encode video frames without a copy\n\
         Version: {}\n\
         Libs: -L\"${{libdir}}\" -lvideostream{public}\n\
         Libs.private: {private}\n\
         Cflags: -I\"${{includedir}}\"\n",
        installed.prefix.display(),
        installed.libdir.display(),
        installed.version,
    )
}

/// Refuses characters that a description would misread; spaces are fine.
pub(super) fn ensure_plain(path: &Path) -> Result<()> {
    let text = path.to_str();
    let text = text.with_context(|| format!("{} is not UTF-8", path.display()))?;
    let odd = |c: char| c.is_control() || "\"\\$#`;".contains(c);
    if let Some(odd) = text.chars().find(|c| odd(*c)) {
        bail!(
            "{text:?} contains {odd:?}, which pkg-config and CMake would misinterpret: \
             install to a folder without it"
        );
    }
    Ok(())
}

/// Every description, by its path below the folder of libraries.
pub(super) fn files(installed: &Installed) -> Result<[(PathBuf, String); 3]> {
    let cmake = Path::new(cmake::FOLDER);
    Ok([
        ("pkgconfig/videostream.pc".into(), pkg_config(installed)),
        (
            cmake.join("VideoStreamConfig.cmake"),
            cmake::config(installed),
        ),
        (
            cmake.join("VideoStreamConfigVersion.cmake"),
            cmake::version(installed)?,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_headers() {
        let header = "/* text */\n#define VSL_VERSION \"2.6.0\"\n#define VSL_VERSION_1_0 1\n";
        assert_eq!(version_of(header).unwrap(), "2.6.0");
        assert!(version_of("#define VSL_VERSION_1_0 1\n").is_err());
    }

    #[test]
    fn classes_need_the_cpp_library() {
        assert!(needs_cpp(b"\0_ZTVN10__cxxabiv117__class_type_infoE\0"));
        assert!(!needs_cpp(b"\0_ZN4core3fmt5Write9write_fmt\0"));
    }

    #[test]
    fn a_static_only_library_always_lists_its_libraries() {
        let mut installed = Installed {
            prefix: "/usr".into(),
            libdir: "lib/aarch64-linux-gnu".into(),
            version: "2.6.0".into(),
            private_libraries: private_libraries(b""),
            is_shared: true,
        };
        let text = pkg_config(&installed);
        assert!(text.contains("libdir=${prefix}/lib/aarch64-linux-gnu\n"));
        assert!(text.contains("-lvideostream\n") && text.contains(".private: -lpthread"));
        assert!(!text.contains("stdc++"));
        installed.is_shared = false;
        let text = pkg_config(&installed);
        assert!(text.contains("-lvideostream -lpthread"), "{text}");
    }

    #[test]
    fn a_prefix_that_would_be_read_wrongly_is_refused() {
        assert!(ensure_plain(Path::new("/opt/my prefix/é")).is_ok());
        for odd in ["/a$b", "/a\"b", "/a\\b", "/a#b", "/a;b", "/a\nb"] {
            let error = ensure_plain(Path::new(odd)).unwrap_err().to_string();
            assert!(error.contains("install to a folder without it"), "{error}");
        }
    }
}
