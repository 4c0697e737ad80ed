/*
 * Hantro H1 encoder of i.MX8M Mini: /dev/mxc_hantro_h1.
 *
 * The first generation of the driver knows requests 3 to 10 and 13, the next one also 11 and 12,
 * the latest all. The numbers from 13 on mean other things to the VC8000E driver, which shares
 * letter and names: choose by the node's name. Codes carry the size of a pointer.
 */
#ifndef VIDEOSTREAM_HX280ENC_H
#define VIDEOSTREAM_HX280ENC_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* A part of a core's registers, to be read or written. */
struct enc_regs_buffer {
	__u32 core_id;
	__u32 *regs;
	/* First register, in bytes. */
	__u32 offset;
	/* In bytes. */
	__u32 size;
	__u32 *reserved;
};

#define HX280ENC_IOC_MAGIC 'k'
#define HX280ENC_IOC_MAXNR 30

#define HX280ENC_IOCGHWOFFSET _IOR(HX280ENC_IOC_MAGIC, 3, unsigned long *)
#define HX280ENC_IOCGHWIOSIZE _IOR(HX280ENC_IOC_MAGIC, 4, unsigned int *)
#define HX280ENC_IOC_CLI _IO(HX280ENC_IOC_MAGIC, 5)
#define HX280ENC_IOC_STI _IO(HX280ENC_IOC_MAGIC, 6)
#define HX280ENC_IOCXVIRT2BUS _IOWR(HX280ENC_IOC_MAGIC, 7, unsigned long *)
#define HX280ENC_IOCHARDRESET _IO(HX280ENC_IOC_MAGIC, 8)
#define HX280ENC_IOCGSRAMOFFSET _IOR(HX280ENC_IOC_MAGIC, 9, unsigned long *)
#define HX280ENC_IOCGSRAMEIOSIZE _IOR(HX280ENC_IOC_MAGIC, 10, unsigned int *)
#define HX280ENC_IOCH_ENC_RESERVE _IOR(HX280ENC_IOC_MAGIC, 11, unsigned int *)
#define HX280ENC_IOCH_ENC_RELEASE _IOR(HX280ENC_IOC_MAGIC, 12, unsigned int *)
/* Waits, then copies the register file to the argument. */
#define HX280ENC_IOCG_CORE_WAIT _IOR(HX280ENC_IOC_MAGIC, 13, unsigned int *)
#define HX280ENC_IOC_WRITE_REGS _IOW(HX280ENC_IOC_MAGIC, 14, struct enc_regs_buffer *)
#define HX280ENC_IOC_READ_REGS _IOR(HX280ENC_IOC_MAGIC, 15, struct enc_regs_buffer *)
#define HX280ENC_IOCG_EN_CORE _IO(HX280ENC_IOC_MAGIC, 16)

#endif
