/* Host and client: paths, sockets, who comes and who goes. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "share.h"

/* Descriptors of a host, to be polled for reading. */
static void watch(struct pollfd* fds, const int* sockets, size_t count)
{
    size_t at;

    for (at = 0; at < count; at++) {
        fds[at].fd     = sockets[at];
        fds[at].events = POLLIN;
    }
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
    for (at = 0; at < 2; at++) {
        vsl_client_set_timeout(clients[at], 0);
        errno = 0;
        CHECK(vsl_frame_wait(clients[at], 0) == NULL && errno == ETIMEDOUT);
        vsl_client_set_timeout(clients[at], 60);
    }
    /* Both have said hello before anybody looks. */
    watch(fds, sockets, 1);
    CHECK(poll(fds, 1, 60000) == 1);
    CHECK(vsl_host_process(host) == 0);
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
    watch(fds, sockets, 3);
    CHECK(poll(fds, 3, 60000) == 1);
    at = fds[1].revents != 0 ? 1 : 2;
    CHECK_FAILS(vsl_host_service(host, sockets[at]) == -1, ECONNRESET);
    CHECK(vsl_host_process(host) == 0);
    CHECK(vsl_host_sockets(host, 0, NULL, &count) == 0 && count == 2);
    CHECK_FAILS(vsl_host_service(host, sockets[at]) == -1, EBADF);
    vsl_client_release(clients[1]);
    vsl_host_release(host);
}

/* Programs ask the first descriptor for its name, and may accept on it. */
static void the_first_socket_listens(void)
{
    struct sockaddr_un address;
    socklen_t          length = sizeof(address);
    VSLHost*           host   = new_host();
    int                sockets[1], type = 0, yes = 0, knocker, accepted;

    CHECK(vsl_host_sockets(host, 1, sockets, NULL) == 0);
    CHECK(getsockname(sockets[0], (struct sockaddr*) &address, &length) == 0);
    /* An abstract name: a NUL comes before it. */
    CHECK(address.sun_family == AF_UNIX && address.sun_path[0] == 0);
    CHECK(memcmp(address.sun_path + 1, name, strlen(name)) == 0);
    knocker = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(knocker >= 0 && connect(knocker, (struct sockaddr*) &address, length) == 0);
    accepted = accept(sockets[0], NULL, NULL);
    CHECK(accepted >= 0 && close(accepted) == 0 && close(knocker) == 0);
    CHECK_FAILS(accept(sockets[0], NULL, NULL) == -1, EAGAIN);
    length = sizeof(type);
    CHECK(getsockopt(sockets[0], SOL_SOCKET, SO_TYPE, &type, &length) == 0);
    CHECK(type == SOCK_SEQPACKET);
    length = sizeof(yes);
    CHECK(getsockopt(sockets[0], SOL_SOCKET, SO_ACCEPTCONN, &yes, &length) == 0 && yes == 1);
    vsl_host_release(host);
}

/* As old hosts do it: every descriptor is polled, and served one by one. */
static void each_socket_is_polled_and_served(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = vsl_client_init(name, NULL, true);
    VSLFrame*  frame  = NULL;
    int        sockets[8];
    size_t     count, at;

    CHECK(client != NULL);
    vsl_client_set_timeout(client, 0);
    while (frame == NULL) {
        struct pollfd fds[8];

        frame = vsl_frame_wait(client, 0);
        CHECK(vsl_host_sockets(host, 8, sockets, &count) == 0 && count >= 1 && count <= 2);
        watch(fds, sockets, count);
        CHECK(poll(fds, (nfds_t) count, 10) >= 0);
        if (fds[0].revents != 0) { CHECK(vsl_host_process(host) == 0); }
        for (at = 1; at < count; at++) {
            if (fds[at].revents != 0) {
                CHECK(vsl_host_service(host, sockets[at]) == 0 || errno == ENOMSG);
            }
        }
        if (count == 2) { post(host, new_frame(1), 60 * SECOND); }
    }
    check_filled(frame, 1);
    vsl_frame_release(frame);
    vsl_client_release(client);
    vsl_host_release(host);
}

/* A client only touches shared memory when it locks: the descriptors say so all the same. */
static void each_lock_and_release_makes_a_socket_readable(void)
{
    VSLHost*      host   = new_host();
    VSLClient*    client = new_client(host);
    struct pollfd fds[2];
    int           sockets[2], at;
    size_t        count;

    CHECK(vsl_host_sockets(host, 2, sockets, &count) == 0 && count == 2);
    watch(fds, sockets, count);
    for (at = 0; at < 20; at++) {
        VSLFrame* frame;

        post(host, new_frame(at), 60 * SECOND);
        frame = vsl_frame_wait(client, 0);
        CHECK(poll(fds, 2, 0) == 0);
        CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
        CHECK(poll(fds, 2, 60000) == 1 && fds[1].revents == POLLIN);
        CHECK(vsl_host_service(host, sockets[1]) == 0);
        CHECK(poll(fds, 2, 0) == 0);
        vsl_frame_release(frame);
        CHECK(poll(fds, 2, 60000) == 1 && fds[1].revents == POLLIN);
        CHECK(vsl_host_process(host) == 0);
        CHECK(poll(fds, 2, 0) == 0 && vsl_host_poll(host, 0) == 0);
    }
    vsl_client_release(client);
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
    /* Of this process alone. */
    path[snprintf(path, sizeof(path), "vsl_%ld_", (long) getpid())] = 'x';
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

static void a_client_moves_to_the_next_host(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    VSLFrame*  held;

    post(host, new_frame(6), 0);
    held = vsl_frame_wait(client, 0);
    CHECK(held != NULL && vsl_frame_trylock(held) == 0);
    /* Also by one that never waits. */
    vsl_client_set_timeout(client, 0);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
    vsl_host_release(host);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ECONNRESET);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ECONNREFUSED);
    host = vsl_host_init(name);
    CHECK(host != NULL);
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

    post(host, new_frame(1), 60 * SECOND);
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

