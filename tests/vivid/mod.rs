//! The virtual camera of the guest.

use std::env;

use videostream::devices;
use videostream::hal::v4l2::NodeKind;
use videostream_testing::strace;

/// How a test calls itself under strace: with the number of the camera's node.
const NODE: &str = "VIDEOSTREAM_TEST_NODE";

/// Runs `capture` with the path of the camera's node under strace, in a process that `test` is once
/// more, and gives the trace; `None` in that process, and where there is no strace. Listing devices
/// takes thousands of calls: that is not in the trace.
pub(crate) fn traced(test: &str, options: &[&str], capture: impl FnOnce(&str)) -> Option<String> {
    if let Some(node) = env::var_os(NODE) {
        capture(&format!("/dev/video{}", node.to_str().unwrap()));
        return None;
    }
    if !strace::is_there(test) {
        return None;
    }
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|d| d.driver == "vivid" && d.kind == NodeKind::Camera);
    let path = found.unwrap().path.to_str().unwrap();
    let node = path.strip_prefix("/dev/video").unwrap();
    Some(strace::trace(test, options, (NODE, node)))
}
