//! What tells compilers of the installed library: pkg-config and CMake.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// What was installed, and where it will be.
pub(super) struct Installed {
    pub(super) prefix: PathBuf,
    pub(super) libdir: PathBuf,
    /// Of the interface: `2.5.1`.
    pub(super) version: String,
    /// What programs that are linked statically need of the system.
    pub(super) private_libraries: Vec<&'static str>,
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
    let system = ["gcc_s", "pthread", "rt", "dl", "m", "c"];
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
    format!(
        "prefix={}\n\
         exec_prefix=${{prefix}}\n\
         libdir=${{prefix}}/{}\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: VideoStream\n\
         Description: Capture, share and encode video frames without a copy\n\
         Version: {}\n\
         Libs: -L${{libdir}} -lvideostream\n\
         Libs.private: {}\n\
         Cflags: -I${{includedir}}\n",
        installed.prefix.display(),
        installed.libdir.display(),
        installed.version,
        private.join(" ")
    )
}

/// `VideoStreamConfig.cmake`: the targets `VideoStream::videostream` and
/// `VideoStream::videostream_static`. It finds the prefix from where it lies, so that a tree can
/// be moved.
pub(super) fn cmake_config(installed: &Installed) -> String {
    let depth = installed.libdir.components().count() + "cmake/VideoStream".split('/').count();
    let up = vec![".."; depth].join("/");
    let libdir = installed.libdir.display();
    let private = installed.private_libraries.join(";");
    format!(
        "get_filename_component(_videostream_prefix \"${{CMAKE_CURRENT_LIST_DIR}}/{up}\" ABSOLUTE)\n\
         if(NOT TARGET VideoStream::videostream)\n\
         \x20 add_library(VideoStream::videostream SHARED IMPORTED)\n\
         \x20 set_target_properties(VideoStream::videostream PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{_videostream_prefix}}/{libdir}/libvideostream.so\"\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{_videostream_prefix}}/include\")\n\
         \x20 add_library(VideoStream::videostream_static STATIC IMPORTED)\n\
         \x20 set_target_properties(VideoStream::videostream_static PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{_videostream_prefix}}/{libdir}/libvideostream.a\"\n\
         \x20   INTERFACE_COMPILE_DEFINITIONS VSL_API_STATIC\n\
         \x20   INTERFACE_LINK_LIBRARIES \"{private}\"\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{_videostream_prefix}}/include\")\n\
         endif()\n"
    )
}

/// `VideoStreamConfigVersion.cmake`: any version of the same first number that is not older.
pub(super) fn cmake_version(installed: &Installed) -> Result<String> {
    Ok(format!(
        "set(PACKAGE_VERSION \"{version}\")\n\
         if(PACKAGE_FIND_VERSION_MAJOR STREQUAL \"{major}\"\n\
         \x20  AND NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE TRUE)\n\
         else()\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         endif()\n\
         if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)\n\
         \x20 set(PACKAGE_VERSION_EXACT TRUE)\n\
         endif()\n",
        version = installed.version,
        major = installed.major()?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_headers() {
        let header = "/* text */\n#define VSL_VERSION \"2.5.1\"\n#define VSL_VERSION_1_0 1\n";
        assert_eq!(version_of(header).unwrap(), "2.5.1");
        assert!(version_of("#define VSL_VERSION_1_0 1\n").is_err());
    }

    #[test]
    fn classes_need_the_cpp_library() {
        assert!(needs_cpp(b"\0_ZTVN10__cxxabiv117__class_type_infoE\0"));
        assert!(!needs_cpp(b"\0_ZN4core3fmt5Write9write_fmt\0"));
    }

    #[test]
    fn a_deep_folder_of_libraries_finds_its_way_back() {
        let installed = Installed {
            prefix: "/usr".into(),
            libdir: "lib/aarch64-linux-gnu".into(),
            version: "2.5.1".into(),
            private_libraries: private_libraries(b""),
        };
        assert!(cmake_config(&installed).contains("_LIST_DIR}/../../../..\""));
        assert!(pkg_config(&installed).contains("libdir=${prefix}/lib/aarch64-linux-gnu\n"));
        assert!(!pkg_config(&installed).contains("stdc++"));
        assert!(
            cmake_version(&installed)
                .unwrap()
                .contains("STREQUAL \"2\"")
        );
    }
}
