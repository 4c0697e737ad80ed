/* A first program with a camera, as guides print it: ten frames of 1920x1080 in NV12. Its
 * argument is the device. */
#include <inttypes.h>
#include <stdio.h>

#include "videostream.h"

int main(int argc, char** argv)
{
    int         width = 1920, height = 1080, buffers = 4, seen;
    uint32_t    fourcc = VSL_FOURCC('N', 'V', '1', '2');
    vsl_camera* camera = argc == 2 ? vsl_camera_open_device(argv[1]) : NULL;

    if (camera == NULL) { return 1; }
    if (vsl_camera_init_device(camera, &width, &height, &buffers, &fourcc) != 0) { return 1; }
    if (vsl_camera_start_capturing(camera) != 0) { return 1; }
    printf("%dx%d %08" PRIx32 "\n", width, height, fourcc);
    for (seen = 0; seen < 10;) {
        vsl_camera_buffer* buffer = vsl_camera_get_data(camera);

        if (buffer == NULL) { continue; }
        printf("%" PRIu32 " bytes, flags %" PRIx32 "\n", vsl_camera_buffer_length(buffer),
               vsl_camera_buffer_flags(buffer) & 0xe000);
        if (vsl_camera_release_buffer(camera, buffer) != 0) { return 1; }
        seen++;
    }
    vsl_camera_stop_capturing(camera);
    vsl_camera_uninit_device(camera);
    vsl_camera_close_device(camera);
    return 0;
}
