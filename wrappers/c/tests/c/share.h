/* A host and a client in one thread, and frames that count their callbacks. */
#ifndef SHARE_H
#define SHARE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define RGBA VSL_FOURCC('R', 'G', 'B', 'A')
#define WIDTH 64
#define HEIGHT 32
#define BYTES (WIDTH * HEIGHT * 4)
#define SECOND 1000000000LL

static char name[64];

/* What the callback saw. */
static struct {
    int     calls;
    int64_t last;
    void*   userptr;
} ended;

static void count_end(VSLFrame* frame)
{
    ended.calls++;
    ended.last    = vsl_frame_serial(frame);
    ended.userptr = vsl_frame_userptr(frame);
    /* Memory of the frame's own is gone; a descriptor that was attached is the callback's. */
    if (vsl_frame_handle(frame) != -1) { CHECK(close(vsl_frame_handle(frame)) == 0); }
}

static VSLHost* new_host(void)
{
    static int number;
    VSLHost*   host;

    snprintf(name, sizeof(name), "vsl_test_%ld_%d", (long) getpid(), number++);
    host = vsl_host_init(name);
    CHECK(host != NULL);
    CHECK(strcmp(vsl_host_path(host), name) == 0);
    memset(&ended, 0, sizeof(ended));
    return host;
}

/* A client that the host has let in. */
static VSLClient* new_client(VSLHost* host)
{
    VSLClient* client = vsl_client_init(name, NULL, false);

    CHECK(client != NULL);
    /* Expected: nobody has posted anything. It goes in on the way. */
    vsl_client_set_timeout(client, 0);
    CHECK(vsl_host_poll(host, 60000) > 0);
    CHECK(vsl_host_process(host) == 0);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
    vsl_client_set_timeout(client, 60);
    return client;
}

static void fill(VSLFrame* frame, int value)
{
    size_t size;
    void*  memory = vsl_frame_mmap(frame, &size);

    CHECK(memory != NULL && size == (size_t) vsl_frame_size(frame));
    memset(memory, value, size);
    vsl_frame_munmap(frame);
}

static void check_filled(VSLFrame* frame, int value)
{
    size_t         size, at;
    unsigned char* memory = (unsigned char*) vsl_frame_mmap(frame, &size);

    CHECK(memory != NULL && size == (size_t) vsl_frame_size(frame));
    for (at = 0; at < size; at++) { CHECK(memory[at] == (unsigned char) value); }
}

static VSLFrame* new_frame(int value)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, &ended, count_end);

    CHECK(frame != NULL);
    CHECK(vsl_frame_alloc(frame, NULL) == 0);
    fill(frame, value);
    return frame;
}

static void post(VSLHost* host, VSLFrame* frame, int64_t lifetime)
{
    int64_t expires = lifetime == 0 ? 0 : vsl_timestamp() + lifetime;

    CHECK(vsl_host_post(host, frame, expires, 7, 8, 9) == 0);
}

#endif
