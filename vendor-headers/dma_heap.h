/* dma-heap: allocates memory for devices, handed out as dma-buf descriptors. */
#include <linux/dma-heap.h>
