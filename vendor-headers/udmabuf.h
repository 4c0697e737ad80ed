/* udmabuf: turns pages of a sealed memfd into a dma-buf. */
#include <linux/udmabuf.h>
