/* What a program should not do and the library survives: with errno set, and no harm to
 * other threads do meanwhile. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

/* vsl_frame_register. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define RGBA VSL_FOURCC('R', 'G', 'B', 'A')
#define WIDTH 32
#define HEIGHT 16
#define BYTES (WIDTH * HEIGHT * 4)
#define THREADS 4

static char name[64];

static void nothing(VSLFrame* frame)
{
    (void) frame;
}

static void null_is_refused_everywhere(void)
{
    size_t count = 7;

    CHECK_FAILS(vsl_host_init(NULL) == NULL, EINVAL);
    CHECK_FAILS((vsl_host_release(NULL), 1), EINVAL);
    CHECK_FAILS(vsl_host_path(NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_host_poll(NULL, 0) == -1, EINVAL);
    CHECK_FAILS(vsl_host_poll(NULL, -1) == -1, EINVAL);
    CHECK_FAILS(vsl_host_service(NULL, 0) == -1, EINVAL);
    CHECK_FAILS(vsl_host_process(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_host_sockets(NULL, 1, NULL, &count) == -1, EINVAL);
    CHECK(count == 7);
    CHECK_FAILS(vsl_host_post(NULL, NULL, 0, 0, 0, 0) == -1, EINVAL);
    CHECK_FAILS(vsl_host_drop(NULL, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_client_init(NULL, NULL, false) == NULL, EINVAL);
    CHECK_FAILS(vsl_client_init(NULL, NULL, true) == NULL, EINVAL);
    CHECK_FAILS((vsl_client_release(NULL), 1), EINVAL);
    CHECK_FAILS((vsl_client_disconnect(NULL), 1), EINVAL);
    CHECK_FAILS(vsl_client_userptr(NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_client_path(NULL) == NULL, EINVAL);
    CHECK_FAILS((vsl_client_set_timeout(NULL, 1), 1), EINVAL);
    CHECK_FAILS(vsl_frame_wait(NULL, 0) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_trylock(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_unlock(NULL) == -1, EINVAL);
    CHECK_FAILS((vsl_frame_release(NULL), 1), EINVAL);
}

static void a_host_is_not_harmed_by_wrong_arguments(void)
{
    VSLHost*  host = vsl_host_init(name);
    VSLFrame* frame;
    int       pipes[2], sockets[2], fd;
    char      path[64];

    CHECK(host != NULL);
    CHECK_FAILS(vsl_host_post(host, NULL, 0, 0, 0, 0) == -1, EINVAL);
    CHECK_FAILS(vsl_host_drop(host, NULL) == -1, EINVAL);
    CHECK(vsl_host_sockets(host, 0, NULL, NULL) == 0);
    CHECK(vsl_host_sockets(host, SIZE_MAX, NULL, NULL) == 0);
    CHECK_FAILS(vsl_host_service(host, -1) == -1, EBADF);
    CHECK_FAILS(vsl_host_service(host, INT_MAX) == -1, EBADF);
    CHECK_FAILS(vsl_host_service(host, INT_MIN) == -1, EBADF);
    CHECK(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    CHECK_FAILS(vsl_host_service(host, pipes[0]) == -1, ENOTSOCK);
    CHECK_FAILS(vsl_host_service(host, sockets[0]) == -1, EINVAL);
    CHECK(vsl_host_poll(host, 0) == 0);
    CHECK(vsl_host_process(host) == 0);

    /* Memory that cannot be mapped or is too short. */
    frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, NULL);
    CHECK(frame != NULL);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EBADF);
    CHECK_FAILS(vsl_host_drop(host, frame) == -1, ENOENT);
    CHECK(vsl_frame_attach(frame, pipes[0], 0, 0) == 0);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EINVAL);
    CHECK(vsl_frame_attach(frame, sockets[0], 0, 0) == 0);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EINVAL);
    fd = memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd > 2);
    CHECK(vsl_frame_attach(frame, fd, 0, 0) == 0);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EINVAL);
    CHECK(ftruncate(fd, BYTES) == 0);
    CHECK(vsl_frame_attach(frame, fd, BYTES, 1) == 0);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EINVAL);
    CHECK(vsl_frame_attach(frame, fd, SSIZE_MAX, 0) == 0);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_attach(frame, fd, SIZE_MAX, SIZE_MAX) == -1, EINVAL);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EBADF);
    snprintf(path, sizeof(path), "/tmp/vsl_misuse_%ld", (long) getpid());
    CHECK(close(fd) == 0);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd > 2 && unlink(path) == 0);
    CHECK(vsl_frame_attach(frame, fd, 0, 0) == 0);
    CHECK_FAILS(vsl_host_post(host, frame, 0, 0, 0, 0) == -1, EINVAL);
    CHECK(close(fd) == 0);
    fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    CHECK(fd > 2);
    CHECK(vsl_frame_attach(frame, fd, 0, 0) == 0);
    CHECK(vsl_host_post(host, frame, 0, 0, 0, 0) == -1);
    CHECK(close(fd) == 0);
    /* Times at the ends of what there is. */
    CHECK(vsl_frame_alloc(frame, NULL) == 0);
    CHECK(vsl_host_post(host, frame, INT64_MAX, INT64_MIN, INT64_MIN, INT64_MAX) == 0);
    CHECK(vsl_host_process(host) == 0);
    CHECK(vsl_host_drop(host, frame) == 0);
    CHECK(vsl_host_post(host, frame, INT64_MIN, 0, 0, 0) == 0);
    CHECK(vsl_host_process(host) == 0);

    CHECK_FAILS(vsl_frame_register(host, 0, -1, WIDTH, HEIGHT, RGBA, 0, 0, 0, 0, 0, 0, nothing,
                                   NULL) == NULL,
                EBADF);
    CHECK_FAILS(vsl_frame_register(host, 0, pipes[0], WIDTH, HEIGHT, 0, 0, 0, 0, 0, 0, 0, NULL,
                                   NULL) == NULL,
                EINVAL);
    CHECK_FAILS(vsl_frame_register(host, 0, pipes[0], -1, INT_MIN, RGBA, 0, 0, 0, 0, 0, 0, NULL,
                                   NULL) == NULL,
                EINVAL);
    CHECK_FAILS(vsl_frame_register(NULL, 0, pipes[0], WIDTH, HEIGHT, RGBA, 0, 0, 0, 0, 0, 0,
                                   NULL, NULL) == NULL,
                EINVAL);
    CHECK_FAILS(vsl_frame_register(host, 0, pipes[0], WIDTH, HEIGHT, VSL_FOURCC('H', '2', '6', '4'),
                                   0, 0, 0, 0, 0, 0, NULL, NULL) == NULL,
                ENOTSUP);
    CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0);
    CHECK(close(sockets[0]) == 0 && close(sockets[1]) == 0);
    vsl_host_release(host);
}

