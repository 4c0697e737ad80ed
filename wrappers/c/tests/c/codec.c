/* Encoders, decoders, copies of frames: what they refuse, and that a picture comes back. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "videostream.h"

#include "check.h"

#define NV12 VSL_FOURCC('N', 'V', '1', '2')
#define RGBA VSL_FOURCC('R', 'G', 'B', 'A')
#define BGR3 VSL_FOURCC('B', 'G', 'R', '3')
#define H264 VSL_FOURCC('H', '2', '6', '4')
#define HEVC VSL_FOURCC('H', 'E', 'V', 'C')

static VSLFrame* grey(uint32_t width, uint32_t height, uint32_t fourcc, int value)
{
    VSLFrame* frame = vsl_frame_init(width, height, 0, fourcc, NULL, NULL);
    size_t    size;
    void*     pixels;

    CHECK(frame != NULL && vsl_frame_alloc(frame, NULL) == 0);
    pixels = vsl_frame_mmap(frame, &size);
    CHECK(pixels != NULL);
    memset(pixels, value, size);
    vsl_frame_munmap(frame);
    return frame;
}

static int byte_of(VSLFrame* frame, size_t at)
{
    const unsigned char* pixels = (const unsigned char*) vsl_frame_mmap(frame, NULL);

    CHECK(pixels != NULL);
    return pixels[at];
}

static void frames_are_copied_cropped_scaled_and_converted(void)
{
    VSLFrame*      source = grey(64, 48, NV12, 128);
    VSLFrame*      same   = grey(64, 48, NV12, 0);
    VSLFrame*      small  = grey(32, 16, RGBA, 0);
    VSLFrame*      none   = vsl_frame_init(64, 48, 0, NV12, NULL, NULL);
    VSLFrame*      packet = vsl_frame_init(64, 48, 64, H264, NULL, NULL);
    VSLRect        part   = {32, 0, 32, 48};
    unsigned char* pixels = (unsigned char*) vsl_frame_mmap(source, NULL);
    int            row;

    for (row = 0; row < 48; row++) { memset(pixels + row * 64 + 32, 235, 32); }
    CHECK(vsl_frame_copy(same, source, NULL) == 64 * 48 * 3 / 2);
    CHECK(byte_of(same, 0) == 128 && byte_of(same, 40) == 235);
    CHECK(byte_of(same, 64 * 48) == 128);
    CHECK(vsl_frame_copy(small, source, &part) == 32 * 16 * 4);
    CHECK(byte_of(small, 0) > 250 && byte_of(small, 1) > 250 && byte_of(small, 2) > 250);
    part.x = 0;
    CHECK(vsl_frame_copy(small, source, &part) == 32 * 16 * 4);
    CHECK(byte_of(small, 0) > 125 && byte_of(small, 0) < 135);

    part.width = 65;
    CHECK_FAILS(vsl_frame_copy(small, source, &part) == -1, EINVAL);
    part.width = 0;
    CHECK_FAILS(vsl_frame_copy(small, source, &part) == -1, EINVAL);
    part.width = -2;
    CHECK_FAILS(vsl_frame_copy(small, source, &part) == -1, EINVAL);
    part.x     = 0x7fffffff;
    part.width = 0x7fffffff;
    CHECK_FAILS(vsl_frame_copy(small, source, &part) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_copy(source, source, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_copy(none, source, NULL) == -1, EBADF);
    CHECK_FAILS(vsl_frame_copy(source, none, NULL) == -1, EBADF);
    CHECK(vsl_frame_alloc(packet, NULL) == 0);
    CHECK_FAILS(vsl_frame_copy(packet, source, NULL) == -1, ENOTSUP);
    CHECK_FAILS(vsl_frame_copy(source, packet, NULL) == -1, ENOTSUP);
    CHECK(vsl_frame_attach(none, vsl_frame_handle(source), 0, 0) == 0);
    CHECK_FAILS(vsl_frame_copy(none, source, NULL) == -1, EINVAL);
    vsl_frame_release(packet);
    vsl_frame_release(none);
    vsl_frame_release(small);
    vsl_frame_release(same);
    vsl_frame_release(source);
}

static void null_and_nonsense_are_refused(void)
{
    VSLEncoder*      encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, H264, 30);
    VSLDecoder*      decoder = vsl_decoder_create(VSL_DEC_H264, 30);
    VSLFrame*        frame   = grey(64, 48, NV12, 128);
    VSLFrame*        out;
    VSLRect          rect;
    size_t           used = 0;
    VSLEncoderConfig config;
    VSLXEncoderCopies copies;

    CHECK(encoder != NULL && decoder != NULL);
    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, NV12, 30) == NULL, EINVAL);
    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, 0, 30) == NULL, EINVAL);
    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, H264, 0) == NULL, EINVAL);
    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, H264, -1) == NULL, EINVAL);
    CHECK_FAILS(vsl_encoder_create((VSLEncoderProfile) 5, H264, 30) == NULL, EINVAL);
    CHECK_FAILS(vsl_encoder_create_ex(VSL_ENCODE_PROFILE_AUTO, H264, 30,
                                      (VSLCodecBackend) 9) == NULL,
                ENOTSUP);
    if (vsl_v4l2_find_encoder(H264) == NULL && vsl_v4l2_find_decoder(H264) == NULL) {
        CHECK_FAILS(vsl_encoder_create_ex(VSL_ENCODE_PROFILE_AUTO, H264, 30,
                                          VSL_CODEC_BACKEND_V4L2) == NULL,
                    ENODEV);
        CHECK_FAILS(vsl_decoder_create_ex(H264, 30, VSL_CODEC_BACKEND_V4L2) == NULL, ENODEV);
    }
    CHECK_FAILS(vsl_encode_frame(NULL, frame, frame, NULL, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_encode_frame(encoder, NULL, frame, NULL, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_encode_frame(encoder, frame, NULL, NULL, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_encode_frame(encoder, frame, frame, NULL, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_x_encoder_copies(NULL, &copies, sizeof(copies)) == -1, EINVAL);
    CHECK_FAILS(vsl_x_encoder_copies(encoder, NULL, sizeof(copies)) == -1, EINVAL);
    CHECK(vsl_x_encoder_copies(encoder, &copies, sizeof(copies)) == 0);
    CHECK(copies.pictures == 0 && copies.copied == 0 && strcmp(copies.why, "") == 0);
    CHECK_FAILS(vsl_encoder_new_output_frame(NULL, 64, 48, 0, 0, 0) == NULL, EINVAL);
    CHECK_FAILS(vsl_encoder_new_output_frame(encoder, 0, 48, 0, 0, 0) == NULL, EINVAL);
    CHECK_FAILS(vsl_encoder_new_output_frame(encoder, 64, -48, 0, 0, 0) == NULL, EINVAL);
    vsl_encoder_release(NULL);

    CHECK_FAILS(vsl_x_encoder_create_config(NULL) == NULL, EINVAL);
    memset(&config, 0, sizeof(config));
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    config.size   = sizeof(config);
    config.fourcc = H264;
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    config.frames    = 30000;
    config.seconds   = 1001;
    config.quantiser = 30;
    config.bitrate   = 1;
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    config.bitrate = 0;
    vsl_encoder_release(encoder);
    encoder = vsl_x_encoder_create_config(&config);
    CHECK(encoder != NULL);

    CHECK_FAILS(vsl_decoder_create((VSLDecoderCodec) 2, 30) == NULL, EINVAL);
    CHECK_FAILS(vsl_decoder_create_ex(NV12, 30, VSL_CODEC_BACKEND_AUTO) == NULL, EINVAL);
    CHECK_FAILS(vsl_decoder_create_ex(H264, 30, (VSLCodecBackend) 9) == NULL, ENOTSUP);
    CHECK_FAILS(vsl_decode_frame(NULL, "x", 1, &used, &out) == VSL_DEC_ERR, EINVAL);
    CHECK_FAILS(vsl_decode_frame(decoder, "x", 1, NULL, &out) == VSL_DEC_ERR, EINVAL);
    CHECK_FAILS(vsl_decode_frame(decoder, "x", 1, &used, NULL) == VSL_DEC_ERR, EINVAL);
    CHECK_FAILS(vsl_decode_frame(decoder, NULL, 1, &used, &out) == VSL_DEC_ERR, EINVAL);
    CHECK(used == 0 && out == NULL);
    CHECK(vsl_decode_frame(decoder, "noise", 5, &used, &out) == VSL_DEC_SUCCESS);
    CHECK(used == 5 && out == NULL);
    CHECK(vsl_decode_frame(decoder, NULL, 0, &used, &out) == VSL_DEC_SUCCESS && out == NULL);
    CHECK_FAILS(vsl_decoder_width(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_decoder_height(NULL) == 0, EINVAL);
    CHECK_FAILS((rect = vsl_decoder_crop(NULL)).width == 0, EINVAL);
    CHECK(rect.x == 0 && rect.y == 0 && rect.height == 0);
    CHECK(vsl_decoder_width(decoder) == 0 && vsl_decoder_height(decoder) == 0);
    CHECK(vsl_decoder_release(NULL) == 0);
    CHECK(vsl_decoder_release(decoder) == 0);
    vsl_encoder_release(encoder);
    vsl_frame_release(frame);
}

/* The last failure's words name the value. */
#define CHECK_SAYS(words) CHECK(strstr(vsl_x_last_error(), words) != NULL)

