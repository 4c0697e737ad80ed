/* A host or a client that does, line by line, what another process tells it on its standard input,
 * and answers each line with one on its standard error that starts with "@ ".
 *
 * interop client SOCKET:  wait [MILLISECONDS] | lock N | look N | unlock N | release N | quit
 * interop host SOCKET:    post VALUE MILLISECONDS | run MILLISECONDS | encode MILLISECONDS |
 *                         count | quit
 *
 * N is the serial of a frame. Every byte of a picture is VALUE. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define WIDTH 64
#define HEIGHT 48
#define NV12 VSL_FOURCC('N', 'V', '1', '2')
#define FRAMES 64
#define MILLISECOND 1000000LL

static int posted, ended;

static void answer_errno(int failed)
{
    fprintf(stderr, "@ %d\n", failed == 0 ? 0 : errno);
}

/* ---- Client ---- */

static VSLFrame* frames[FRAMES];

static void await_frame(VSLClient* client)
{
    VSLFrame* frame = vsl_frame_wait(client, 0);

    if (frame == NULL) {
        fprintf(stderr, "@ nothing %d\n", errno);
        return;
    }
    CHECK(vsl_frame_serial(frame) < FRAMES);
    CHECK(frames[vsl_frame_serial(frame)] == NULL);
    frames[vsl_frame_serial(frame)] = frame;
    fprintf(stderr, "@ %lld %dx%d %d %d %lld %lld %lld\n", (long long) vsl_frame_serial(frame),
            vsl_frame_width(frame), vsl_frame_height(frame), vsl_frame_stride(frame),
            vsl_frame_size(frame), (long long) vsl_frame_duration(frame),
            (long long) vsl_frame_pts(frame), (long long) vsl_frame_dts(frame));
    CHECK(vsl_frame_fourcc(frame) == NV12);
}

/* The byte that the picture is made of, or -1. */
static void look(VSLFrame* frame)
{
    size_t               size, at;
    const unsigned char* pixels = (const unsigned char*) vsl_frame_mmap(frame, &size);

    CHECK(pixels != NULL && size == (size_t) vsl_frame_size(frame));
    for (at = 1; at < size && pixels[at] == pixels[0]; at++) {}
    fprintf(stderr, "@ %d\n", at == size ? pixels[0] : -1);
    vsl_frame_munmap(frame);
}

static int client_program(const char* path)
{
    VSLClient* client = vsl_client_init(path, NULL, false);
    char       line[64], word[16];
    int        number;

    CHECK(client != NULL);
    fprintf(stderr, "@ ready\n");
    while (fgets(line, sizeof(line), stdin) != NULL) {
        number = 0;
        CHECK(sscanf(line, "%15s %d", word, &number) >= 1);
        if (strcmp(word, "quit") == 0) { break; }
        CHECK(number >= 0 && number < FRAMES);
        if (strcmp(word, "wait") == 0) {
            vsl_client_set_timeout(client, number == 0 ? 60 : (float) number / 1000);
            await_frame(client);
        } else if (strcmp(word, "lock") == 0) {
            answer_errno(vsl_frame_trylock(frames[number]));
        } else if (strcmp(word, "look") == 0) {
            look(frames[number]);
        } else if (strcmp(word, "unlock") == 0) {
            answer_errno(vsl_frame_unlock(frames[number]));
        } else {
            CHECK(strcmp(word, "release") == 0 && frames[number] != NULL);
            vsl_frame_release(frames[number]);
            frames[number] = NULL;
            answer_errno(0);
        }
    }
    vsl_client_release(client);
    return 0;
}

/* ---- Host ---- */

static void count_end(VSLFrame* frame)
{
    (void) frame;
    ended++;
}

static void post(VSLHost* host, int value, int lifetime)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, NV12, NULL, count_end);
    int64_t   now   = vsl_timestamp();
    size_t    size;
    void*     pixels;

    CHECK(frame != NULL && vsl_frame_alloc(frame, NULL) == 0);
    pixels = vsl_frame_mmap(frame, &size);
    CHECK(pixels != NULL);
    memset(pixels, value, size);
    vsl_frame_munmap(frame);
    posted++;
    CHECK(vsl_host_post(host, frame, now + lifetime * MILLISECOND, 33 * MILLISECOND, value, -value)
          == 0);
    CHECK(vsl_frame_serial(frame) == posted);
}

