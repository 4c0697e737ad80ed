/* Host and clients in processes of their own, as two programs would be written from the
 * header alone. A client is killed, a host ends and comes again. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define NV12 VSL_FOURCC('N', 'V', '1', '2')
#define WIDTH 160
#define HEIGHT 120
#define CLIENTS 3
#define FRAMES 40
#define ROUNDS 2
#define LIFETIME 200000000LL

static char path[64];
static int  posted, ended;

/* ---- The program with the camera ---- */

static void count_end(VSLFrame* frame)
{
    (void) frame;
    ended++;
}

static void draw(VSLFrame* frame, int value)
{
    size_t size;
    void*  memory = vsl_frame_mmap(frame, &size);

    CHECK(memory != NULL);
    memset(memory, value, size);
    vsl_frame_munmap(frame);
}

static int clients_of(VSLHost* host)
{
    size_t sockets;

    CHECK(vsl_host_sockets(host, 0, NULL, &sockets) == 0);
    return (int) sockets - 1;
}

static void serve(VSLHost* host, int wait)
{
    if (vsl_host_poll(host, wait) > 0 || wait == 0) { CHECK(vsl_host_process(host) == 0); }
}

static void post_frame(VSLHost* host)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, NV12, NULL, count_end);
    int64_t   now   = vsl_timestamp();

    CHECK(frame != NULL);
    CHECK(vsl_frame_alloc(frame, NULL) == 0);
    draw(frame, ++posted);
    CHECK(vsl_host_post(host, frame, now + LIFETIME, 33333333, now, now) == 0);
    CHECK(vsl_frame_serial(frame) > 0);
}

/* Until as many clients are there. */
static void await_clients(VSLHost* host, int count)
{
    while (clients_of(host) != count) { serve(host, 10); }
}

/* Until every frame has ended. */
static void await_end(VSLHost* host)
{
    while (ended < posted) {
        serve(host, 5);
        CHECK(vsl_host_process(host) == 0);
    }
}

/* ---- The program that looks at frames ---- */

static void check_picture(VSLFrame* frame, unsigned char* value)
{
    size_t         size, at;
    unsigned char* memory = (unsigned char*) vsl_frame_mmap(frame, &size);

    CHECK(memory != NULL);
    CHECK(size == WIDTH * HEIGHT * 3 / 2);
    CHECK(vsl_frame_fourcc(frame) == NV12);
    CHECK(vsl_frame_width(frame) == WIDTH && vsl_frame_height(frame) == HEIGHT);
    *value = memory[0];
    for (at = 0; at < size; at++) { CHECK(memory[at] == *value); }
}

static void client_program(void)
{
    VSLClient*    client = vsl_client_init(path, NULL, true);
    VSLFrame*     frame;
    int64_t       last = 0;
    unsigned char value;
    int           seen = 0, restarts = 0;

    CHECK(client != NULL);
    vsl_client_set_timeout(client, 60);
    /* More than the first host has, so that some are the second's. */
    while (seen < FRAMES + FRAMES / 2) {
        frame = vsl_frame_wait(client, 0);
        CHECK(frame != NULL);
        if (vsl_frame_serial(frame) <= last) { restarts++; }
        last = vsl_frame_serial(frame);
        if (vsl_frame_trylock(frame) == 0) {
            check_picture(frame, &value);
            seen++;
            CHECK(vsl_frame_unlock(frame) == 0);
        } else {
            /* It has expired, or its host has ended meanwhile. */
            CHECK(errno == EEXIST || errno == ECONNRESET);
        }
        vsl_frame_release(frame);
    }
    CHECK(restarts < ROUNDS);
    vsl_client_release(client);
}

/* Locks two frames and never comes to unlock them. */
static void doomed_program(int ready)
{
    VSLClient* client = vsl_client_init(path, NULL, true);
    int        locked = 0;

    CHECK(client != NULL);
    vsl_client_set_timeout(client, 60);
    while (locked < 2) {
        VSLFrame* frame = vsl_frame_wait(client, 0);
        CHECK(frame != NULL);
        if (vsl_frame_trylock(frame) == 0) { locked++; }
    }
    CHECK(write(ready, "", 1) == 1);
    for (;;) { pause(); }
}

/* ---- Both ---- */

static pid_t start(void (*program)(void))
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        program();
        exit(0);
    }
    return child;
}

