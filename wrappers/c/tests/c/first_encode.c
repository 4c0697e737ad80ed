/* A first program with an encoder, as guides print it: a hundred pictures at 5 Mbit/s into a file.
 * Its argument is the file. */
#include <stdio.h>
#include <string.h>

#include "videostream.h"

int main(int argc, char** argv)
{
    VSLEncoder* encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_5000_KBPS,
                                             VSL_FOURCC('H', '2', '6', '4'), 30);
    VSLFrame*   input   = vsl_frame_init(1280, 720, 0, VSL_FOURCC('N', 'V', '1', '2'), NULL, NULL);
    VSLFrame*   output  = vsl_encoder_new_output_frame(encoder, 1280, 720, 0, 0, 0);
    FILE*       file    = argc == 2 ? fopen(argv[1], "wb") : NULL;
    int         at, written = 0;

    if (encoder == NULL || input == NULL || output == NULL || file == NULL) { return 1; }
    if (vsl_frame_alloc(input, NULL) != 0) { return 1; }
    for (at = 0; at < 100; at++) {
        VSLRect crop     = {0, 0, 1280, 720};
        int     keyframe = 0, ret;

        memset(vsl_frame_mmap(input, NULL), at, 1280 * 720 * 3 / 2);
        ret = vsl_encode_frame(encoder, input, output, &crop, &keyframe);
        if (ret == 0) {
            size_t size = (size_t) vsl_frame_size(output);

            if (fwrite(vsl_frame_mmap(output, NULL), 1, size, file) == size) { written++; }
            if (keyframe) { printf("key frame at %d\n", at); }
        }
    }
    printf("%d pictures\n", written);
    vsl_frame_release(output);
    vsl_frame_release(input);
    vsl_encoder_release(encoder);
    return fclose(file) == 0 ? 0 : 1;
}
