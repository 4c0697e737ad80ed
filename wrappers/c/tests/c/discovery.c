/* Lists of devices: layout, values, misuse, and what holds of whatever devices there are.
 * With the argument "virtual", the devices of the kernel's virtual drivers have to be there. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "videostream.h"

#include "check.h"

#define H264 VSL_FOURCC('H', '2', '6', '4')
#define FWHT VSL_FOURCC('F', 'W', 'H', 'T')
#define YUYV VSL_FOURCC('Y', 'U', 'Y', 'V')

VSL_STATIC_ASSERT(VSL_V4L2_MAX_FORMATS == 64, "formats");
VSL_STATIC_ASSERT(VSL_V4L2_MAX_RESOLUTIONS == 32, "resolutions");
VSL_STATIC_ASSERT(VSL_V4L2_MAX_FRAMERATES == 16, "frame rates");
VSL_STATIC_ASSERT(VSL_V4L2_TYPE_CAMERA == 1, "camera");
VSL_STATIC_ASSERT(VSL_V4L2_TYPE_OUTPUT == 2, "output");
VSL_STATIC_ASSERT(VSL_V4L2_TYPE_ENCODER == 4, "encoder");
VSL_STATIC_ASSERT(VSL_V4L2_TYPE_DECODER == 8, "decoder");
VSL_STATIC_ASSERT(VSL_V4L2_TYPE_ISP == 16, "isp");
VSL_STATIC_ASSERT(VSL_V4L2_TYPE_M2M == 32, "m2m");
VSL_STATIC_ASSERT(VSL_V4L2_TYPE_ANY == 0xFF, "any");
VSL_STATIC_ASSERT(VSL_V4L2_MEM_MMAP == 1, "mmap");
VSL_STATIC_ASSERT(VSL_V4L2_MEM_USERPTR == 2, "userptr");
VSL_STATIC_ASSERT(VSL_V4L2_MEM_DMABUF == 4, "dmabuf");
VSL_STATIC_ASSERT(sizeof(VSLDeviceType) == sizeof(int), "enum");
VSL_STATIC_ASSERT(sizeof(VSLMemoryType) == sizeof(int), "enum");

VSL_STATIC_ASSERT(sizeof(VSLFrameRate) == 8, "VSLFrameRate");
VSL_STATIC_ASSERT(offsetof(VSLFrameRate, numerator) == 0, "numerator");
VSL_STATIC_ASSERT(offsetof(VSLFrameRate, denominator) == 4, "denominator");
#if defined(__LP64__)
VSL_STATIC_ASSERT(sizeof(VSLResolution) == 144, "VSLResolution");
VSL_STATIC_ASSERT(offsetof(VSLResolution, width) == 0, "width");
VSL_STATIC_ASSERT(offsetof(VSLResolution, height) == 4, "height");
VSL_STATIC_ASSERT(offsetof(VSLResolution, frame_rates) == 8, "frame_rates");
VSL_STATIC_ASSERT(offsetof(VSLResolution, num_frame_rates) == 136, "num_frame_rates");
VSL_STATIC_ASSERT(sizeof(VSLFormat) == 64, "VSLFormat");
VSL_STATIC_ASSERT(offsetof(VSLFormat, fourcc) == 0, "fourcc");
VSL_STATIC_ASSERT(offsetof(VSLFormat, description) == 4, "description");
VSL_STATIC_ASSERT(offsetof(VSLFormat, flags) == 36, "flags");
VSL_STATIC_ASSERT(offsetof(VSLFormat, compressed) == 40, "compressed");
VSL_STATIC_ASSERT(offsetof(VSLFormat, resolutions) == 48, "resolutions");
VSL_STATIC_ASSERT(offsetof(VSLFormat, num_resolutions) == 56, "num_resolutions");
VSL_STATIC_ASSERT(sizeof(VSLDevice) == 248, "VSLDevice");
VSL_STATIC_ASSERT(offsetof(VSLDevice, path) == 0, "path");
VSL_STATIC_ASSERT(offsetof(VSLDevice, driver) == 64, "driver");
VSL_STATIC_ASSERT(offsetof(VSLDevice, card) == 96, "card");
VSL_STATIC_ASSERT(offsetof(VSLDevice, bus_info) == 128, "bus_info");
VSL_STATIC_ASSERT(offsetof(VSLDevice, caps) == 192, "caps");
VSL_STATIC_ASSERT(offsetof(VSLDevice, device_type) == 196, "device_type");
VSL_STATIC_ASSERT(offsetof(VSLDevice, capture_mem) == 200, "capture_mem");
VSL_STATIC_ASSERT(offsetof(VSLDevice, output_mem) == 204, "output_mem");
VSL_STATIC_ASSERT(offsetof(VSLDevice, multiplanar) == 208, "multiplanar");
VSL_STATIC_ASSERT(offsetof(VSLDevice, capture_formats) == 216, "capture_formats");
VSL_STATIC_ASSERT(offsetof(VSLDevice, num_capture_formats) == 224, "num_capture_formats");
VSL_STATIC_ASSERT(offsetof(VSLDevice, output_formats) == 232, "output_formats");
VSL_STATIC_ASSERT(offsetof(VSLDevice, num_output_formats) == 240, "num_output_formats");
VSL_STATIC_ASSERT(sizeof(VSLDeviceList) == 16, "VSLDeviceList");
VSL_STATIC_ASSERT(offsetof(VSLDeviceList, devices) == 0, "devices");
VSL_STATIC_ASSERT(offsetof(VSLDeviceList, count) == 8, "count");
#endif

static void codes_and_names_are_text(void)
{
    char text[5];

    CHECK(vsl_v4l2_fourcc_to_string(H264, text) == text);
    CHECK(strcmp(text, "H264") == 0);
    CHECK(vsl_v4l2_fourcc_to_string(0xff, text) == text);
    CHECK(text[0] == '\xff' && text[1] == 0 && text[4] == 0);
    CHECK_FAILS(vsl_v4l2_fourcc_to_string(H264, NULL) == NULL, EINVAL);
    CHECK(vsl_v4l2_is_compressed_format(H264));
    CHECK(!vsl_v4l2_is_compressed_format(YUYV) && !vsl_v4l2_is_compressed_format(FWHT));
    CHECK(strcmp(vsl_v4l2_device_type_name(VSL_V4L2_TYPE_CAMERA), "Camera") == 0);
    CHECK(strcmp(vsl_v4l2_device_type_name(VSL_V4L2_TYPE_OUTPUT), "Output") == 0);
    CHECK(strcmp(vsl_v4l2_device_type_name(VSL_V4L2_TYPE_ENCODER), "Encoder") == 0);
    CHECK(strcmp(vsl_v4l2_device_type_name(VSL_V4L2_TYPE_DECODER), "Decoder") == 0);
    CHECK(strcmp(vsl_v4l2_device_type_name(VSL_V4L2_TYPE_ISP), "ISP") == 0);
    CHECK(strcmp(vsl_v4l2_device_type_name(VSL_V4L2_TYPE_M2M), "M2M") == 0);
    CHECK(strcmp(vsl_v4l2_device_type_name(VSL_V4L2_TYPE_ANY), "Unknown") == 0);
    CHECK(strcmp(vsl_v4l2_device_type_name((VSLDeviceType) 0), "Unknown") == 0);
}

static void null_is_refused_everywhere(void)
{
    VSLDevice device;
    size_t    count = 7;
    int       fd    = 7;

    memset(&device, 0, sizeof(device));
    vsl_v4l2_device_list_free(NULL);
    vsl_v4l2_free_userptr(NULL, 0, -1);
    CHECK_FAILS(vsl_v4l2_device_enum_formats(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_v4l2_device_enum_formats(&device) == -1, EINVAL);
    CHECK_FAILS(vsl_v4l2_enum_resolutions(NULL, YUYV, &count) == NULL, EINVAL);
    CHECK(count == 0);
    CHECK_FAILS(vsl_v4l2_enum_resolutions(&device, YUYV, NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_v4l2_enum_resolutions(&device, YUYV, &count) == NULL, EINVAL);
    strcpy(device.path, "/dev/no such node");
    CHECK_FAILS(vsl_v4l2_enum_resolutions(&device, YUYV, &count) == NULL, ENOENT);
    CHECK_FAILS(vsl_v4l2_device_enum_formats(&device) == -1, ENOENT);
    CHECK_FAILS(!vsl_v4l2_device_supports_format(NULL, YUYV, true), EINVAL);
    CHECK(!vsl_v4l2_device_supports_format(&device, YUYV, true));
    CHECK_FAILS(vsl_v4l2_alloc_userptr(0, &fd) == NULL, EINVAL);
    CHECK(fd == -1);
    CHECK_FAILS(vsl_v4l2_alloc_userptr(4096, NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_v4l2_find_camera(VSL_FOURCC('n', 'o', 'n', 'e')) == NULL, ENODEV);
}

static void memory_of_a_heap_is_mapped_if_there_is_one(void)
{
    int   fd     = 7;
    void* memory = vsl_v4l2_alloc_userptr(100000, &fd);

    if (memory == NULL) {
        CHECK(fd == -1 && errno != 0);
        return;
    }
    CHECK(fd >= 0);
    memset(memory, 1, 100000);
    vsl_v4l2_free_userptr(memory, 100000, fd);
}

static void sizes_are_sizes(const VSLDevice* device, uint32_t fourcc)
{
    size_t         count = 0, i, j;
    VSLResolution* sizes = vsl_v4l2_enum_resolutions(device, fourcc, &count);

    CHECK((sizes == NULL) == (count == 0));
    for (i = 0; i < count; i++) {
        CHECK(sizes[i].width > 0 && sizes[i].height > 0);
        CHECK(sizes[i].num_frame_rates <= VSL_V4L2_MAX_FRAMERATES);
        for (j = 0; j < sizes[i].num_frame_rates; j++) {
            CHECK(sizes[i].frame_rates[j].denominator != 0);
        }
    }
    free(sizes);
}

static void every_device_can_be_asked(void)
{
    size_t         i, j;
    VSLDeviceList* list = vsl_v4l2_enumerate();

    CHECK(list != NULL);
    CHECK((list->devices == NULL) == (list->count == 0));
    for (i = 0; i < list->count; i++) {
        VSLDevice* device = &list->devices[i];
        CHECK(strncmp(device->path, "/dev/video", 10) == 0);
        CHECK(i == 0 || strcmp(list->devices[i - 1].path, device->path) < 0);
        CHECK(device->driver[0] != 0 && device->caps != 0);
        CHECK(vsl_v4l2_device_enum_formats(device) == 0);
        for (j = 0; j < device->num_capture_formats; j++) {
            const VSLFormat* format = &device->capture_formats[j];
            CHECK(format->resolutions == NULL && format->num_resolutions == 0);
            CHECK(vsl_v4l2_device_supports_format(device, format->fourcc, true));
            sizes_are_sizes(device, format->fourcc);
        }
        CHECK(!vsl_v4l2_device_supports_format(device, 0, false));
    }
    vsl_v4l2_device_list_free(list);
}

static size_t count_of(int mask, const char* driver)
{
    size_t         i, found = 0;
    VSLDeviceList* list = vsl_v4l2_enumerate_type((VSLDeviceType) mask);

    CHECK(list != NULL);
    for (i = 0; i < list->count; i++) {
        CHECK(mask == VSL_V4L2_TYPE_ANY || (list->devices[i].device_type & mask) != 0);
        if (strcmp(list->devices[i].driver, driver) == 0) {
            found++;
            if (mask == VSL_V4L2_TYPE_CAMERA) {
                CHECK((list->devices[i].capture_mem & VSL_V4L2_MEM_MMAP) != 0);
                CHECK((list->devices[i].capture_mem & VSL_V4L2_MEM_DMABUF) != 0);
                CHECK(list->devices[i].output_mem == 0);
            }
        }
    }
    vsl_v4l2_device_list_free(list);
    return found;
}

static void virtual_drivers_are_what_they_are(void)
{
    const char* path;

    CHECK(count_of(VSL_V4L2_TYPE_CAMERA, "vivid") > 0);
    CHECK(count_of(VSL_V4L2_TYPE_ENCODER, "vicodec") > 0);
    CHECK(count_of(VSL_V4L2_TYPE_DECODER, "vicodec") > 0);
    CHECK(count_of(VSL_V4L2_TYPE_ISP, "vim2m") > 0);
    CHECK(count_of(VSL_V4L2_TYPE_CAMERA, "vim2m") == 0);
    CHECK(count_of(VSL_V4L2_TYPE_ANY, "vivid") > 0);
    path = vsl_v4l2_find_camera(YUYV);
    CHECK(path != NULL && strncmp(path, "/dev/video", 10) == 0);
    CHECK(vsl_v4l2_find_camera_with_resolution(YUYV, 640, 360) != NULL);
    CHECK_FAILS(vsl_v4l2_find_camera_with_resolution(YUYV, 100000, 100000) == NULL, ENODEV);
    CHECK(vsl_v4l2_find_encoder(FWHT) != NULL);
    CHECK(vsl_v4l2_find_decoder(FWHT) != NULL);
    CHECK_FAILS(vsl_v4l2_find_encoder(YUYV) == NULL, ENODEV);
}

int main(int count, char** arguments)
{
    codes_and_names_are_text();
    null_is_refused_everywhere();
    memory_of_a_heap_is_mapped_if_there_is_one();
    every_device_can_be_asked();
    if (count > 1 && strcmp(arguments[1], "virtual") == 0) {
        virtual_drivers_are_what_they_are();
    }
    return 0;
}
