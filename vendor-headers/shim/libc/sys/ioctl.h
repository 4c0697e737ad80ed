/* Request code macros only; the system call itself is not declared. */
#include <linux/ioctl.h>
