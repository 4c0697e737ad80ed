/* What the 2.x library does not have. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define RGBA VSL_FOURCC('R', 'G', 'B', 'A')

static char name[64];

static void post(VSLHost* host)
{
    VSLFrame* frame = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);

    CHECK(frame != NULL && vsl_frame_alloc(frame, NULL) == 0);
    CHECK(vsl_host_post(host, frame, 0, 0, 0, 0) == 0);
}

static void a_failure_is_told_in_words(void)
{
    char text[200];

    CHECK(strcmp(vsl_x_last_error(), "") == 0);
    CHECK(vsl_client_init(name, NULL, false) == NULL);
    CHECK(strstr(vsl_x_last_error(), "no host serves") != NULL);
    snprintf(text, sizeof(text), "%s", vsl_x_last_error());
    errno = 0;
    CHECK(strcmp(vsl_x_last_error(), text) == 0 && errno == 0);
    CHECK(vsl_frame_trylock(NULL) == -1);
    CHECK(strstr(vsl_x_last_error(), "Invalid argument") != NULL);
    CHECK_FAILS(vsl_client_init("/dev/null/socket", NULL, false) == NULL, ECONNREFUSED);
    CHECK(strstr(vsl_x_last_error(), "Not a directory") != NULL);
}

/* Frames up to now, without waiting. */
static int fetch(VSLClient* client)
{
    int       count = 0;
    VSLFrame* frame;

    while ((frame = vsl_frame_wait(client, 0)) != NULL) {
        count++;
        vsl_frame_release(frame);
    }
    CHECK(errno == ETIMEDOUT);
    return count;
}

static void a_client_can_be_polled(void)
{
    VSLHost*      host   = vsl_host_init(name);
    VSLClient*    client = vsl_client_init(name, NULL, false);
    struct pollfd fd;
    VSLFrame*     frame;
    int           turn;

    CHECK(host != NULL && client != NULL);
    CHECK_FAILS(vsl_x_client_fd(NULL) == -1, EINVAL);
    vsl_client_set_timeout(client, 0);
    fd.fd     = vsl_x_client_fd(client);
    fd.events = POLLIN;
    CHECK(fd.fd > 2 && vsl_x_client_fd(client) == fd.fd);
    CHECK(fetch(client) == 0);
    CHECK(poll(&fd, 1, 0) == 0);
    CHECK(vsl_host_process(host) == 0);
    /* It was let in. */
    CHECK(poll(&fd, 1, 60000) == 1);
    CHECK(fetch(client) == 0);
    CHECK(poll(&fd, 1, 0) == 0);
    for (turn = 1; turn < 4; turn++) {
        int at;
        for (at = 0; at < turn; at++) { post(host); }
        CHECK(poll(&fd, 1, 60000) == 1);
        CHECK(fetch(client) == turn);
        /* New memory may have come with the last. */
        while (poll(&fd, 1, 0) == 1) { CHECK(fetch(client) == 0); }
    }
    /* One that stays, and with it the connection. */
    post(host);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL);
    vsl_host_release(host);
    CHECK(poll(&fd, 1, 60000) == 1);
    do {
        CHECK(vsl_frame_wait(client, 0) == NULL);
    } while (errno == ETIMEDOUT);
    CHECK(errno == ECONNRESET);
    CHECK(poll(&fd, 1, 0) == 0);
    host = vsl_host_init(name);
    CHECK(host != NULL);
    CHECK(fetch(client) == 0);
    CHECK(vsl_host_process(host) == 0);
    CHECK(poll(&fd, 1, 60000) == 1);
    CHECK(fetch(client) == 0);
    post(host);
    CHECK(poll(&fd, 1, 60000) == 1);
    CHECK(fetch(client) == 1);
    vsl_frame_release(frame);
    vsl_client_release(client);
    vsl_host_release(host);
}

