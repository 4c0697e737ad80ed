//! sync file: `linux/sync_file.h`, a descriptor that is readable when a fence has signalled.

pub use crate::generated::sync_file::*;

crate::ioctl::requests! {
    SYNC_IOC_MERGE = _IOWR(b'>', 3, sync_merge_data);
    SYNC_IOC_FILE_INFO = _IOWR(b'>', 4, sync_file_info);
    SYNC_IOC_SET_DEADLINE = _IOW(b'>', 5, sync_set_deadline);
}