/* Encodes the next picture, a bar that moves, and posts what comes of it. */
static void post_packet(VSLHost* host, VSLEncoder* encoder, VSLFrame* picture)
{
    int64_t        now    = vsl_timestamp();
    VSLFrame*      packet = vsl_encoder_new_output_frame(encoder, WIDTH, HEIGHT, 0, 0, 0);
    unsigned char* pixels = (unsigned char*) vsl_frame_mmap(picture, NULL);
    int            row;

    CHECK(packet != NULL && pixels != NULL);
    memset(pixels, 128, WIDTH * HEIGHT * 3 / 2);
    for (row = 0; row < HEIGHT; row++) {
        memset(pixels + row * WIDTH + posted % WIDTH / 2, 220, 16);
    }
    CHECK(vsl_encode_frame(encoder, picture, packet, NULL, NULL) == 0);
    if (vsl_frame_size(packet) == 0) {
        vsl_frame_release(packet);
        return;
    }
    /* It has no callback that could count its end. */
    posted++;
    ended++;
    CHECK(vsl_host_post(host, packet, now + 500 * MILLISECOND, 0, now, now) == 0);
}

static int host_program(const char* path)
{
    VSLHost*      host = vsl_host_init(path);
    char          line[64], word[16];
    int           number, lifetime, interval = -1;
    struct pollfd fds[8];
    int           listed[7];
    size_t        sockets, at;
    VSLEncoder*   encoder = NULL;
    VSLFrame*     picture = NULL;

    CHECK(host != NULL);
    fprintf(stderr, "@ ready\n");
    fds[0].fd     = STDIN_FILENO;
    fds[0].events = POLLIN;
    for (;;) {
        CHECK(vsl_host_sockets(host, 7, listed, &sockets) == 0 && sockets <= 7);
        for (at = 0; at < sockets; at++) {
            fds[at + 1].fd     = listed[at];
            fds[at + 1].events = POLLIN;
        }
        CHECK(poll(fds, (nfds_t) sockets + 1, interval) >= 0);
        CHECK(vsl_host_process(host) == 0);
        if (encoder != NULL) {
            post_packet(host, encoder, picture);
        } else if (interval > 0) {
            post(host, posted & 255, 500);
        }
        if (fds[0].revents == 0) { continue; }
        /* One line at a time is sent: none waits in the stream's buffer. */
        if (fgets(line, sizeof(line), stdin) == NULL) { break; }
        number = lifetime = 0;
        CHECK(sscanf(line, "%15s %d %d", word, &number, &lifetime) >= 1);
        if (strcmp(word, "quit") == 0) { break; }
        if (strcmp(word, "post") == 0) {
            post(host, number, lifetime);
            fprintf(stderr, "@ %d\n", posted);
        } else if (strcmp(word, "count") == 0) {
            CHECK(vsl_host_process(host) == 0);
            CHECK(vsl_host_sockets(host, 0, NULL, &sockets) == 0);
            fprintf(stderr, "@ %d ended %d clients\n", ended, (int) sockets - 1);
        } else {
            interval = number;
            if (strcmp(word, "encode") == 0) {
                encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO,
                                             VSL_FOURCC('H', '2', '6', '4'), 30);
                picture = vsl_frame_init(WIDTH, HEIGHT, WIDTH, NV12, NULL, NULL);
                CHECK(encoder != NULL && picture != NULL && vsl_frame_alloc(picture, NULL) == 0);
            } else {
                CHECK(strcmp(word, "run") == 0);
            }
            fprintf(stderr, "@ runs\n");
        }
    }
    vsl_host_release(host);
    CHECK(ended == posted);
    vsl_frame_release(picture);
    vsl_encoder_release(encoder);
    return 0;
}

int main(int argc, char** argv)
{
    if (argc == 3 && strcmp(argv[1], "client") == 0) { return client_program(argv[2]); }
    if (argc == 3 && strcmp(argv[1], "host") == 0) { return host_program(argv[2]); }
    fprintf(stderr, "usage: %s host|client SOCKET\n", argv[0]);
    return EXIT_FAILURE;
}
