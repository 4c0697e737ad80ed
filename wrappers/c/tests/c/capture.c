/* Captures 100 frames of 1920x1080 NV12 with four buffers, as a first program with a camera
 * would. Its arguments are the device and, if it is to be another number, how many. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "videostream.h"

/* V4L2_BUF_FLAG_TIMESTAMP_MASK and _MONOTONIC: not every C library has the kernel's header. */
#define TIMESTAMP_MASK 0xe000u
#define TIMESTAMP_MONOTONIC 0x2000u

static int fail(const char* what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return EXIT_FAILURE;
}

/* Something of every row, so that frames can be told apart and a blank one is seen. */
static uint32_t checksum(const uint8_t* pixels, uint32_t stride, int rows)
{
    uint32_t sum = 0;
    int      row;

    for (row = 0; row < rows; row++) {
        uint32_t x;
        for (x = 0; x < 64; x++) { sum = sum * 31 + pixels[row * (size_t) stride + x * 16]; }
    }
    return sum;
}

/* The pixels of a frame through its descriptor, as another process would see them. */
static int same_through_descriptor(vsl_camera_buffer* buffer, int width, int height)
{
    VSLFrame*      frame;
    const uint8_t* pixels;
    uint32_t       stride = vsl_camera_buffer_bytes_per_line(buffer);
    size_t         size   = 0;
    int            same;

    frame = vsl_frame_init((uint32_t) width, (uint32_t) height, stride,
                           vsl_camera_buffer_fourcc(buffer), NULL, NULL);
    if (frame == NULL) { return 0; }
    if (vsl_frame_attach(frame, vsl_camera_buffer_dma_fd(buffer), 0, 0) != 0) {
        vsl_frame_release(frame);
        return 0;
    }
    pixels = (const uint8_t*) vsl_frame_mmap(frame, &size);
    same   = pixels != NULL && size <= vsl_camera_buffer_length(buffer) &&
           memcmp(pixels, vsl_camera_buffer_mmap(buffer), size) == 0;
    vsl_frame_release(frame);
    return same;
}

int main(int argc, char** argv)
{
    int         width = 1920, height = 1080, buffers = 4, frames = 100, taken = 0, differ = 0;
    int         patience = 10;
    uint32_t    fourcc = VSL_FOURCC('N', 'V', '1', '2'), last_sum = 0, last_sequence = 0;
    int64_t     last_time = 0;
    vsl_camera* camera;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s DEVICE [FRAMES]\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (argc == 3) { frames = atoi(argv[2]); }
    camera = vsl_camera_open_device(argv[1]);
    if (camera == NULL) { return fail(argv[1]); }
    if (vsl_camera_init_device(camera, &width, &height, &buffers, &fourcc) != 0) {
        return fail("format");
    }
    if (width != 1920 || height != 1080 || fourcc != VSL_FOURCC('N', 'V', '1', '2')) {
        fprintf(stderr, "the camera has %dx%d of %08x only\n", width, height, fourcc);
        return EXIT_FAILURE;
    }
    if (vsl_camera_start_capturing(camera) != 0) { return fail("start"); }
    while (taken < frames) {
        vsl_camera_buffer* buffer = vsl_camera_get_data(camera);
        int64_t            seconds, nanoseconds, time;
        uint32_t           sum, sequence;

        if (buffer == NULL) {
            if (errno == ETIMEDOUT && patience-- > 0) { continue; }
            return fail("frame");
        }
        sequence = vsl_camera_buffer_sequence(buffer);
        vsl_camera_buffer_timestamp(buffer, &seconds, &nanoseconds);
        time = seconds * INT64_C(1000000000) + nanoseconds;
        if (taken > 0 && (sequence < last_sequence || time < last_time)) {
            fprintf(stderr, "frame %u goes back\n", sequence);
            return EXIT_FAILURE;
        }
        /* The virtual camera stamps frames with the monotonic clock. */
        if ((vsl_camera_buffer_flags(buffer) & TIMESTAMP_MASK) != TIMESTAMP_MONOTONIC) {
            fprintf(stderr, "flags %08x\n", vsl_camera_buffer_flags(buffer));
            return EXIT_FAILURE;
        }
        if (vsl_camera_buffer_length(buffer) < 1920 * 1080 * 3 / 2 ||
            vsl_camera_buffer_bytes_per_line(buffer) < 1920) {
            fprintf(stderr, "buffer too small\n");
            return EXIT_FAILURE;
        }
        if (taken == 0 && vsl_camera_is_dmabuf_supported(camera) &&
            !same_through_descriptor(buffer, width, height)) {
            return fail("descriptor");
        }
        sum = checksum((const uint8_t*) vsl_camera_buffer_mmap(buffer),
                       vsl_camera_buffer_bytes_per_line(buffer), height);
        differ += taken > 0 && sum != last_sum;
        last_sum      = sum;
        last_sequence = sequence;
        last_time     = time;
        if (vsl_camera_release_buffer(camera, buffer) != 0) { return fail("release"); }
        taken++;
    }
    if (vsl_camera_stop_capturing(camera) != 0) { return fail("stop"); }
    vsl_camera_uninit_device(camera);
    vsl_camera_close_device(camera);
    fprintf(stderr, "%d frames, %d differ from the one before\n", taken, differ);
    return differ > frames / 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
