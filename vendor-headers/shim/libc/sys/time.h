/*
 * The two time structs that kernel headers expect from the C library.
 *
 * The kernel tells the 32-bit and the 64-bit time layouts of a request apart by the size in its
 * request code. 64-bit time is bound on every architecture: the only one there is on 64-bit
 * machines, and on 32-bit ones the layout that survives the year 2038 (Linux 5.6 and later).
 */
#ifndef VIDEOSTREAM_SHIM_SYS_TIME_H
#define VIDEOSTREAM_SHIM_SYS_TIME_H

struct timeval {
	long long tv_sec;
	long long tv_usec;
};

struct timespec {
	long long tv_sec;
	long long tv_nsec;
};

#endif