static void check_success(pid_t child)
{
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_killed_client_costs_nobody_a_frame(void)
{
    VSLHost* host;
    int      ready[2], flags, status;
    char     byte;
    pid_t    child;

    CHECK(pipe(ready) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) { doomed_program(ready[1]); }
    host = vsl_host_init(path);
    CHECK(host != NULL);
    await_clients(host, 1);
    for (flags = 0; flags == 0;) {
        fd_set         set;
        struct timeval none = { 0, 1000 };

        post_frame(host);
        serve(host, 0);
        FD_ZERO(&set);
        FD_SET(ready[0], &set);
        flags = select(ready[0] + 1, &set, NULL, NULL, &none);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    /* Two are locked: all others end. */
    while (ended < posted - 2) { serve(host, 0); }
    usleep(20000);
    serve(host, 0);
    CHECK(ended == posted - 2);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    await_clients(host, 0);
    await_end(host);
    vsl_host_release(host);
    CHECK(close(ready[0]) == 0 && close(ready[1]) == 0);
}

static void several_clients_see_every_picture(void)
{
    pid_t    clients[CLIENTS];
    VSLHost* host;
    int      at, round;

    for (at = 0; at < CLIENTS; at++) { clients[at] = start(client_program); }
    for (round = 1; round <= ROUNDS; round++) {
        host = vsl_host_init(path);
        CHECK(host != NULL);
        await_clients(host, CLIENTS);
        if (round < ROUNDS) {
            for (at = 0; at < FRAMES; at++) {
                post_frame(host);
                serve(host, 2);
            }
            await_end(host);
        } else {
            /* Until they have seen enough. */
            while (clients_of(host) > 0) {
                post_frame(host);
                serve(host, 2);
            }
        }
        vsl_host_release(host);
        CHECK(ended == posted);
    }
    for (at = 0; at < CLIENTS; at++) { check_success(clients[at]); }
}

/* Serves one client until it leaves. */
static void go_on_with(VSLHost* host, int over)
{
    await_clients(host, 1);
    while (clients_of(host) > 0) {
        post_frame(host);
        serve(host, 2);
    }
    vsl_host_release(host);
    CHECK(ended == posted);
    CHECK(write(over, "", 1) == 1 && close(over) == 0);
}

/* As by daemon(3): who has made the host is gone, and a child goes on with it. */
static void a_host_goes_on_in_a_child(void)
{
    VSLClient*    client;
    VSLFrame*     frame;
    unsigned char value;
    int           over[2], status, seen = 0;
    char          byte;
    pid_t         maker;

    CHECK(pipe(over) == 0);
    maker = fork();
    CHECK(maker >= 0);
    if (maker == 0) {
        VSLHost* host = vsl_host_init(path);
        pid_t    child;

        CHECK(close(over[0]) == 0 && host != NULL);
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            go_on_with(host, over[1]);
            exit(0);
        }
        CHECK(write(over[1], "", 1) == 1);
        for (;;) { pause(); }
    }
    /* Killed, so that no tool asks after what it leaves behind. */
    CHECK(close(over[1]) == 0 && read(over[0], &byte, 1) == 1);
    CHECK(kill(maker, SIGKILL) == 0);
    CHECK(waitpid(maker, &status, 0) == maker && WIFSIGNALED(status));
    client = vsl_client_init(path, NULL, false);
    CHECK(client != NULL);
    vsl_client_set_timeout(client, 60);
    while (seen < FRAMES / 4) {
        frame = vsl_frame_wait(client, 0);
        CHECK(frame != NULL);
        if (vsl_frame_trylock(frame) == 0) {
            check_picture(frame, &value);
            seen++;
        }
        vsl_frame_release(frame);
    }
    vsl_client_release(client);
    CHECK(read(over[0], &byte, 1) == 1 && close(over[0]) == 0);
}

static void endless_host(void)
{
    VSLHost* host = vsl_host_init(path);

    CHECK(host != NULL);
    for (;;) {
        post_frame(host);
        serve(host, 2);
    }
}

/* A program with a loop of its own asks, and never waits. */
static void a_killed_host_is_noticed_without_a_wait(void)
{
    VSLClient* client;
    VSLFrame*  frame;
    int        status;
    pid_t      child = start(endless_host);

    /* One that would reconnect finds the host, too, but would not be told of its end. */
    do {
        client = vsl_client_init(path, NULL, false);
    } while (client == NULL && errno == ECONNREFUSED);
    CHECK(client != NULL);
    vsl_client_set_timeout(client, 60);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL);
    vsl_frame_release(frame);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    vsl_client_set_timeout(client, 0);
    do {
        errno = 0;
        frame = vsl_frame_wait(client, 0);
        if (frame != NULL) { vsl_frame_release(frame); }
    } while (frame != NULL || errno == ETIMEDOUT);
    CHECK(errno == ECONNRESET);
    vsl_client_release(client);
    CHECK(unlink(path) == 0);
}

int main(void)
{
    snprintf(path, sizeof(path), "/tmp/vsl_pair_%ld", (long) getpid());
    a_killed_client_costs_nobody_a_frame();
    several_clients_see_every_picture();
    a_host_goes_on_in_a_child();
    a_killed_host_is_noticed_without_a_wait();
    CHECK(access(path, F_OK) == -1);
    return 0;
}
