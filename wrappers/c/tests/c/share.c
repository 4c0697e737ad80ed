/* Host and client in one process and one thread: what each function does, step by step. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define RGBA VSL_FOURCC('R', 'G', 'B', 'A')
#define NV12 VSL_FOURCC('N', 'V', '1', '2')
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

static void a_frame_comes_with_everything(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  sent   = new_frame(0x5a);
    VSLFrame*  frame;
    int64_t    before = vsl_timestamp();
    int64_t    expires;

    expires = before + 60 * SECOND;
    CHECK(vsl_host_post(host, sent, expires, 7, -8, 9) == 0);
    CHECK(vsl_frame_serial(sent) == 1);
    CHECK(vsl_frame_timestamp(sent) >= before);
    CHECK_FAILS(vsl_host_post(host, sent, 0, 0, 0, 0) == -1, EBUSY);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL);
    CHECK(vsl_frame_serial(frame) == 1);
    CHECK(vsl_frame_timestamp(frame) == vsl_frame_timestamp(sent));
    CHECK(vsl_frame_duration(frame) == 7);
    CHECK(vsl_frame_pts(frame) == -8);
    CHECK(vsl_frame_dts(frame) == 9);
    CHECK(vsl_frame_expires(frame) == expires);
    CHECK(vsl_frame_fourcc(frame) == RGBA);
    CHECK(vsl_frame_width(frame) == WIDTH);
    CHECK(vsl_frame_height(frame) == HEIGHT);
    CHECK(vsl_frame_stride(frame) == 4 * WIDTH);
    CHECK(vsl_frame_size(frame) == BYTES);
    CHECK(vsl_frame_userptr(frame) == NULL);
    CHECK(vsl_frame_path(frame) == NULL);
    CHECK(vsl_frame_handle(frame) > 2);
    CHECK(fcntl(vsl_frame_handle(frame), F_GETFD) == FD_CLOEXEC);
    CHECK(vsl_frame_trylock(frame) == 0);
    CHECK(vsl_frame_trylock(frame) == 0);
    check_filled(frame, 0x5a);
    CHECK(vsl_frame_sync(frame, 1, O_RDONLY) == 0);
    CHECK(vsl_frame_sync(frame, 0, O_RDONLY) == 0);
    CHECK(vsl_frame_unlock(frame) == 0);
    CHECK(vsl_frame_unlock(frame) == 0);
    vsl_frame_release(frame);
    CHECK_FAILS(vsl_frame_trylock(sent) == -1, EINVAL);
    CHECK(vsl_frame_unlock(sent) == 0);
    vsl_client_set_timeout(client, 0.01f);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
    CHECK(ended.calls == 0);
    vsl_host_release(host);
    CHECK(ended.calls == 1 && ended.last == 1 && ended.userptr == &ended);
    vsl_client_release(client);
}

static void a_frame_ends_when_it_has_expired_and_nobody_holds_it(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    int        turn;

    post(host, new_frame(1), 60 * SECOND);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
    /* Behind it, one that is over at once; not in order. */
    CHECK(vsl_host_post(host, new_frame(2), -1, 0, 0, 0) == 0);
    CHECK(ended.calls == 0);
    CHECK(vsl_host_process(host) == 0);
    CHECK(ended.calls == 1 && ended.last == 2);
    /* One that expires while it is locked. */
    vsl_frame_release(frame);
    post(host, new_frame(3), 20000000);
    do {
        frame = vsl_frame_wait(client, 0);
    } while (frame == NULL);
    CHECK(vsl_frame_serial(frame) == 3);
    if (vsl_frame_trylock(frame) == 0) {
        usleep(30000);
        for (turn = 0; turn < 3; turn++) { CHECK(vsl_host_process(host) == 0); }
        CHECK(ended.calls == 1);
        check_filled(frame, 3);
        CHECK(vsl_frame_unlock(frame) == 0);
    } else {
        /* A slow machine. */
        CHECK(errno == EEXIST);
        usleep(30000);
    }
    CHECK(vsl_host_process(host) == 0);
    CHECK(ended.calls == 2 && ended.last == 3);
    CHECK_FAILS(vsl_frame_trylock(frame) == -1, EEXIST);
    vsl_frame_release(frame);
    vsl_client_release(client);
    vsl_host_release(host);
    CHECK(ended.calls == 3 && ended.last == 1);
}