static void failures_name_the_value(void)
{
    const VSLCodecBackend nobody = (VSLCodecBackend) 9;
    VSLEncoderConfig      config;

    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, NV12, 30) == NULL, EINVAL);
    CHECK_SAYS("NV12 is no codec");
    CHECK_FAILS(vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, H264, -7) == NULL, EINVAL);
    CHECK_SAYS("-7 frames");
    CHECK_FAILS(vsl_encoder_create((VSLEncoderProfile) 5, H264, 30) == NULL, EINVAL);
    CHECK_SAYS("profile 5");
    CHECK_FAILS(vsl_encoder_create_ex(VSL_ENCODE_PROFILE_AUTO, H264, 30, nobody) == NULL, ENOTSUP);
    CHECK_SAYS("backend 9");
    CHECK_FAILS(vsl_decoder_create((VSLDecoderCodec) 2, 30) == NULL, EINVAL);
    CHECK_SAYS("codec 2");
    CHECK_FAILS(vsl_decoder_create_ex(NV12, 30, VSL_CODEC_BACKEND_AUTO) == NULL, EINVAL);
    CHECK_SAYS("NV12 is no codec");
    CHECK_FAILS(vsl_encoder_create_ex(VSL_ENCODE_PROFILE_AUTO, VSL_X_FWHT, 30,
                                      VSL_CODEC_BACKEND_SOFTWARE) == NULL,
                ENODEV);
    CHECK_SAYS("FWHT");
    memset(&config, 0, sizeof(config));
    config.size      = 5;
    config.fourcc    = H264;
    config.frames    = 30;
    config.quantiser = 300;
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    CHECK_SAYS("of 5 bytes");
    config.size = sizeof(config);
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    CHECK_SAYS("quantiser 300");
    config.quantiser = 30;
    CHECK_FAILS(vsl_x_encoder_create_config(&config) == NULL, EINVAL);
    CHECK_SAYS("30/0");
}

