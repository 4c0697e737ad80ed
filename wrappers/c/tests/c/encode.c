/* Encodes 100 frames of a moving bar into a file, as a first program with an encoder would, and
 * decodes the file again, counting frames. Its arguments are "H264" or "HEVC", and the file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "videostream.h"

#define WIDTH 640
#define HEIGHT 360
#define FRAMES 100

static int fail(const char* what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return EXIT_FAILURE;
}

static void draw(uint8_t* pixels, int number)
{
    int row;

    memset(pixels, 60, WIDTH * HEIGHT);
    memset(pixels + WIDTH * HEIGHT, 128, WIDTH * HEIGHT / 2);
    for (row = 0; row < HEIGHT; row++) { memset(pixels + row * WIDTH + number * 5, 200, 40); }
}

static int encode(uint32_t codec, const char* path)
{
    VSLEncoder* encoder;
    VSLFrame *  picture, *packet;
    FILE*       file = fopen(path, "wb");
    int         number;

    if (file == NULL) { return fail(path); }
    encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_5000_KBPS, codec, 30);
    if (encoder == NULL) { return fail("encoder"); }
    picture = vsl_frame_init(WIDTH, HEIGHT, WIDTH, VSL_FOURCC('N', 'V', '1', '2'), NULL, NULL);
    if (picture == NULL || vsl_frame_alloc(picture, NULL) != 0) { return fail("picture"); }
    packet = vsl_encoder_new_output_frame(encoder, WIDTH, HEIGHT, 0, 0, 0);
    if (packet == NULL) { return fail("packet"); }
    for (number = 0; number < FRAMES; number++) {
        uint8_t* pixels = (uint8_t*) vsl_frame_mmap(picture, NULL);
        int      size;

        if (pixels == NULL) { return fail("map"); }
        draw(pixels, number);
        if (vsl_encode_frame(encoder, picture, packet, NULL, NULL) != 0) { return fail("encode"); }
        size = vsl_frame_size(packet);
        if (size > 0 &&
            fwrite(vsl_frame_mmap(packet, NULL), 1, (size_t) size, file) != (size_t) size) {
            return fail(path);
        }
    }
    vsl_frame_release(packet);
    vsl_frame_release(picture);
    vsl_encoder_release(encoder);
    return fclose(file) == 0 ? EXIT_SUCCESS : fail(path);
}

/* The bar is where it was drawn. */
static int is_frame(VSLFrame* frame, int number)
{
    const uint8_t* pixels = (const uint8_t*) vsl_frame_mmap(frame, NULL);
    int            row    = vsl_frame_stride(frame) * (HEIGHT / 2), at = number * 5;

    return vsl_frame_width(frame) == WIDTH && vsl_frame_height(frame) == HEIGHT &&
           pixels[row + at + 20] > 150 && pixels[row + (at + 320) % WIDTH] < 110;
}

static int decode(VSLDecoderCodec codec, const char* path)
{
    static uint8_t stream[8 << 20];
    FILE*          file    = fopen(path, "rb");
    VSLDecoder*    decoder = vsl_decoder_create(codec, 30);
    size_t         size, at = 0;
    int            frames = 0;

    if (file == NULL) { return fail(path); }
    if (decoder == NULL) { return fail("decoder"); }
    size = fread(stream, 1, sizeof(stream), file);
    fclose(file);
    for (;;) {
        VSLFrame* frame;
        size_t    used;

        if (vsl_decode_frame(decoder, stream + at, (unsigned int) (size - at), &used, &frame) &
            VSL_DEC_ERR) {
            return fail("decode");
        }
        at += used;
        if (frame != NULL) {
            int good = is_frame(frame, frames);

            vsl_frame_release(frame);
            if (!good) {
                fprintf(stderr, "frame %d is another one\n", frames);
                return EXIT_FAILURE;
            }
            frames++;
        } else if (at == size && used == 0) {
            break;
        }
    }
    vsl_decoder_release(decoder);
    fprintf(stderr, "%d frames\n", frames);
    return frames == FRAMES ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char** argv)
{
    uint32_t codec;

    if (argc != 3) {
        fprintf(stderr, "usage: %s H264|HEVC FILE\n", argv[0]);
        return EXIT_FAILURE;
    }
    codec = vsl_fourcc_from_string(argv[1]);
    if (encode(codec, argv[2]) != EXIT_SUCCESS) { return EXIT_FAILURE; }
    return decode(strcmp(argv[1], "HEVC") == 0 ? VSL_DEC_HEVC : VSL_DEC_H264, argv[2]);
}
