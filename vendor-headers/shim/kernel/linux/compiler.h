/* Annotations that mean nothing outside the kernel. */
#ifndef VIDEOSTREAM_SHIM_LINUX_COMPILER_H
#define VIDEOSTREAM_SHIM_LINUX_COMPILER_H
#define __user
#define __force
#define __iomem
#endif