/* An encoder or a decoder of H.264, gone at once; whether there is one. */
static int makes(const char* variable, VSLCodecBackend backend)
{
    int is_made;

    if (strstr(variable, "ENCODER") != NULL) {
        VSLEncoder* encoder =
            vsl_encoder_create_ex(VSL_ENCODE_PROFILE_AUTO, H264, 30, backend);

        is_made = encoder != NULL;
        vsl_encoder_release(encoder);
    } else {
        VSLDecoder* decoder = vsl_decoder_create_ex(H264, 30, backend);

        is_made = decoder != NULL;
        vsl_decoder_release(decoder);
    }
    return is_made;
}

static void the_environment_chooses_the_device(const char* variable)
{
    char long_name[256];

    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    setenv(variable, "/dev/no such codec", 1);
    CHECK_FAILS(!makes(variable, VSL_CODEC_BACKEND_V4L2), ENOENT);
    CHECK_SAYS("/dev/no such codec");
    CHECK(makes(variable, VSL_CODEC_BACKEND_SOFTWARE));
    /* That it does not open leaves the choice to go on. */
    CHECK(makes(variable, VSL_CODEC_BACKEND_AUTO));
    setenv("VSL_CODEC_BACKEND", "V4L2", 1);
    CHECK_FAILS(!makes(variable, VSL_CODEC_BACKEND_AUTO), ENOENT);
    CHECK(makes(variable, VSL_CODEC_BACKEND_SOFTWARE));
    setenv("VSL_CODEC_BACKEND", "software", 1);
    CHECK(makes(variable, VSL_CODEC_BACKEND_AUTO));
    CHECK_FAILS(!makes(variable, VSL_CODEC_BACKEND_V4L2), ENOENT);
    setenv("VSL_CODEC_BACKEND", "something else", 1);
    CHECK(makes(variable, VSL_CODEC_BACKEND_AUTO));
    setenv("VSL_CODEC_BACKEND", "", 1);
    CHECK(makes(variable, VSL_CODEC_BACKEND_AUTO));
    setenv(variable, "/dev/null", 1);
    CHECK_FAILS(!makes(variable, VSL_CODEC_BACKEND_V4L2), ENOTTY);
    setenv(variable, long_name, 1);
    CHECK_FAILS(!makes(variable, VSL_CODEC_BACKEND_V4L2), ENAMETOOLONG);
    CHECK_SAYS(variable);
    unsetenv("VSL_CODEC_BACKEND");
    unsetenv(variable);
}

