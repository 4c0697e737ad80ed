/* Encoders and decoders of the hardware, on the kernel's virtual codec (FWHT): pictures there and
 * back, devices that the environment names, and what is refused. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdio.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define NV12 VSL_FOURCC('N', 'V', '1', '2')
#define WIDTH 640
#define PICTURES 60
/* Pictures until they repeat. */
#define PERIOD 8

/* The last failure's words name the value. */
static void check_says(const char* words, int line)
{
    const char* said = vsl_x_last_error();

    if (strstr(said, words) == NULL) {
        fprintf(stderr, "%s:%d: not \"%s\" but \"%s\"\n", __FILE__, line, words, said);
        exit(1);
    }
}
#define CHECK_SAYS(words) check_says(words, __LINE__)

/* A soft pattern that moves far from picture to picture: up and down between 64 and 191. */
static int pixel(int number, int x, int y)
{
    int at = (x + y / 2 + 32 * (number % PERIOD)) % 256;

    return 64 + (at < 128 ? at : 255 - at);
}

/* A picture in memory of its own: of a heap, or shared memory that is no dma-buf. */
static VSLFrame* picture(const char* heap, int height, int stride, int number)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, (uint32_t) height, (uint32_t) stride, NV12, NULL, NULL);
    uint8_t*  pixels;
    char      name[32];
    int       x, y;

    snprintf(name, sizeof(name), "/vsl_hardware_%d", number);
    CHECK(frame != NULL && vsl_frame_alloc(frame, heap != NULL ? heap : name) == 0);
    pixels = (uint8_t*) vsl_frame_mmap(frame, NULL);
    CHECK(pixels != NULL);
    for (y = 0; y < height * 3 / 2; y++) {
        for (x = 0; x < WIDTH; x++) { pixels[y * stride + x] = (uint8_t) pixel(number, x, y); }
    }
    vsl_frame_munmap(frame);
    return frame;
}

/* The mean square of what a decoded picture differs by, of one pixel in 61. 65 is 30 dB. */
static long distance(VSLFrame* frame, int number)
{
    const uint8_t* pixels = (const uint8_t*) vsl_frame_mmap(frame, NULL);
    int            stride = vsl_frame_stride(frame), height = vsl_frame_height(frame);
    long           at, sum = 0, count = 0;

    CHECK(pixels != NULL);
    /* Luma and chroma lie one after the other, as many bytes from row to row. */
    if (stride == WIDTH + WIDTH / 2) { stride = WIDTH; }
    for (at = 0; at < (long) WIDTH * height * 3 / 2; at += 61) {
        int x = (int) (at % WIDTH), y = (int) (at / WIDTH);
        int error = pixels[y * stride + x] - pixel(number, x, y);

        sum += (long) error * error;
        count++;
    }
    return sum / count;
}

/* The largest distance. */
static long worst;

/* Decodes data, or what is held back; how many pictures came, checked, from number on. */
static int decode(VSLDecoder* decoder, const uint8_t* data, size_t size, int number)
{
    size_t at   = 0;
    int    came = 0;

    for (;;) {
        VSLFrame*         frame = NULL;
        size_t            used  = 0;
        VSLDecoderRetCode code;

        code = vsl_decode_frame(decoder, size > 0 ? data + at : NULL, (unsigned int) (size - at),
                                &used, &frame);
        CHECK((code & VSL_DEC_ERR) == 0);
        CHECK(((code & VSL_DEC_FRAME_DEC) != 0) == (frame != NULL));
        at += used;
        if (frame != NULL) {
            long far = distance(frame, number + came);

            if (far > worst) { worst = far; }
            CHECK(vsl_frame_width(frame) == WIDTH && vsl_frame_fourcc(frame) == NV12);
            vsl_frame_release(frame);
            came++;
        } else if (size == 0) {
            break;
        }
        if (size > 0 && at == size) { break; }
    }
    return came;
}

/* Encodes and decodes 60 pictures, which lie in memory of heap, stride bytes from row to row. */
static void pictures_come_back(VSLEncoder* encoder, const char* heap, int height, int stride)
{
    VSLDecoder* decoder = vsl_decoder_create(VSL_X_DEC_FWHT, 30);
    VSLFrame*   sources[PERIOD];
    VSLFrame*   packet;
    int         number, packets = 0, came = 0;

    worst = 0;

    CHECK(encoder != NULL && decoder != NULL);
    for (number = 0; number < PERIOD; number++) {
        sources[number] = picture(heap, height, stride, number);
    }
    packet = vsl_encoder_new_output_frame(encoder, WIDTH, height, 0, 0, 0);
    CHECK(packet != NULL && vsl_frame_fourcc(packet) == VSL_X_FWHT);
    /* A slow device may give a packet some pictures later. */
    for (number = 0; packets < PICTURES; number++) {
        int key = -1, size;

        CHECK(number < 2 * PICTURES);
        size = vsl_encode_frame(encoder, sources[number % PERIOD], packet, NULL, &key);
        CHECK(size >= 0 && size < WIDTH * height);
        if (size == 0) { continue; }
        CHECK(key == (packets % 10 == 0));
        CHECK(vsl_frame_size(packet) == size && vsl_frame_width(packet) == WIDTH);
        came += decode(decoder, (const uint8_t*) vsl_frame_mmap(packet, NULL), (size_t) size, came);
        packets++;
    }
    came += decode(decoder, NULL, 0, came);
    CHECK(came == PICTURES);
    fprintf(stderr, "%d pictures of %dx%d, mean square of errors %ld at most\n", came, WIDTH, height,
            worst);
    CHECK(worst <= 65);
    CHECK(vsl_decoder_width(decoder) == WIDTH && vsl_decoder_height(decoder) == height);
    vsl_frame_release(packet);
    for (number = 0; number < PERIOD; number++) { vsl_frame_release(sources[number]); }
    CHECK(vsl_decoder_release(decoder) == 0);
}

