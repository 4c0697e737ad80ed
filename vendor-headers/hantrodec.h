/*
 * Hantro G1 (core 0) and G2 (core 1) decoders of i.MX8M: /dev/mxc_hantro.
 *
 * No distribution ships this interface. Request codes carry the size of a pointer to the
 * argument, not of the argument, and several directions are stated wrongly by the driver; both
 * are kept, since the driver compares whole codes.
 */
#ifndef VIDEOSTREAM_HANTRODEC_H
#define VIDEOSTREAM_HANTRODEC_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* A core and a register file in user memory. */
struct core_desc {
	__u32 id;
	/* The register file, word 0 first. */
	__u32 *regs;
	/* Of the register file, in bytes. */
	__u32 size;
};

#define HANTRODEC_IOC_MAGIC 'k'
#define HANTRODEC_IOC_MAXNR 29

#define HANTRODEC_PP_INSTANCE _IO(HANTRODEC_IOC_MAGIC, 1)
#define HANTRODEC_HW_PERFORMANCE _IO(HANTRODEC_IOC_MAGIC, 2)
/* In: core. Out: physical base address. */
#define HANTRODEC_IOCGHWOFFSET _IOR(HANTRODEC_IOC_MAGIC, 3, unsigned long *)
/* In: core. Out: size of the register window in bytes. */
#define HANTRODEC_IOCGHWIOSIZE _IOR(HANTRODEC_IOC_MAGIC, 4, unsigned int *)
#define HANTRODEC_IOC_CLI _IO(HANTRODEC_IOC_MAGIC, 5)
#define HANTRODEC_IOC_STI _IO(HANTRODEC_IOC_MAGIC, 6)
/* Out: two unsigned long, the base address of each core. */
#define HANTRODEC_IOC_MC_OFFSETS _IOR(HANTRODEC_IOC_MAGIC, 7, unsigned long *)
#define HANTRODEC_IOC_MC_CORES _IOR(HANTRODEC_IOC_MAGIC, 8, unsigned int *)
#define HANTRODEC_IOCS_DEC_PUSH_REG _IOW(HANTRODEC_IOC_MAGIC, 9, struct core_desc *)
#define HANTRODEC_IOCS_PP_PUSH_REG _IOW(HANTRODEC_IOC_MAGIC, 10, struct core_desc *)
/* Argument by value: client type. Answers the core. */
#define HANTRODEC_IOCH_DEC_RESERVE _IO(HANTRODEC_IOC_MAGIC, 11)
/* Argument by value: core. */
#define HANTRODEC_IOCT_DEC_RELEASE _IO(HANTRODEC_IOC_MAGIC, 12)
#define HANTRODEC_IOCQ_PP_RESERVE _IO(HANTRODEC_IOC_MAGIC, 13)
#define HANTRODEC_IOCT_PP_RELEASE _IO(HANTRODEC_IOC_MAGIC, 14)
#define HANTRODEC_IOCX_DEC_WAIT _IOWR(HANTRODEC_IOC_MAGIC, 15, struct core_desc *)
#define HANTRODEC_IOCX_PP_WAIT _IOWR(HANTRODEC_IOC_MAGIC, 16, struct core_desc *)
#define HANTRODEC_IOCS_DEC_PULL_REG _IOWR(HANTRODEC_IOC_MAGIC, 17, struct core_desc *)
#define HANTRODEC_IOCS_PP_PULL_REG _IOWR(HANTRODEC_IOC_MAGIC, 18, struct core_desc *)
/* Out: the core that finished. */
#define HANTRODEC_IOCG_CORE_WAIT _IOR(HANTRODEC_IOC_MAGIC, 19, int *)
/* In: core. Out: its id register. */
#define HANTRODEC_IOX_ASIC_ID _IOWR(HANTRODEC_IOC_MAGIC, 20, __u32 *)
/* Argument by value: client type. Answers the core, and powers it on 8MM and 8MP. */
#define HANTRODEC_IOCG_CORE_ID _IO(HANTRODEC_IOC_MAGIC, 21)
#define HANTRODEC_DEBUG_STATUS _IO(HANTRODEC_IOC_MAGIC, 29)

/* Client types. */
#define DWL_CLIENT_TYPE_H264_DEC 1
#define DWL_CLIENT_TYPE_MPEG4_DEC 2
#define DWL_CLIENT_TYPE_JPEG_DEC 3
#define DWL_CLIENT_TYPE_PP 4
#define DWL_CLIENT_TYPE_VC1_DEC 5
#define DWL_CLIENT_TYPE_MPEG2_DEC 6
#define DWL_CLIENT_TYPE_VP6_DEC 7
#define DWL_CLIENT_TYPE_AVS_DEC 8
#define DWL_CLIENT_TYPE_RV_DEC 9
#define DWL_CLIENT_TYPE_VP8_DEC 10
#define DWL_CLIENT_TYPE_VP9_DEC 11
#define DWL_CLIENT_TYPE_HEVC_DEC 12

#endif
