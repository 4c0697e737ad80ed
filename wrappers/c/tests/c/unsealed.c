/* Memory that can be cut short: shared where it lies with clients of the host's user, copied for
 * others. With the argument `others` it needs root, and has a client of another user. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "share.h"

#define OTHER_USER 4711

static VSLFrame* attached(int fd, size_t offset)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, NULL);

    CHECK(frame != NULL && vsl_frame_attach(frame, fd, 0, offset) == 0);
    return frame;
}

static void write_bytes(int fd, int value, size_t offset)
{
    static char bytes[BYTES];

    memset(bytes, value, sizeof(bytes));
    CHECK(pwrite(fd, bytes, sizeof(bytes), (off_t) offset) == BYTES);
}

static int is_same_file(int one, int other)
{
    struct stat a, b;

    CHECK(fstat(one, &a) == 0 && fstat(other, &b) == 0);
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int64_t copied(VSLHost* host)
{
    VSLXHostStats stats;

    CHECK(vsl_x_host_stats(host, &stats, sizeof(stats)) == 0);
    return (int64_t) stats.copied;
}

/* POSIX shared memory, a memfd that can't be sealed, a file: unlinked, of three frames each. */
static int new_memory(int kind)
{
    char path[64];
    int  fd;

    snprintf(path, sizeof(path), "%s/vsl_unsealed_%ld", kind == 2 ? "/tmp" : "", (long) getpid());
    if (kind == 0) {
        fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        CHECK(shm_unlink(path) == 0);
    } else if (kind == 1) {
        fd = memfd_create("not sealable", MFD_CLOEXEC);
    } else {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(unlink(path) == 0);
    }
    CHECK(fd > 2 && ftruncate(fd, 3 * BYTES) == 0);
    return fd;
}

static void check_next(VSLClient* client, int value)
{
    VSLFrame* frame = vsl_frame_wait(client, 0);

    CHECK(frame != NULL);
    check_filled(frame, value);
    vsl_frame_release(frame);
}

static void memory_is_shared_where_it_lies(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    int        kind;

    for (kind = 0; kind < 3; kind++) {
        int         fd     = new_memory(kind), round;
        int64_t     before = copied(host);
        struct stat stat;

        CHECK(fstat(fd, &stat) == 0);
        for (round = 0; round < 3; round++) {
            VSLFrame* frame;
            size_t    offset = (size_t) round * BYTES;

            write_bytes(fd, 10 + round, offset);
            post(host, attached(fd, offset), 60 * SECOND);
            frame = vsl_frame_wait(client, 0);
            CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
            check_filled(frame, 10 + round);
            /* Of a container's file system nobody can tell whether a process serves it. */
            if (kind < 2 || major(stat.st_dev) != 0) {
                CHECK(is_same_file(fd, vsl_frame_handle(frame)));
                write_bytes(fd, 20 + round, offset);
                check_filled(frame, 20 + round);
                CHECK(copied(host) == before);
            }
            vsl_frame_release(frame);
        }
        CHECK(close(fd) == 0);
        /* Memory of the library's own, between. */
        post(host, new_frame(40), 60 * SECOND);
        check_next(client, 40);
    }
    vsl_client_release(client);
    vsl_host_release(host);
}

/* The next frame of a client in a process of its own, which says what it saw. */
typedef struct {
    int  is_sealed;
    int  is_same; /* as the memory that the frames were posted in */
    char first, last;
} Seen;

static void other_process(uid_t user, int memory, int go, int say)
{
    VSLClient* client;
    char       byte;

    CHECK(setresuid(user, user, user) == 0);
    client = vsl_client_init(name, NULL, false);
    CHECK(client != NULL);
    vsl_client_set_timeout(client, 60);
    /* It has said hello: the host lets it in when it looks. */
    CHECK(write(say, "", 1) == 1);
    while (read(go, &byte, 1) == 1) {
        VSLFrame* frame = vsl_frame_wait(client, 0);
        char*     bytes;
        Seen      seen;

        CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
        bytes = (char*) vsl_frame_mmap(frame, NULL);
        CHECK(bytes != NULL);
        memset(&seen, 0, sizeof(seen));
        seen.is_sealed = (fcntl(vsl_frame_handle(frame), F_GET_SEALS) & F_SEAL_SHRINK) != 0;
        seen.is_same   = is_same_file(memory, vsl_frame_handle(frame));
        seen.first     = bytes[0];
        seen.last      = bytes[BYTES - 1];
        CHECK(write(say, &seen, sizeof(seen)) == (ssize_t) sizeof(seen));
        vsl_frame_release(frame);
    }
    vsl_client_release(client);
    _exit(0);
}