static void a_host_tells_how_it_does(void)
{
    VSLHost*      host   = vsl_host_init(name);
    VSLClient*    client = vsl_client_init(name, NULL, false);
    VSLXHostStats stats;
    VSLFrame*     frame;
    char          object[64];
    int           fd;

    CHECK(host != NULL && client != NULL);
    CHECK_FAILS(vsl_x_host_stats(NULL, &stats, sizeof(stats)) == -1, EINVAL);
    CHECK_FAILS(vsl_x_host_stats(host, NULL, sizeof(stats)) == -1, EINVAL);
    CHECK(vsl_host_process(host) == 0);
    post(host);
    frame = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);
    CHECK(frame != NULL);
    snprintf(object, sizeof(object), "/vsl_test_additions_%ld", (long) getpid());
    /* More than is shared of memory that can be cut short. */
    fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd > 2 && shm_unlink(object) == 0 && ftruncate(fd, (1 << 30) + 4096) == 0);
    CHECK(vsl_frame_attach(frame, fd, 0, 0) == 0 && close(fd) == 0);
    CHECK(vsl_host_post(host, frame, -1, 0, 0, 0) == 0);
    CHECK(vsl_host_process(host) == 0);
    memset(&stats, 0xff, sizeof(stats));
    CHECK(vsl_x_host_stats(host, &stats, 8) == 0);
    CHECK(stats.posted == 2 && stats.copied == UINT64_MAX);
    CHECK(vsl_x_host_stats(host, &stats, sizeof(stats) + 100) == 0);
    CHECK(stats.posted == 2 && stats.copied == 1 && stats.ended == 1 && stats.frames == 1);
    CHECK(stats.buffers == 2 && stats.clients == 1 && stats.withdrawn == 0);
    CHECK(stats.refused == 0 && stats.evicted == 0 && stats.left == 0);
    vsl_client_release(client);
    CHECK(vsl_host_poll(host, 60000) == 1 && vsl_host_process(host) == 0);
    CHECK(vsl_x_host_stats(host, &stats, sizeof(stats)) == 0);
    CHECK(stats.clients == 0 && stats.left == 1);
    vsl_host_release(host);
}

static void colours_go_with_frames(void)
{
    /* BT.709: colorspace, transfer function and encoding; in full range. */
    const uint32_t full   = 3 | 1 << 8 | 2 << 16 | 1 << 24;
    VSLHost*       host   = vsl_host_init(name);
    VSLClient*     client = vsl_client_init(name, NULL, false);
    VSLFrame*      yuv    = vsl_frame_init(16, 16, 0, VSL_FOURCC('N', 'V', '1', '2'), NULL, NULL);
    VSLFrame*      rgb    = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);
    VSLFrame*      received;
    uint8_t*       pixels;

    CHECK(host != NULL && client != NULL && vsl_host_process(host) == 0);
    CHECK(vsl_x_frame_colorimetry(NULL) == 0);
    CHECK_FAILS(vsl_x_frame_set_colorimetry(NULL, full) == -1, EINVAL);
    CHECK(vsl_frame_alloc(yuv, NULL) == 0 && vsl_frame_alloc(rgb, NULL) == 0);
    pixels = (uint8_t*) vsl_frame_mmap(yuv, NULL);
    memset(pixels, 235, 16 * 16);
    memset(pixels + 16 * 16, 128, 16 * 16 / 2);
    /* Nobody said: white of the limited range. */
    CHECK(vsl_x_frame_colorimetry(yuv) == 0);
    CHECK(vsl_frame_copy(rgb, yuv, NULL) > 0);
    CHECK(*(uint8_t*) vsl_frame_mmap(rgb, NULL) >= 254);
    CHECK(vsl_x_frame_set_colorimetry(yuv, full) == 0);
    CHECK(vsl_frame_copy(rgb, yuv, NULL) > 0);
    CHECK(*(uint8_t*) vsl_frame_mmap(rgb, NULL) == 235);
    CHECK(vsl_x_frame_colorimetry(rgb) == full);
    vsl_frame_release(rgb);
    CHECK(vsl_host_post(host, yuv, 0, 0, 0, 0) == 0);
    vsl_client_set_timeout(client, 60);
    received = vsl_frame_wait(client, 0);
    CHECK(received != NULL && vsl_x_frame_colorimetry(received) == full);
    vsl_frame_release(received);
    vsl_client_release(client);
    vsl_host_release(host);
}

int main(void)
{
    snprintf(name, sizeof(name), "vsl_additions_%ld", (long) getpid());
    a_failure_is_told_in_words();
    a_client_can_be_polled();
    a_host_tells_how_it_does();
    colours_go_with_frames();
    return 0;
}