/* ---- A process that can have no more descriptors ---- */

static int           taken[64], takens;
static struct rlimit usual;

/* So that what is left can be taken. */
static void allow_few_descriptors(void)
{
    struct rlimit few;
    int           lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);

    CHECK(lowest > 2 && close(lowest) == 0 && getrlimit(RLIMIT_NOFILE, &usual) == 0);
    few          = usual;
    few.rlim_cur = (rlim_t) lowest + 40;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
}

/* Takes all that are left, but for a few. */
static void leave_descriptors(int few)
{
    while (takens < 64 && (taken[takens] = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1) {
        takens++;
    }
    CHECK(takens < 64 && errno == EMFILE);
    while (few-- > 0) { CHECK(close(taken[--takens]) == 0); }
}

static void give_descriptors_back(void)
{
    while (takens > 0) { CHECK(close(taken[--takens]) == 0); }
}

/* Not in a circle: the one in reserve tells who knocks, after a while. */
static void a_host_without_descriptors_sleeps_in_its_poll(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = vsl_client_init(name, NULL, false);
    int        calls  = 0;

    CHECK(client != NULL);
    vsl_client_set_timeout(client, 0);
    allow_few_descriptors();
    leave_descriptors(0);
    do {
        CHECK(++calls <= 50);
        CHECK(vsl_host_poll(host, 60000) == 1 && vsl_host_process(host) == 0);
        errno = 0;
        CHECK(vsl_frame_wait(client, 0) == NULL);
    } while (errno == ETIMEDOUT);
    give_descriptors_back();
    CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
    vsl_client_release(client);
    client = new_client(host);
    vsl_client_release(client);
    vsl_host_release(host);
}

static void who_can_have_no_more_descriptors_is_told_so(void)
{
    VSLHost*   host  = new_host();
    VSLClient* client;
    VSLFrame*  frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, NULL);
    VSLFrame*  seen;
    int        at, is_in;

    CHECK(frame != NULL);
    allow_few_descriptors();
    leave_descriptors(0);
    CHECK_FAILS(vsl_host_init("vsl_test_nobody") == NULL, EMFILE);
    CHECK_FAILS(vsl_client_init(name, NULL, false) == NULL, EMFILE);
    CHECK_FAILS(vsl_frame_alloc(frame, NULL) == -1, EMFILE);
    CHECK_FAILS(vsl_frame_alloc(frame, "/vsl_test_none") == -1, EMFILE);
    /* valgrind takes the descriptor away when the object is there already. */
    (void) shm_unlink("/vsl_test_none");
    CHECK_FAILS(vsl_frame_attach(frame, 1, 0, 0) == -1, EMFILE);
    /* With some more each time, until it works. */
    for (at = 1, client = NULL; client == NULL; at++) {
        VSLHost* second;

        give_descriptors_back();
        leave_descriptors(at);
        errno  = 0;
        second = vsl_host_init("vsl_test_nobody");
        CHECK(second != NULL || errno == EMFILE);
        if (second != NULL) { vsl_host_release(second); }
        errno  = 0;
        client = vsl_client_init(name, NULL, false);
        CHECK(client != NULL || errno == EMFILE);
    }
    vsl_client_set_timeout(client, 0);
    for (at = 0, is_in = 0; !is_in; at++) {
        give_descriptors_back();
        CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
        CHECK(vsl_host_process(host) == 0);
        leave_descriptors(at);
        errno = 0;
        CHECK(vsl_frame_wait(client, 0) == NULL);
        CHECK(errno == EMFILE || errno == ETIMEDOUT);
        is_in = errno == ETIMEDOUT;
    }
    CHECK(at > 1);
    /* Memory that cannot come in is not lost for good. */
    give_descriptors_back();
    CHECK(vsl_frame_alloc(frame, NULL) == 0);
    fill(frame, 9);
    leave_descriptors(1);
    post(host, frame, 0);
    errno = 0;
    seen  = vsl_frame_wait(client, 0);
    /* valgrind limits what a process opens, and not what it receives. */
    CHECK(seen != NULL || errno == EMFILE);
    give_descriptors_back();
    if (seen == NULL) {
        CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
        CHECK(vsl_host_process(host) == 0);
        CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
        CHECK(vsl_host_drop(host, frame) == 0);
        post(host, frame, 0);
        vsl_client_set_timeout(client, 60);
        seen = vsl_frame_wait(client, 0);
        CHECK(seen != NULL && vsl_frame_serial(seen) == 2);
    }
    check_filled(seen, 9);
    vsl_frame_release(seen);
    CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
    vsl_client_release(client);
    vsl_host_release(host);
}

int main(void)
{
    a_program_holds_the_socket_loop_itself();
    the_first_socket_listens();
    each_socket_is_polled_and_served();
    each_lock_and_release_makes_a_socket_readable();
    paths_are_names_and_files();
    a_client_moves_to_the_next_host();
    a_client_that_hangs_up_stays_so();
    a_host_without_descriptors_sleeps_in_its_poll();
    who_can_have_no_more_descriptors_is_told_so();
    return 0;
}
