//! The calls that errors name.

use core::fmt;

/// Declares [`Call`] from one table: variant and kernel's name.
macro_rules! calls {
    ($($variant:ident = $name:literal,)*) => {
        /// The system call or ioctl that failed. Displays as the kernel's name: `VIDIOC_DQBUF`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Call {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Call {
            #[cfg(all(target_os = "linux", not(loom)))]
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the kernel's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

calls! {
    Accept = "accept",
    Bind = "bind",
    Chmod = "chmod",
    Connect = "connect",
    EpollCreate = "epoll_create",
    EpollCtl = "epoll_ctl",
    EpollWait = "epoll_wait",
    Eventfd = "eventfd",
    Fcntl = "fcntl",
    Flock = "flock",
    Fstat = "fstat",
    Ftruncate = "ftruncate",
    Futex = "futex",
    Getdents = "getdents",
    Getrandom = "getrandom",
    Getsockname = "getsockname",
    Getsockopt = "getsockopt",
    Listen = "listen",
    Madvise = "madvise",
    MemfdCreate = "memfd_create",
    Mmap = "mmap",
    Open = "open",
    Poll = "poll",
    Read = "read",
    Recvmsg = "recvmsg",
    Rename = "rename",
    Sendmsg = "sendmsg",
    Socket = "socket",
    Stat = "stat",
    Statx = "statx",
    TimerfdCreate = "timerfd_create",

    CreateBufs = "VIDIOC_CREATE_BUFS",
    CropCap = "VIDIOC_CROPCAP",
    DecoderCmd = "VIDIOC_DECODER_CMD",
    DqBuf = "VIDIOC_DQBUF",
    DqEvent = "VIDIOC_DQEVENT",
    EncoderCmd = "VIDIOC_ENCODER_CMD",
    EnumDvTimings = "VIDIOC_ENUM_DV_TIMINGS",
    EnumFmt = "VIDIOC_ENUM_FMT",
    EnumFrameIntervals = "VIDIOC_ENUM_FRAMEINTERVALS",
    EnumFrameSizes = "VIDIOC_ENUM_FRAMESIZES",
    EnumInput = "VIDIOC_ENUMINPUT",
    EnumOutput = "VIDIOC_ENUMOUTPUT",
    EnumStd = "VIDIOC_ENUMSTD",
    ExpBuf = "VIDIOC_EXPBUF",
    GDvTimings = "VIDIOC_G_DV_TIMINGS",
    GExtCtrls = "VIDIOC_G_EXT_CTRLS",
    GFmt = "VIDIOC_G_FMT",
    GInput = "VIDIOC_G_INPUT",
    GOutput = "VIDIOC_G_OUTPUT",
    GParm = "VIDIOC_G_PARM",
    GSelection = "VIDIOC_G_SELECTION",
    GStd = "VIDIOC_G_STD",
    QBuf = "VIDIOC_QBUF",
    QueryBuf = "VIDIOC_QUERYBUF",
    QueryCap = "VIDIOC_QUERYCAP",
    QueryDvTimings = "VIDIOC_QUERY_DV_TIMINGS",
    QueryExtCtrl = "VIDIOC_QUERY_EXT_CTRL",
    QueryMenu = "VIDIOC_QUERYMENU",
    QueryStd = "VIDIOC_QUERYSTD",
    ReqBufs = "VIDIOC_REQBUFS",
    SDvTimings = "VIDIOC_S_DV_TIMINGS",
    SExtCtrls = "VIDIOC_S_EXT_CTRLS",
    SFmt = "VIDIOC_S_FMT",
    SInput = "VIDIOC_S_INPUT",
    SOutput = "VIDIOC_S_OUTPUT",
    SParm = "VIDIOC_S_PARM",
    SSelection = "VIDIOC_S_SELECTION",
    SStd = "VIDIOC_S_STD",
    StreamOff = "VIDIOC_STREAMOFF",
    StreamOn = "VIDIOC_STREAMON",
    SubscribeEvent = "VIDIOC_SUBSCRIBE_EVENT",
    TryExtCtrls = "VIDIOC_TRY_EXT_CTRLS",
    TryFmt = "VIDIOC_TRY_FMT",
    UnsubscribeEvent = "VIDIOC_UNSUBSCRIBE_EVENT",

    SubdevEnumFrameInterval = "VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL",
    SubdevEnumFrameSize = "VIDIOC_SUBDEV_ENUM_FRAME_SIZE",
    SubdevEnumMbusCode = "VIDIOC_SUBDEV_ENUM_MBUS_CODE",
    SubdevGFmt = "VIDIOC_SUBDEV_G_FMT",
    SubdevGFrameInterval = "VIDIOC_SUBDEV_G_FRAME_INTERVAL",
    SubdevGSelection = "VIDIOC_SUBDEV_G_SELECTION",
    SubdevQueryCap = "VIDIOC_SUBDEV_QUERYCAP",
    SubdevSFmt = "VIDIOC_SUBDEV_S_FMT",
    SubdevSFrameInterval = "VIDIOC_SUBDEV_S_FRAME_INTERVAL",
    SubdevSSelection = "VIDIOC_SUBDEV_S_SELECTION",

    MediaDeviceInfo = "MEDIA_IOC_DEVICE_INFO",
    MediaGTopology = "MEDIA_IOC_G_TOPOLOGY",
    MediaSetupLink = "MEDIA_IOC_SETUP_LINK",

    DmaBufExportSyncFile = "DMA_BUF_IOCTL_EXPORT_SYNC_FILE",
    DmaBufImportSyncFile = "DMA_BUF_IOCTL_IMPORT_SYNC_FILE",
    DmaBufPhys = "DMA_BUF_IOCTL_PHYS",
    DmaBufSetName = "DMA_BUF_SET_NAME_B",
    DmaBufSync = "DMA_BUF_IOCTL_SYNC",
    DmaHeapAlloc = "DMA_HEAP_IOCTL_ALLOC",
    SyncFileInfo = "SYNC_IOC_FILE_INFO",
    UdmabufCreate = "UDMABUF_CREATE",

    DecoderAsicId = "HANTRODEC_IOX_ASIC_ID",
    DecoderCoreId = "HANTRODEC_IOCG_CORE_ID",
    DecoderCores = "HANTRODEC_IOC_MC_CORES",
    DecoderHwIoSize = "HANTRODEC_IOCGHWIOSIZE",
    DecoderHwOffset = "HANTRODEC_IOCGHWOFFSET",
    DecoderPullReg = "HANTRODEC_IOCS_DEC_PULL_REG",
    DecoderPushReg = "HANTRODEC_IOCS_DEC_PUSH_REG",
    DecoderRelease = "HANTRODEC_IOCT_DEC_RELEASE",
    DecoderReserve = "HANTRODEC_IOCH_DEC_RESERVE",
    DecoderWait = "HANTRODEC_IOCX_DEC_WAIT",
    EncoderCoreNum = "HX280ENC_IOCG_CORE_NUM",
    EncoderCoreWait = "HX280ENC_IOCG_CORE_WAIT",
    EncoderEnCore = "HX280ENC_IOCG_EN_CORE",
    EncoderHwIoSize = "HX280ENC_IOCGHWIOSIZE",
    EncoderHwOffset = "HX280ENC_IOCGHWOFFSET",
    EncoderReadRegs = "HX280ENC_IOC_READ_REGS",
    EncoderRelease = "HX280ENC_IOCH_ENC_RELEASE",
    EncoderReserve = "HX280ENC_IOCH_ENC_RESERVE",
    EncoderWriteRegs = "HX280ENC_IOC_WRITE_REGS",
}

impl Call {
    /// Returns the call with this name. For constants: an unknown name does not compile.
    #[cfg(all(target_os = "linux", not(loom)))]
    pub(crate) const fn named(name: &str) -> Self {
        let mut at = 0;
        while at < Self::ALL.len() {
            if same(Self::ALL[at].name().as_bytes(), name.as_bytes()) {
                return Self::ALL[at];
            }
            at += 1;
        }
        panic!("a call that the table does not have")
    }
}

/// Returns whether two slices are equal; `==` on slices is not `const`.
#[cfg(all(target_os = "linux", not(loom)))]
const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