static void what_the_device_cannot_is_refused(void)
{
    VSLEncoderConfig config;

    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_5000_KBPS, VSL_X_FWHT, 30) == NULL, EINVAL);
    CHECK_SAYS("/dev/video");
    CHECK_SAYS("constant quantiser");
    memset(&config, 0, sizeof(config));
    config.size      = sizeof(config);
    config.fourcc    = VSL_X_FWHT;
    config.frames    = 30;
    config.seconds   = 1;
    config.quantiser = 99;
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    CHECK_SAYS("99");
    config.quantiser = 10;
    config.gop       = 17;
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    CHECK_SAYS("17");
    CHECK_FAILS(vsl_encoder_create_ex(VSL_ENCODE_PROFILE_AUTO, VSL_FOURCC('H', '2', '6', '4'), 30,
                                      VSL_CODEC_BACKEND_V4L2) == NULL,
                ENODEV);
    CHECK_SAYS("H.264");
}

/* Whether this process has a device open. */
static int is_open(const char* path)
{
    int fd;

    for (fd = 3; fd < 64; fd++) {
        char link[64], name[128];
        long length;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = (long) readlink(link, name, sizeof(name) - 1);
        if (length > 0) {
            name[length] = 0;
            if (strcmp(name, path) == 0) { return 1; }
        }
    }
    return 0;
}

static void the_environment_chooses_the_device(const char* encoder_path, const char* decoder_path)
{
    VSLEncoder* encoder;
    VSLDecoder* decoder;

    setenv("VSL_V4L2_ENCODER_DEV", decoder_path, 1);
    setenv("VSL_V4L2_DECODER_DEV", encoder_path, 1);
    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, VSL_X_FWHT, 30) == NULL, ENODEV);
    CHECK_FAILS(vsl_decoder_create(VSL_X_DEC_FWHT, 30) == NULL, ENODEV);
    CHECK_FAILS(vsl_decoder_create_ex(VSL_X_FWHT, 30, VSL_CODEC_BACKEND_V4L2) == NULL, ENODEV);
    setenv("VSL_V4L2_DECODER_DEV", "/dev/no such codec", 1);
    CHECK_FAILS(vsl_decoder_create(VSL_X_DEC_FWHT, 30) == NULL, ENOENT);
    CHECK_SAYS("/dev/no such codec");
    setenv("VSL_V4L2_ENCODER_DEV", encoder_path, 1);
    setenv("VSL_V4L2_DECODER_DEV", decoder_path, 1);
    CHECK(!is_open(encoder_path) && !is_open(decoder_path));
    decoder = vsl_decoder_create_ex(VSL_X_FWHT, 30, VSL_CODEC_BACKEND_AUTO);
    CHECK(decoder != NULL && is_open(decoder_path));
    CHECK(vsl_decoder_release(decoder) == 0);
    encoder = vsl_encoder_create_ex(VSL_ENCODE_PROFILE_AUTO, VSL_X_FWHT, 30,
                                    VSL_CODEC_BACKEND_V4L2);
    CHECK(encoder != NULL);
    vsl_encoder_release(encoder);
    setenv("VSL_CODEC_BACKEND", "software", 1);
    CHECK_FAILS(vsl_decoder_create(VSL_X_DEC_FWHT, 30) == NULL, ENODEV);
    unsetenv("VSL_CODEC_BACKEND");
    unsetenv("VSL_V4L2_ENCODER_DEV");
    unsetenv("VSL_V4L2_DECODER_DEV");
}

int main(void)
{
    const char* found = vsl_v4l2_find_encoder(VSL_X_FWHT);
    char        encoder_path[64], decoder_path[64];
    VSLEncoder* encoder;

    CHECK(found != NULL);
    snprintf(encoder_path, sizeof(encoder_path), "%s", found);
    found = vsl_v4l2_find_decoder(VSL_X_FWHT);
    CHECK(found != NULL);
    snprintf(decoder_path, sizeof(decoder_path), "%s", found);

    what_the_device_cannot_is_refused();
    the_environment_chooses_the_device(encoder_path, decoder_path);
    encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, VSL_X_FWHT, 30);
    pictures_come_back(encoder, NULL, 360, WIDTH);
    CHECK(is_open(encoder_path));
    vsl_encoder_release(encoder);
    return 0;
}
