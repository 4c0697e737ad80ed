/* dma-buf: CPU access brackets, names and fences of a shared buffer. */
#include <linux/dma-buf.h>