static void frames_outlive_their_host_and_client(void)
{
    VSLHost*   host   = vsl_host_init(name);
    VSLClient* client = vsl_client_init(name, NULL, false);
    VSLFrame*  dropped;
    VSLFrame*  received;

    CHECK(host != NULL && client != NULL);
    CHECK(vsl_host_process(host) == 0);
    vsl_client_set_timeout(client, 60);
    dropped = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, NULL);
    CHECK(dropped != NULL && vsl_frame_alloc(dropped, NULL) == 0);
    CHECK(vsl_frame_register(host, 0, vsl_frame_handle(dropped), WIDTH, HEIGHT, RGBA, 0, 0, 0,
                             0, 0, 0, NULL, NULL) != NULL);
    received = vsl_frame_wait(client, 0);
    CHECK(received != NULL && vsl_frame_trylock(received) == 0);
    CHECK(vsl_host_post(host, dropped, 0, 0, 0, 0) == 0);
    CHECK(vsl_host_drop(host, dropped) == 0);
    vsl_host_release(host);
    vsl_client_release(client);
    CHECK(vsl_frame_mmap(dropped, NULL) != NULL);
    CHECK(vsl_frame_mmap(received, NULL) != NULL);
    CHECK(vsl_frame_unlock(received) == 0);
    CHECK_FAILS(vsl_frame_trylock(received) == -1, ECONNRESET);
    /* A received frame can be given other memory, as any frame. */
    CHECK(vsl_frame_alloc(received, NULL) == 0);
    CHECK(vsl_frame_mmap(received, NULL) != NULL);
    vsl_frame_release(dropped);
    vsl_frame_release(received);
    /* Once more: seen, since the place is kept for the next frame. */
    CHECK_FAILS((vsl_frame_release(received), 1), EINVAL);
}

static void a_received_frame_can_be_passed_on(void)
{
    char       second[80];
    VSLHost*   hosts[2];
    VSLClient* clients[2];
    VSLFrame*  frame;
    int        at;

    snprintf(second, sizeof(second), "%s_second", name);
    hosts[0] = vsl_host_init(name);
    hosts[1] = vsl_host_init(second);
    for (at = 0; at < 2; at++) {
        clients[at] = vsl_client_init(at == 0 ? name : second, NULL, false);
        CHECK(hosts[at] != NULL && clients[at] != NULL);
        CHECK(vsl_host_process(hosts[at]) == 0);
        vsl_client_set_timeout(clients[at], 60);
    }
    frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, NULL);
    CHECK(frame != NULL && vsl_frame_alloc(frame, NULL) == 0);
    memset(vsl_frame_mmap(frame, NULL), 0x77, BYTES);
    CHECK(vsl_host_post(hosts[0], frame, 0, 0, 0, 0) == 0);
    frame = vsl_frame_wait(clients[0], 0);
    CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
    CHECK(vsl_host_post(hosts[1], frame, 0, 0, 0, 0) == 0);
    frame = vsl_frame_wait(clients[1], 0);
    CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
    CHECK(*(unsigned char*) vsl_frame_mmap(frame, NULL) == 0x77);
    vsl_frame_release(frame);
    for (at = 0; at < 2; at++) {
        vsl_client_release(clients[at]);
        vsl_host_release(hosts[at]);
    }
}