static void a_frame_can_be_taken_back_and_posted_again(void)
{
    VSLHost*   host   = new_host();
    VSLHost*   other  = new_host();
    VSLHost*   hosts[2];
    VSLClient* client = new_client(other);
    VSLFrame*  frame  = new_frame(4);
    VSLFrame*  seen;
    int        turn;

    CHECK_FAILS(vsl_host_drop(other, frame) == -1, ENOENT);
    for (turn = 1; turn <= 3; turn++) {
        post(other, frame, 0);
        CHECK(vsl_frame_serial(frame) == turn);
        seen = vsl_frame_wait(client, 0);
        CHECK(seen != NULL);
        CHECK_FAILS(vsl_host_drop(host, frame) == -1, ENOENT);
        CHECK(vsl_host_drop(other, frame) == 0);
        CHECK_FAILS(vsl_host_drop(other, frame) == -1, ENOENT);
        CHECK_FAILS(vsl_frame_trylock(seen) == -1, EEXIST);
        vsl_frame_release(seen);
        check_filled(frame, 4);
        vsl_frame_munmap(frame);
    }
    /* Released by the program while the host has it. */
    post(other, frame, 0);
    vsl_frame_release(frame);
    CHECK(ended.calls == 1);
    /* Taken back, and released after its host. */
    frame = new_frame(5);
    post(other, frame, 0);
    CHECK(vsl_host_drop(other, frame) == 0);
    hosts[0] = host;
    hosts[1] = other;
    for (turn = 0; turn < 2; turn++) { vsl_host_release(hosts[turn]); }
    CHECK(ended.calls == 1);
    vsl_frame_release(frame);
    CHECK(ended.calls == 2);
    vsl_client_release(client);
}

static void a_client_waits_for_frames_from_a_time_on(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    VSLFrame*  second;

    post(host, new_frame(1), 60 * SECOND);
    second = new_frame(2);
    post(host, second, 60 * SECOND);
    frame = vsl_frame_wait(client, vsl_frame_timestamp(second));
    CHECK(frame != NULL && vsl_frame_serial(frame) == 2);
    vsl_frame_release(frame);
    vsl_client_set_timeout(client, 0.01f);
    post(host, new_frame(3), 60 * SECOND);
    CHECK_FAILS(vsl_frame_wait(client, vsl_timestamp() + SECOND) == NULL, ETIMEDOUT);
    vsl_client_release(client);
    vsl_host_release(host);
}

static void a_client_locks_twenty_frames(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frames[21];
    int        at;

    for (at = 0; at < 21; at++) {
        post(host, new_frame(at), 60 * SECOND);
        frames[at] = vsl_frame_wait(client, 0);
        CHECK(frames[at] != NULL && vsl_frame_serial(frames[at]) == at + 1);
        if (at < 20) {
            CHECK(vsl_frame_trylock(frames[at]) == 0);
        } else {
            CHECK_FAILS(vsl_frame_trylock(frames[at]) == -1, EMFILE);
        }
    }
    CHECK(vsl_frame_unlock(frames[7]) == 0);
    CHECK(vsl_frame_trylock(frames[20]) == 0);
    /* The client goes first: its frames stay, and keep their locks. */
    vsl_client_release(client);
    CHECK(vsl_frame_trylock(frames[7]) == -1);
    for (at = 0; at < 21; at++) {
        check_filled(frames[at], at);
        vsl_frame_release(frames[at]);
    }
    vsl_host_release(host);
    CHECK(ended.calls == 21);
}

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

static VSLHost* reentered;

static void post_another(VSLFrame* frame)
{
    VSLFrame* next;

    if (vsl_frame_serial(frame) < 5) {
        next = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, post_another);
        CHECK(next != NULL && vsl_frame_alloc(next, NULL) == 0);
        CHECK(vsl_host_post(reentered, next, -1, 0, 0, 0) == 0);
    }
    ended.calls++;
}

