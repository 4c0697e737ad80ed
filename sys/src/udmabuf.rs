//! udmabuf: `linux/udmabuf.h`, a dma-buf made of the pages of a sealed memfd.

pub use crate::generated::udmabuf::*;

crate::ioctl::requests! {
    UDMABUF_CREATE = _IOW(b'u', 66, udmabuf_create);
    UDMABUF_CREATE_LIST = _IOW(b'u', 67, udmabuf_create_list);
}
