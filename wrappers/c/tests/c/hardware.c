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
#define MAX_HEIGHT 368
#define HEAP "/dev/dma_heap/system"
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

/* A soft pattern, up and down between 64 and 191. The upper part stands still, so that it is
 * predicted; the other moves far from picture to picture. */
static int pixel(int number, int x, int y)
{
    int moved = y < 200 ? 0 : 32 * (number % PERIOD);
    int at    = (x + y / 2 + moved) % 256;

    return 64 + (at < 128 ? at : 255 - at);
}

/* Pixels of all rows, without a gap between them. */
static uint8_t drawn[PERIOD][WIDTH * MAX_HEIGHT * 3 / 2];

static void draw_all(void)
{
    int number, x, y;

    for (number = 0; number < PERIOD; number++) {
        for (y = 0; y < MAX_HEIGHT * 3 / 2; y++) {
            for (x = 0; x < WIDTH; x++) {
                drawn[number][y * WIDTH + x] = (uint8_t) pixel(number, x, y);
            }
        }
    }
}

/* A frame in memory of path, from offset on, and mapped. */
static VSLFrame* source_frame(const char* path, int height, int stride, size_t offset)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, (uint32_t) height, (uint32_t) stride, NV12, NULL, NULL);

    CHECK(frame != NULL);
    if (offset == 0) {
        CHECK(vsl_frame_alloc(frame, path) == 0);
    } else {
        VSLFrame* memory = vsl_frame_init(WIDTH, (uint32_t) height + 100, 0, NV12, NULL, NULL);

        CHECK(memory != NULL && vsl_frame_alloc(memory, path) == 0);
        CHECK(vsl_frame_attach(frame, vsl_frame_handle(memory), 0, offset) == 0);
        vsl_frame_release(memory);
    }
    CHECK(vsl_frame_mmap(frame, NULL) != NULL);
    return frame;
}

static void draw(VSLFrame* frame, int number)
{
    uint8_t* pixels = (uint8_t*) vsl_frame_mmap(frame, NULL);
    int      stride = vsl_frame_stride(frame), rows = vsl_frame_height(frame) * 3 / 2, y;

    for (y = 0; y < rows; y++) {
        memcpy(pixels + y * stride, drawn[number % PERIOD] + y * WIDTH, WIDTH);
    }
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

/* The devices. */
static char encoder_path[64], decoder_path[64];

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

/* Where pictures lie, and what is to be said of them. */
typedef struct {
    const char* path;   /* as for vsl_frame_alloc */
    int         height; /* rows */
    int         stride; /* bytes from row to row */
    size_t      offset; /* bytes in front of it */
    int         count;  /* pictures */
    const char* why;    /* they are copied for, if they are */
} Case;

/* Encodes and decodes pictures, each drawn in the same memory as the one before. */
static void pictures_come_back(const Case* is)
{
    VSLEncoder*       encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, VSL_X_FWHT, 30);
    VSLDecoder*       decoder = vsl_decoder_create(VSL_X_DEC_FWHT, 30);
    VSLFrame*         source  = source_frame(is->path, is->height, is->stride, is->offset);
    VSLFrame*         packet;
    VSLXEncoderCopies copies;
    int               number, packets = 0, came = 0;
    uint64_t          bytes = WIDTH * (uint64_t) is->height * 3 / 2;

    CHECK(encoder != NULL && decoder != NULL);
    packet = vsl_encoder_new_output_frame(encoder, WIDTH, is->height, 0, 0, 0);
    CHECK(packet != NULL && vsl_frame_fourcc(packet) == VSL_X_FWHT);
    worst = 0;
    /* A slow device may give a packet some pictures later. */
    for (number = 0; packets < is->count; number++) {
        int key = -1, size;

        CHECK(number < 2 * is->count);
        draw(source, number);
        CHECK(vsl_encode_frame(encoder, source, packet, NULL, &key) == 0);
        size = vsl_frame_size(packet);
        CHECK(size >= 0 && (uint64_t) size < bytes);
        if (size == 0) { continue; }
        if (key != (packets % 10 == 0)) {
            fprintf(stderr, "packet %d of picture %d: key frame %d\n", packets, number, key);
        }
        CHECK(key == (packets % 10 == 0));
        CHECK(vsl_frame_width(packet) == WIDTH);
        came += decode(decoder, (const uint8_t*) vsl_frame_mmap(packet, NULL), (size_t) size, came);
        packets++;
    }
    came += decode(decoder, NULL, 0, came);
    CHECK(is_open(encoder_path) && is_open(decoder_path));
    CHECK(vsl_x_encoder_copies(encoder, &copies, sizeof(copies)) == 0);
    fprintf(stderr, "%d pictures of %dx%d, mean square of errors %ld at most, %lu copied: %s\n",
            came, WIDTH, is->height, worst, (unsigned long) copies.copied, copies.why);
    CHECK(came == is->count && worst <= 65);
    CHECK(vsl_decoder_width(decoder) == WIDTH && vsl_decoder_height(decoder) == is->height);
    CHECK(copies.pictures == (uint64_t) number);
    if (is->why == NULL) {
        CHECK(copies.copied == 0 && copies.bytes == 0 && strcmp(copies.why, "") == 0);
    } else {
        CHECK(copies.copied == copies.pictures && copies.bytes == copies.pictures * bytes);
        CHECK(strstr(copies.why, is->why) != NULL);
    }
    vsl_frame_release(packet);
    vsl_frame_release(source);
    vsl_encoder_release(encoder);
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

static void the_environment_chooses_the_device(void)
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

/* The device takes its rows without a gap, and rounds 360 of them up to 368, so that the chroma of
 * such pictures lies elsewhere. */
static const Case cases[] = {
    {HEAP, 368, WIDTH, 0, 60, NULL},
    {HEAP, 360, WIDTH, 0, 4, "plane 1"},
    {HEAP, 368, WIDTH + 64, 0, 4, "704"},
    {HEAP, 368, WIDTH, 4096, 4, "4096"},
    {"/vsl_hardware", 368, WIDTH, 0, 4, "not a dma-buf"},
};

int main(void)
{
    const char* found = vsl_v4l2_find_encoder(VSL_X_FWHT);
    size_t      at;

    CHECK(found != NULL);
    snprintf(encoder_path, sizeof(encoder_path), "%s", found);
    found = vsl_v4l2_find_decoder(VSL_X_FWHT);
    CHECK(found != NULL);
    snprintf(decoder_path, sizeof(decoder_path), "%s", found);

    what_the_device_cannot_is_refused();
    the_environment_chooses_the_device();
    draw_all();
    for (at = 0; at < sizeof(cases) / sizeof(cases[0]); at++) { pictures_come_back(&cases[at]); }
    return 0;
}