static void callbacks_may_call_the_host(void)
{
    VSLHost*  host  = new_host();
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, post_another);

    reentered = host;
    CHECK(frame != NULL && vsl_frame_alloc(frame, NULL) == 0);
    CHECK(vsl_host_post(host, frame, -1, 0, 0, 0) == 0);
    while (ended.calls < 5) { CHECK(vsl_host_process(host) == 0); }
    vsl_host_release(host);
    CHECK(ended.calls == 5);
}

static void a_program_holds_the_socket_loop_itself(void)
{
    VSLHost*      host = new_host();
    VSLClient*    clients[2];
    VSLFrame*     frame;
    struct pollfd fds[3];
    int           sockets[3];
    size_t        count = 0;
    int           at;

    CHECK(vsl_host_poll(host, 0) == 0);
    CHECK(vsl_host_sockets(host, 0, NULL, &count) == 0 && count == 1);
    CHECK(vsl_host_sockets(host, 1, sockets, NULL) == 0);
    for (at = 0; at < 2; at++) {
        clients[at] = vsl_client_init(name, &clients[at], false);
        CHECK(clients[at] != NULL);
        CHECK(vsl_client_userptr(clients[at]) == &clients[at]);
        CHECK(strcmp(vsl_client_path(clients[at]), name) == 0);
    }
    /* Polling the first descriptor alone, until both are in. */
    fds[0].fd     = sockets[0];
    fds[0].events = POLLIN;
    for (at = 0; at < 2; at++) {
        vsl_client_set_timeout(clients[at], 0);
        errno = 0;
        CHECK(vsl_frame_wait(clients[at], 0) == NULL && errno == ETIMEDOUT);
        CHECK(poll(fds, 1, at == 0 ? 60000 : 0) >= 0);
        CHECK(vsl_host_process(host) == 0);
        vsl_client_set_timeout(clients[at], 60);
    }
    CHECK(vsl_host_sockets(host, 3, sockets, &count) == 0 && count == 3);
    CHECK(vsl_host_service(host, sockets[0]) == 0);
    CHECK_FAILS(vsl_host_service(host, sockets[1]) == -1, ENOMSG);
    CHECK_FAILS(vsl_host_service(host, sockets[2]) == -1, ENOMSG);
    post(host, new_frame(1), 60 * SECOND);
    for (at = 0; at < 2; at++) {
        frame = vsl_frame_wait(clients[at], 0);
        CHECK(frame != NULL && vsl_frame_serial(frame) == 1);
        vsl_frame_release(frame);
    }
    vsl_client_release(clients[0]);
    CHECK(vsl_host_poll(host, 60000) == 1);
    for (at = 0; at < 3; at++) {
        fds[at].fd     = sockets[at];
        fds[at].events = POLLIN;
    }
    CHECK(poll(fds, 3, 60000) == 2);
    at = fds[1].revents != 0 ? 1 : 2;
    CHECK_FAILS(vsl_host_service(host, sockets[at]) == -1, ECONNRESET);
    CHECK(vsl_host_process(host) == 0);
    CHECK(vsl_host_sockets(host, 0, NULL, &count) == 0 && count == 2);
    CHECK_FAILS(vsl_host_service(host, sockets[at]) == -1, EBADF);
    vsl_client_release(clients[1]);
    vsl_host_release(host);
}

