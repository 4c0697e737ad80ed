/* One turn of the bench: `peer next` or `peer wake PATH` prints nanoseconds. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <videostream.h>

enum { NEXT = 2000, WARM_UP = 20, WIDTH = 1920, HEIGHT = 1080 };
static const int64_t SECOND = 1000000000;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void fail(const char* what)
{
    perror(what);
    exit(1);
}

/* Frames that are there, host and client in one thread. */
static void next(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/videostream-bench-%d", (int)getpid());
    VSLHost* host = vsl_host_init(path);
    if (!host) fail("vsl_host_init");
    VSLClient* client = vsl_client_init(path, NULL, false);
    if (!client) fail("vsl_client_init");
    vsl_host_process(host);
    for (int at = 0; at < NEXT + WARM_UP; at++) {
        VSLFrame* drawn =
            vsl_frame_init(WIDTH, HEIGHT, 0, VSL_FOURCC('N', 'V', '1', '2'), NULL, NULL);
        if (!drawn || vsl_frame_alloc(drawn, NULL)) fail("vsl_frame_alloc");
        if (vsl_host_post(host, drawn, now() + SECOND, 0, 0, 0)) fail("vsl_host_post");
        int64_t begin = now();
        VSLFrame* frame = vsl_frame_wait(client, 0);
        if (!frame) fail("vsl_frame_wait");
        size_t size;
        volatile void* luma = vsl_frame_mmap(frame, &size);
        int64_t took = now() - begin;
        if (!luma) fail("vsl_frame_mmap");
        if (at >= WARM_UP) printf("%lld\n", (long long)took);
        vsl_frame_release(frame);
    }
    vsl_client_release(client);
    vsl_host_release(host);
}

/* Sleeps until frames come. */
static void wake(const char* path)
{
    VSLClient* client = vsl_client_init(path, NULL, false);
    if (!client) fail("vsl_client_init");
    for (int at = 0; at < NEXT / 10 + WARM_UP; at++) {
        VSLFrame* frame = vsl_frame_wait(client, 0);
        if (!frame) fail("vsl_frame_wait");
        int64_t late = now() - vsl_frame_timestamp(frame);
        if (at >= WARM_UP) printf("%lld\n", (long long)late);
        vsl_frame_release(frame);
    }
    vsl_client_release(client);
}

int main(int argc, char** argv)
{
    if (argc > 2 && !strcmp(argv[1], "wake"))
        wake(argv[2]);
    else
        next();
    return 0;
}