/* Some pictures through both; each is the grey that went in. */
static void pictures_come_back(uint32_t codec, uint32_t fourcc, const VSLRect* crop)
{
    enum { PICTURES = 3 };
    VSLEncoder* encoder = vsl_encoder_create_ex(VSL_ENCODE_PROFILE_5000_KBPS, codec, 30,
                                                VSL_CODEC_BACKEND_AUTO);
    VSLDecoder* decoder = vsl_decoder_create_ex(codec, 30, VSL_CODEC_BACKEND_AUTO);
    VSLFrame *  source, *packet, *frames[PICTURES];
    int         width = crop != NULL ? crop->width : 128, height = crop != NULL ? crop->height : 96;
    int         i, got = 0;
    VSLXEncoderCopies copies;

    if (codec == HEVC && (encoder == NULL || decoder == NULL)) {
        CHECK(errno == ENODEV);
        fprintf(stderr, "skipped: H.265 from C: a library of the system is missing\n");
        vsl_encoder_release(encoder);
        vsl_decoder_release(decoder);
        return;
    }
    CHECK(encoder != NULL && decoder != NULL);
    source = grey(128, 96, fourcc, 128);
    packet = vsl_encoder_new_output_frame(encoder, 128, 96, 1, 2, 3);
    CHECK(packet != NULL && vsl_frame_fourcc(packet) == codec);
    CHECK(vsl_frame_size(packet) >= 2 * 1024 * 1024);
    CHECK(vsl_frame_duration(packet) == 1 && vsl_frame_pts(packet) == 2);
    CHECK(vsl_frame_dts(packet) == 3);
    for (i = 0; i < PICTURES; i++) {
        int      key = -1, ret = vsl_encode_frame(encoder, source, packet, crop, &key);
        int      size = vsl_frame_size(packet);
        size_t   used, at = 0;
        uint8_t* bytes;

        CHECK(ret == 0 && size > 0 && key == (i == 0));
        CHECK(vsl_frame_width(packet) == width);
        bytes = (uint8_t*) vsl_frame_mmap(packet, NULL);
        CHECK(bytes != NULL && bytes[0] == 0 && bytes[1] == 0);
        while (at < (size_t) size) {
            int ret = vsl_decode_frame(decoder, bytes + at, (unsigned int) (size - at), &used,
                                       &frames[got]);

            CHECK((ret & VSL_DEC_ERR) == 0);
            CHECK(((ret & VSL_DEC_FRAME_DEC) != 0) == (frames[got] != NULL));
            if (got == 0 && frames[got] != NULL) { CHECK((ret & VSL_DEC_INIT_INFO) != 0); }
            got += frames[got] != NULL;
            at += used;
            CHECK(used > 0);
        }
    }
    while (got < PICTURES) {
        size_t used;
        int    ret = vsl_decode_frame(decoder, NULL, 0, &used, &frames[got]);

        CHECK((ret & VSL_DEC_FRAME_DEC) != 0 && frames[got] != NULL);
        got++;
    }
    CHECK(vsl_decoder_width(decoder) == width && vsl_decoder_height(decoder) == height);
    CHECK(vsl_decoder_crop(decoder).width == width);
    /* Of another size or format than the first. */
    vsl_frame_release(source);
    source = grey(64, 48, fourcc, 128);
    CHECK_FAILS(vsl_encode_frame(encoder, source, packet, NULL, NULL) == -1, EINVAL);
    vsl_frame_release(source);
    memset(&copies, 0xff, sizeof(copies));
    CHECK(vsl_x_encoder_copies(encoder, &copies, 8) == 0);
    CHECK(copies.pictures == PICTURES && copies.copied == UINT64_MAX);
    CHECK(vsl_x_encoder_copies(encoder, &copies, sizeof(copies)) == 0);
    CHECK(copies.copied <= PICTURES && (copies.copied == 0) == (copies.bytes == 0));
    vsl_encoder_release(encoder);
    CHECK(vsl_decoder_release(decoder) == 0);
    for (i = 0; i < PICTURES; i++) {
        int luma = byte_of(frames[i], 0);

        CHECK(vsl_frame_fourcc(frames[i]) == NV12 && vsl_frame_width(frames[i]) == width);
        CHECK(vsl_frame_path(frames[i]) == NULL);
        CHECK(luma > 118 && luma < 138);
        vsl_frame_release(frames[i]);
    }
    vsl_frame_release(packet);
}