static void paths_are_names_and_files(void)
{
    char        path[200];
    struct stat seen;
    VSLHost*    host;
    VSLHost*    other;
    VSLClient*  client;
    int         fd, at;

    snprintf(path, sizeof(path), "/tmp/vsl_test_%ld", (long) getpid());
    CHECK_FAILS(vsl_client_init(path, NULL, false) == NULL, ECONNREFUSED);
    CHECK_FAILS(vsl_client_init("vsl_test_nobody", NULL, false) == NULL, ECONNREFUSED);
    umask(027);
    host = vsl_host_init(path);
    CHECK(host != NULL);
    CHECK(lstat(path, &seen) == 0 && S_ISSOCK(seen.st_mode) && (seen.st_mode & 0777) == 0750);
    CHECK_FAILS(vsl_host_init(path) == NULL, EADDRINUSE);
    client = vsl_client_init(path, NULL, false);
    CHECK(client != NULL);
    vsl_client_release(client);
    vsl_host_release(host);
    CHECK(lstat(path, &seen) == -1 && errno == ENOENT);
    /* Left behind. */
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(fd > 2);
    {
        struct {
            unsigned short family;
            char           path[108];
        } address;
        memset(&address, 0, sizeof(address));
        address.family = AF_UNIX;
        memcpy(address.path, path, strlen(path));
        CHECK(bind(fd, (struct sockaddr*) &address, sizeof(address)) == 0);
    }
    CHECK(close(fd) == 0);
    host = vsl_host_init(path);
    CHECK(host != NULL);
    vsl_host_release(host);
    /* Not a socket. */
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd > 2 && close(fd) == 0);
    CHECK_FAILS(vsl_host_init(path) == NULL, EADDRINUSE);
    CHECK_FAILS(vsl_client_init(path, NULL, false) == NULL, ECONNREFUSED);
    CHECK(unlink(path) == 0);
    CHECK_FAILS(vsl_host_init("/nowhere/at/all") == NULL, ENOENT);
    CHECK_FAILS(vsl_host_init("") == NULL, EINVAL);
    CHECK_FAILS(vsl_client_init("", NULL, true) == NULL, EINVAL);
    for (at = 0; at < 150; at++) { path[at] = 'x'; }
    path[108] = 0;
    CHECK_FAILS(vsl_host_init(path) == NULL, ENAMETOOLONG);
    CHECK_FAILS(vsl_client_init(path, NULL, true) == NULL, ENAMETOOLONG);
    path[107] = 0;
    host      = vsl_host_init(path);
    CHECK(host != NULL);
    other = vsl_host_init(path);
    CHECK(other == NULL && errno == EADDRINUSE);
    vsl_host_release(host);
}

static void a_host_that_ends_is_noticed_and_the_next_is_found(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    VSLFrame*  held;

    post(host, new_frame(6), 0);
    held = vsl_frame_wait(client, 0);
    CHECK(held != NULL && vsl_frame_trylock(held) == 0);
    vsl_host_release(host);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ECONNRESET);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ECONNREFUSED);
    host = vsl_host_init(name);
    CHECK(host != NULL);
    vsl_client_set_timeout(client, 0);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
    CHECK(vsl_host_process(host) == 0);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
    post(host, new_frame(7), 0);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL && vsl_frame_serial(frame) == 1);
    check_filled(frame, 7);
    check_filled(held, 6);
    vsl_frame_release(frame);
    CHECK(vsl_frame_unlock(held) == 0);
    CHECK_FAILS(vsl_frame_trylock(held) == -1, ECONNRESET);
    vsl_frame_release(held);
    vsl_client_release(client);
    vsl_host_release(host);
}

static void a_client_that_hangs_up_stays_so(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    size_t     count;

    post(host, new_frame(1), -1 + 2 * SECOND);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
    vsl_client_disconnect(client);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ESHUTDOWN);
    CHECK_FAILS(vsl_frame_trylock(frame) == -1, ESHUTDOWN);
    CHECK_FAILS(vsl_frame_unlock(frame) == -1, ESHUTDOWN);
    vsl_frame_release(frame);
    CHECK(vsl_host_process(host) == 0);
    CHECK(vsl_host_sockets(host, 0, NULL, &count) == 0 && count == 1);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ESHUTDOWN);
    vsl_client_release(client);
    /* One that was never let in. */
    client = vsl_client_init(name, NULL, true);
    CHECK(client != NULL);
    vsl_client_disconnect(client);
    vsl_client_disconnect(client);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ESHUTDOWN);
    vsl_client_release(client);
    vsl_host_release(host);
}

int main(void)
{
    a_frame_comes_with_everything();
    a_frame_ends_when_it_has_expired_and_nobody_holds_it();
    a_frame_can_be_taken_back_and_posted_again();
    a_client_waits_for_frames_from_a_time_on();
    a_client_locks_twenty_frames();
    many_frames_that_never_expire_are_kept();
    memory_of_every_kind_is_shared();
    new_memory_for_every_frame_is_shared();
    callbacks_may_call_the_host();
    a_program_holds_the_socket_loop_itself();
    paths_are_names_and_files();
    a_host_that_ends_is_noticed_and_the_next_is_found();
    a_client_that_hangs_up_stays_so();
    return 0;
}
