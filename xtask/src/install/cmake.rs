//! The files that CMake's `find_package(VideoStream)` reads.

use anyhow::Result;

use super::describe::Installed;

/// Below the folder of libraries.
pub(super) const FOLDER: &str = "cmake/VideoStream";

/// `VideoStreamConfig.cmake`: the targets `VideoStream::videostream` and
/// `VideoStream::videostream_static`. It derives the prefix from its location, so that a tree can
/// be moved, also through a link such as `/lib` to `/usr/lib`.
pub(super) fn config(installed: &Installed) -> String {
    let depth = installed.libdir.components().count() + FOLDER.split('/').count();
    let up = vec![".."; depth].join("/");
    let archive = installed.libdir.join("libvideostream.a");
    let archive = archive.display();
    let shared = match installed.is_shared {
        true => {
            let library = installed.libdir.join("libvideostream.so");
            target("videostream", "SHARED", &library.display().to_string(), "")
        }
        false => archive_target("videostream", installed),
    };
    let archived = archive_target("videostream_static", installed);
    format!(
        "get_filename_component(_videostream_real \"${{CMAKE_CURRENT_LIST_DIR}}\" REALPATH)\n\
         foreach(_videostream_folder \"${{CMAKE_CURRENT_LIST_DIR}}\" \"${{_videostream_real}}\")\n\
         \x20 get_filename_component(_videostream_prefix \
         \"${{_videostream_folder}}/{up}\" ABSOLUTE)\n\
         \x20 if(EXISTS \"${{_videostream_prefix}}/include/videostream.h\" \
         AND EXISTS \"${{_videostream_prefix}}/{archive}\")\n\
         \x20   break()\n\
         \x20 endif()\n\
         \x20 set(_videostream_prefix)\n\
         endforeach()\n\
         if(NOT _videostream_prefix)\n\
         \x20 set(VideoStream_FOUND FALSE)\n\
         \x20 set(VideoStream_NOT_FOUND_MESSAGE \
         \"no include/videostream.h and {archive} above ${{CMAKE_CURRENT_LIST_DIR}}\")\n\
         \x20 return()\n\
         endif()\n\
         if(NOT TARGET VideoStream::videostream)\n\
         {shared}{archived}\
         endif()\n"
    )
}

/// The target of the archive.
fn archive_target(name: &str, installed: &Installed) -> String {
    let library = installed.libdir.join("libvideostream.a");
    let private = installed.private_libraries.join(";");
    let more = format!(
        "\x20   INTERFACE_COMPILE_DEFINITIONS VSL_API_STATIC\n\
         \x20   INTERFACE_LINK_LIBRARIES \"{private}\"\n"
    );
    target(name, "STATIC", &library.display().to_string(), &more)
}

/// A target, with lines of `more` properties.
fn target(name: &str, kind: &str, library: &str, more: &str) -> String {
    format!(
        "\x20 add_library(VideoStream::{name} {kind} IMPORTED)\n\
         \x20 set_target_properties(VideoStream::{name} PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{_videostream_prefix}}/{library}\"\n\
         {more}\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{_videostream_prefix}}/include\")\n"
    )
}

/// `VideoStreamConfigVersion.cmake`: any version of the same first number that is not older, and
/// that is not above the upper end of a range.
pub(super) fn version(installed: &Installed) -> Result<String> {
    Ok(format!(
        "set(PACKAGE_VERSION \"{version}\")\n\
         if(PACKAGE_FIND_VERSION_MAJOR STREQUAL \"{major}\"\n\
         \x20  AND NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE TRUE)\n\
         else()\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         endif()\n\
         if(PACKAGE_FIND_VERSION_RANGE)\n\
         \x20 if(PACKAGE_VERSION VERSION_GREATER PACKAGE_FIND_VERSION_MAX\n\
         \x20    OR (PACKAGE_FIND_VERSION_RANGE_MAX STREQUAL \"EXCLUDE\"\n\
         \x20        AND PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION_MAX))\n\
         \x20   set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         \x20 endif()\n\
         elseif(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)\n\
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
    fn a_deep_folder_of_libraries_finds_its_way_back() {
        let mut installed = Installed {
            prefix: "/usr".into(),
            libdir: "lib/aarch64-linux-gnu".into(),
            version: "2.5.1".into(),
            private_libraries: vec!["c"],
            is_shared: true,
        };
        assert!(config(&installed).contains("_folder}/../../../..\""));
        assert!(config(&installed).contains("VideoStream::videostream SHARED"));
        assert!(version(&installed).unwrap().contains("STREQUAL \"2\""));
        installed.is_shared = false;
        assert!(config(&installed).contains("VideoStream::videostream STATIC"));
    }
}
