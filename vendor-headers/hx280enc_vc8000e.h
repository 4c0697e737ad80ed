/*
 * VeriSilicon VC8000E encoder of i.MX8M Plus: /dev/mxc_hantro_vc8000e.
 *
 * Shares its letter, its names and the numbers up to 12 with the H1 driver (hx280enc.h); the
 * numbers from 13 on differ. The driver answers 0 to numbers that it does not know. Codes carry
 * the size of a pointer, and several requests declared as reads take their input from the
 * argument as well.
 */
#ifndef VIDEOSTREAM_HX280ENC_VC8000E_H
#define VIDEOSTREAM_HX280ENC_VC8000E_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* A part of a core's registers, to be read or written. */
struct enc_regs_buffer {
	__u32 core_id;
	__u32 *regs;
	/* First register, in bytes. */
	__u32 offset;
	/* In bytes; offset and size together end within the 2000 byte window. */
	__u32 size;
	__u32 *reserved;
};

#define HX280ENC_IOC_MAGIC 'k'
#define HX280ENC_IOC_MAXNR 30

/* In: core. Out: base address, of 4 or 8 bytes depending on the driver's age. */
#define HX280ENC_IOCGHWOFFSET _IOR(HX280ENC_IOC_MAGIC, 3, unsigned long *)
/* In: core. Out: size of the register window in bytes. */
#define HX280ENC_IOCGHWIOSIZE _IOR(HX280ENC_IOC_MAGIC, 4, unsigned int *)
#define HX280ENC_IOC_CLI _IO(HX280ENC_IOC_MAGIC, 5)
#define HX280ENC_IOC_STI _IO(HX280ENC_IOC_MAGIC, 6)
#define HX280ENC_IOCXVIRT2BUS _IOWR(HX280ENC_IOC_MAGIC, 7, unsigned long *)
#define HX280ENC_IOCHARDRESET _IO(HX280ENC_IOC_MAGIC, 8)
#define HX280ENC_IOCGSRAMOFFSET _IOR(HX280ENC_IOC_MAGIC, 9, unsigned long *)
#define HX280ENC_IOCGSRAMEIOSIZE _IOR(HX280ENC_IOC_MAGIC, 10, unsigned int *)
/* In: wanted cores and their amount. Out: cores obtained. */
#define HX280ENC_IOCH_ENC_RESERVE _IOR(HX280ENC_IOC_MAGIC, 11, unsigned int *)
#define HX280ENC_IOCH_ENC_RELEASE _IOR(HX280ENC_IOC_MAGIC, 12, unsigned int *)
#define HX280ENC_IOCG_CORE_NUM _IOR(HX280ENC_IOC_MAGIC, 13, unsigned int *)
/* In: core. Starts it. */
#define HX280ENC_IOCG_EN_CORE _IOR(HX280ENC_IOC_MAGIC, 14, unsigned int *)
/* In: mask of cores. Out: interrupt status. Answers the core. */
#define HX280ENC_IOCG_CORE_WAIT _IOR(HX280ENC_IOC_MAGIC, 19, unsigned int *)
#define HX280ENC_IOC_WRITE_REGS _IOW(HX280ENC_IOC_MAGIC, 20, struct enc_regs_buffer *)
#define HX280ENC_IOC_READ_REGS _IOR(HX280ENC_IOC_MAGIC, 21, struct enc_regs_buffer *)

#endif