static void a_packet_without_room_is_refused(void)
{
    VSLEncoder* encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, H264, 30);
    VSLFrame*   source  = grey(128, 96, NV12, 128);
    VSLFrame*   packet  = vsl_frame_init(4, 1, 4, H264, NULL, NULL);

    CHECK(encoder != NULL && packet != NULL);
    CHECK_FAILS(vsl_encode_frame(encoder, source, packet, NULL, NULL) == -1, EBADF);
    CHECK(vsl_frame_alloc(packet, NULL) == 0 && vsl_frame_size(packet) == 4);
    CHECK_FAILS(vsl_encode_frame(encoder, source, packet, NULL, NULL) == -1, EMSGSIZE);
    vsl_frame_release(packet);
    vsl_frame_release(source);
    vsl_encoder_release(encoder);
}

/* With an argument H.265, too, whose libraries make some memory for good. */
int main(int count, char** arguments)
{
    VSLRect part = {32, 16, 64, 48};

    frames_are_copied_cropped_scaled_and_converted();
    null_and_nonsense_are_refused();
    failures_name_the_value();
    the_environment_chooses_the_device("VSL_V4L2_ENCODER_DEV");
    the_environment_chooses_the_device("VSL_V4L2_DECODER_DEV");
    pictures_come_back(H264, NV12, NULL);
    pictures_come_back(H264, NV12, &part);
    pictures_come_back(H264, BGR3, NULL);
    pictures_come_back(H264, RGBA, &part);
    a_packet_without_room_is_refused();
    if (count > 1) { pictures_come_back(vsl_fourcc_from_string(arguments[1]), NV12, NULL); }
    return 0;
}
