/* V4L2: video nodes, controls, sub-devices and media bus codes. */
#include <linux/videodev2.h>
#include <linux/v4l2-controls.h>
#include <linux/v4l2-common.h>
#include <linux/v4l2-mediabus.h>
#include <linux/v4l2-subdev.h>
