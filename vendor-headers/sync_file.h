/* sync file: a descriptor that is readable when a fence has signalled. */
#include <linux/sync_file.h>