/* ---- Threads ---- */

static VSLClient* shared;
static int        is_over;

static void* use_client(void* argument)
{
    unsigned* count = (unsigned*) argument;

    while (!__atomic_load_n(&is_over, __ATOMIC_SEQ_CST)) {
        VSLFrame* frame = vsl_frame_wait(shared, 0);
        if (frame == NULL) {
            CHECK(errno == ETIMEDOUT || errno == ESHUTDOWN);
            continue;
        }
        if (vsl_frame_trylock(frame) == 0) {
            unsigned char* memory = (unsigned char*) vsl_frame_mmap(frame, NULL);
            CHECK(memory != NULL && memory[0] == memory[BYTES - 1]);
            ++*count;
            CHECK(vsl_frame_unlock(frame) == 0 || errno == ESHUTDOWN);
        }
        vsl_client_set_timeout(shared, 0.5f);
        CHECK(strcmp(vsl_client_path(shared), name) == 0);
        vsl_frame_release(frame);
    }
    return NULL;
}

static void* use_host(void* argument)
{
    VSLHost* host = (VSLHost*) argument;

    while (!__atomic_load_n(&is_over, __ATOMIC_SEQ_CST)) {
        VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, nothing);
        CHECK(frame != NULL && vsl_frame_alloc(frame, NULL) == 0);
        memset(vsl_frame_mmap(frame, NULL), (int) vsl_timestamp(), BYTES);
        vsl_frame_munmap(frame);
        if (vsl_host_post(host, frame, vsl_timestamp() + 5000000, 0, 0, 0) == -1) {
            CHECK(errno == ETIMEDOUT);
            vsl_frame_release(frame);
        }
        CHECK(vsl_host_poll(host, 1) >= 0);
        CHECK(vsl_host_process(host) == 0 || errno == ETIMEDOUT);
    }
    return NULL;
}

static void threads_share_a_host_and_a_client(void)
{
    VSLHost*  host = vsl_host_init(name);
    pthread_t hosts[2], clients[THREADS];
    unsigned  counts[THREADS] = { 0 };
    unsigned  total;
    int       at;

    CHECK(host != NULL);
    shared = vsl_client_init(name, NULL, true);
    CHECK(shared != NULL);
    for (at = 0; at < 2; at++) { CHECK(pthread_create(&hosts[at], NULL, use_host, host) == 0); }
    for (at = 0; at < THREADS; at++) {
        CHECK(pthread_create(&clients[at], NULL, use_client, &counts[at]) == 0);
    }
    /* While they race: until they have seen something, then the client hangs up. */
    do {
        usleep(20000);
        for (total = 0, at = 0; at < THREADS; at++) {
            total += __atomic_load_n(&counts[at], __ATOMIC_RELAXED);
        }
    } while (total < 50);
    vsl_client_disconnect(shared);
    usleep(20000);
    __atomic_store_n(&is_over, 1, __ATOMIC_SEQ_CST);
    for (at = 0; at < THREADS; at++) { CHECK(pthread_join(clients[at], NULL) == 0); }
    for (at = 0; at < 2; at++) { CHECK(pthread_join(hosts[at], NULL) == 0); }
    vsl_client_release(shared);
    vsl_host_release(host);
}

static void* wait_for_ever(void* argument)
{
    VSLClient* client = (VSLClient*) argument;

    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ESHUTDOWN);
    return NULL;
}

static void a_wait_ends_when_another_thread_hangs_up(void)
{
    int turn;

    /* With a host that has let it in, one that has not, and none. */
    for (turn = 0; turn < 3; turn++) {
        VSLHost*   host   = vsl_host_init(name);
        VSLClient* client = vsl_client_init(name, NULL, true);
        pthread_t  thread;

        CHECK(host != NULL && client != NULL);
        vsl_client_set_timeout(client, 1e30f);
        if (turn == 0) { CHECK(vsl_host_process(host) == 0); }
        if (turn == 2) { vsl_host_release(host); }
        CHECK(pthread_create(&thread, NULL, wait_for_ever, client) == 0);
        usleep(30000);
        vsl_client_disconnect(client);
        CHECK(pthread_join(thread, NULL) == 0);
        vsl_client_release(client);
        if (turn != 2) { vsl_host_release(host); }
    }
}

int main(void)
{
    snprintf(name, sizeof(name), "vsl_misuse_%ld", (long) getpid());
    null_is_refused_everywhere();
    a_host_is_not_harmed_by_wrong_arguments();
    frames_outlive_their_host_and_client();
    a_received_frame_can_be_passed_on();
    threads_share_a_host_and_a_client();
    a_wait_ends_when_another_thread_hangs_up();
    return 0;
}
