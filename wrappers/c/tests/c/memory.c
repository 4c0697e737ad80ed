/* Host and client: the memory that frames lie in, of every kind, much of it, and always new. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "share.h"

static void many_frames_that_never_expire_are_kept(void)
{
    enum { FRAMES = 1200 };
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  first  = NULL;
    VSLFrame*  frame;
    int        fd     = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int        at;

    CHECK(fd > 2 && ftruncate(fd, BYTES) == 0);
    for (at = 1; at <= FRAMES; at++) {
        frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, count_end);
        CHECK(frame != NULL && vsl_frame_attach(frame, fd, 0, 0) == 0);
        post(host, frame, 0);
        CHECK(vsl_frame_serial(frame) == at);
        frame = vsl_frame_wait(client, 0);
        CHECK(frame != NULL && vsl_frame_serial(frame) == at);
        if (first == NULL) {
            first = frame;
            CHECK(vsl_frame_trylock(first) == 0);
        } else {
            vsl_frame_release(frame);
        }
    }
    CHECK(ended.calls == 0);
    check_filled(first, 0);
    vsl_frame_release(first);
    vsl_client_release(client);
    vsl_host_release(host);
    CHECK(ended.calls == FRAMES);
    CHECK(close(fd) == 0);
}

/* Memory of each kind; what the callback closes is a duplicate. */
static void post_attached(VSLHost* host, int fd, size_t offset)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, count_end);

    CHECK(frame != NULL);
    CHECK(vsl_frame_attach(frame, fd, 0, offset) == 0);
    post(host, frame, 60 * SECOND);
}

static void write_bytes(int fd, int value, size_t offset)
{
    static char bytes[BYTES];

    memset(bytes, value, sizeof(bytes));
    CHECK(pwrite(fd, bytes, sizeof(bytes), (off_t) offset) == BYTES);
}

static void memory_of_every_kind_is_shared(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    char       path[64];
    int        fds[4], at;

    snprintf(path, sizeof(path), "/vsl_test_fds_%ld", (long) getpid());
    fds[0] = memfd_create("sealable", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fds[1] = memfd_create("not sealable", MFD_CLOEXEC);
    fds[2] = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(shm_unlink(path) == 0);
    snprintf(path, sizeof(path), "/tmp/vsl_test_fds_%ld", (long) getpid());
    fds[3] = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(unlink(path) == 0);
    for (at = 0; at < 4; at++) {
        CHECK(fds[at] > 2);
        CHECK(ftruncate(fds[at], 3 * BYTES) == 0);
        write_bytes(fds[at], 10 + at, 0);
        write_bytes(fds[at], 20 + at, 100);
        post_attached(host, fds[at], 100);
        frame = vsl_frame_wait(client, 0);
        CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
        check_filled(frame, 20 + at);
        vsl_frame_release(frame);
        /* Again, with other contents, under another number. */
        write_bytes(fds[at], 30 + at, BYTES);
        post_attached(host, fds[at], BYTES);
        frame = vsl_frame_wait(client, 0);
        CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
        check_filled(frame, 30 + at);
        vsl_frame_release(frame);
        CHECK(close(fds[at]) == 0);
    }
    /* POSIX shared memory of the library's. */
    frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, count_end);
    snprintf(path, sizeof(path), "/vsl_test_named_%ld", (long) getpid());
    CHECK(frame != NULL && vsl_frame_alloc(frame, path) == 0);
    fill(frame, 77);
    post(host, frame, 60 * SECOND);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL);
    check_filled(frame, 77);
    vsl_frame_release(frame);
    vsl_client_release(client);
    vsl_host_release(host);
}

static void new_memory_for_every_frame_is_shared(void)
{
    enum { FRAMES = 200 };
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    int        at;

    for (at = 1; at <= FRAMES; at++) {
        post(host, new_frame(at), at % 3 == 0 ? 0 : -1 - vsl_timestamp());
        post(host, new_frame(at), 60 * SECOND);
        frame = vsl_frame_wait(client, 0);
        while (frame != NULL && vsl_frame_serial(frame) < 2 * at) {
            vsl_frame_release(frame);
            frame = vsl_frame_wait(client, 0);
        }
        CHECK(frame != NULL && vsl_frame_serial(frame) == 2 * at);
        CHECK(vsl_frame_trylock(frame) == 0);
        check_filled(frame, at);
        vsl_frame_release(frame);
    }
    vsl_client_release(client);
    vsl_host_release(host);
    CHECK(ended.calls == 2 * FRAMES);
}

int main(void)
{
    many_frames_that_never_expire_are_kept();
    memory_of_every_kind_is_shared();
    new_memory_for_every_frame_is_shared();
    return 0;
}
