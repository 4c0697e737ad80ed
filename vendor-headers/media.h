/* Media controller: the graph of entities, pads and links behind video nodes. */
#include <linux/media.h>