typedef struct {
    pid_t pid;
    int   go, answers;
} Other;

static Other start(uid_t user, int memory)
{
    Other other;
    int   go[2], say[2];
    char  byte;

    CHECK(pipe2(go, O_CLOEXEC) == 0 && pipe2(say, O_CLOEXEC) == 0);
    other.pid = fork();
    CHECK(other.pid >= 0);
    if (other.pid == 0) {
        CHECK(close(go[1]) == 0 && close(say[0]) == 0);
        other_process(user, memory, go[0], say[1]);
    }
    CHECK(close(go[0]) == 0 && close(say[1]) == 0);
    other.go      = go[1];
    other.answers = say[0];
    CHECK(read(other.answers, &byte, 1) == 1);
    return other;
}

static void let_in(VSLHost* host, uint32_t count)
{
    VSLXHostStats stats;

    do {
        CHECK(vsl_host_poll(host, 60000) >= 0 && vsl_host_process(host) == 0);
        CHECK(vsl_x_host_stats(host, &stats, sizeof(stats)) == 0);
    } while (stats.clients != count);
}

static void end(Other other)
{
    int status;

    CHECK(close(other.go) == 0 && close(other.answers) == 0);
    CHECK(waitpid(other.pid, &status, 0) == other.pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Posts a frame and has the others say what they see. */
static void check_seen(VSLHost* host, int fd, size_t offset, int value, const Other* own,
                       const Other* foreign)
{
    Seen seen;

    write_bytes(fd, value, offset);
    post(host, attached(fd, offset), 60 * SECOND);
    CHECK(write(own->go, "", 1) == 1);
    CHECK(read(own->answers, &seen, sizeof(seen)) == (ssize_t) sizeof(seen));
    CHECK(seen.is_same && !seen.is_sealed && seen.first == value && seen.last == value);
    if (foreign == NULL) { return; }
    CHECK(write(foreign->go, "", 1) == 1);
    CHECK(read(foreign->answers, &seen, sizeof(seen)) == (ssize_t) sizeof(seen));
    CHECK(!seen.is_same && seen.is_sealed && seen.first == value && seen.last == value);
}

static void other_users_get_a_copy(void)
{
    VSLHost* host;
    Other    own, foreign;
    int      fd = new_memory(0);

    CHECK(geteuid() == 0);
    /* A file's permissions let anybody in. */
    umask(0);
    snprintf(name, sizeof(name), "/tmp/vsl_unsealed_%ld.socket", (long) getpid());
    host = vsl_host_init(name);
    CHECK(host != NULL);
    own = start(0, fd);
    let_in(host, 1);
    check_seen(host, fd, 0, 1, &own, NULL);
    check_seen(host, fd, BYTES, 2, &own, NULL);
    CHECK(copied(host) == 0);
    foreign = start(OTHER_USER, fd);
    let_in(host, 2);
    check_seen(host, fd, 0, 3, &own, &foreign);
    check_seen(host, fd, 2 * BYTES, 4, &own, &foreign);
    CHECK(copied(host) == 2);
    end(foreign);
    let_in(host, 1);
    check_seen(host, fd, BYTES, 5, &own, NULL);
    CHECK(copied(host) == 2);
    /* Who comes now finds nothing that was copied before. */
    foreign = start(OTHER_USER, fd);
    let_in(host, 2);
    check_seen(host, fd, 0, 6, &own, &foreign);
    CHECK(copied(host) == 3);
    end(foreign);
    end(own);
    vsl_host_release(host);
    CHECK(close(fd) == 0);
}

int main(int count, char** arguments)
{
    if (count == 2 && strcmp(arguments[1], "others") == 0) {
        other_users_get_a_copy();
    } else {
        memory_is_shared_where_it_lies();
    }
    return 0;
}
