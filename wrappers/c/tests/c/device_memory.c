/* A host that shares the memory of devices, and clients in processes of their own that look at
 * it: of a dma-heap, of udmabuf, and of a camera's buffers. Its argument is the camera. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define NV12 VSL_FOURCC('N', 'V', '1', '2')
/* Whole pages in every kernel. */
#define WIDTH 512
#define HEIGHT 256
#define BYTES (WIDTH * HEIGHT * 3 / 2)
#define HEAP "/dev/dma_heap/system"
#define SECOND 1000000000LL
/* A size of the camera's. */
#define CAMERA_WIDTH 640
#define CAMERA_HEIGHT 360
#define CAMERA_BUFFERS 6
#define HELD 2
#define SEEN 12

static char        path[64];
static int         posted, ended;
static vsl_camera* camera;

/* No process outlives it, nor the five minutes that its test has. */
static void set_watchdog(void)
{
    alarm(240);
}

/* ---- Both sides ---- */

static int64_t sum_of(const void* memory, size_t size)
{
    const unsigned char* bytes = (const unsigned char*) memory;
    uint32_t             sum   = 1;
    size_t               at;

    for (at = 0; at < size; at++) { sum = sum * 31 + bytes[at]; }
    return sum;
}

static int64_t inode_of(int fd)
{
    struct stat seen;

    CHECK(fstat(fd, &seen) == 0);
    return (int64_t) seen.st_ino;
}

static void check_dma_buf(VSLFrame* frame)
{
    char    link[64], target[64];
    ssize_t length;

    CHECK(vsl_frame_handle(frame) > 2);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", vsl_frame_handle(frame));
    length = readlink(link, target, sizeof(target));
    CHECK(length >= 8 && memcmp(target, "/dmabuf:", 8) == 0);
    CHECK(vsl_frame_sync(frame, 1, O_RDONLY) == 0);
    CHECK(vsl_frame_sync(frame, 0, O_RDONLY) == 0);
    /* This kernel does not expose physical addresses. */
    CHECK_FAILS(vsl_frame_paddr(frame) == -1, ENOTTY);
}

/* ---- The clients ---- */

/* What is in the frame is what the host saw, in the memory that the host has. */
static void check_picture(VSLFrame* frame)
{
    size_t size;
    void*  memory;

    check_dma_buf(frame);
    CHECK(vsl_frame_path(frame) == NULL);
    CHECK(inode_of(vsl_frame_handle(frame)) == vsl_frame_dts(frame));
    memory = vsl_frame_mmap(frame, &size);
    CHECK(memory != NULL && size == (size_t) vsl_frame_size(frame));
    CHECK(sum_of(memory, size) == vsl_frame_pts(frame));
}

/* Looks at frames until it has seen enough of them. */
static void client_program(int frames)
{
    VSLClient* client = vsl_client_init(path, NULL, true);
    int64_t    last   = 0;
    int        seen   = 0;

    CHECK(client != NULL);
    vsl_client_set_timeout(client, 60);
    while (seen < frames) {
        VSLFrame* frame = vsl_frame_wait(client, 0);

        CHECK(frame != NULL);
        CHECK(vsl_frame_serial(frame) > last);
        last = vsl_frame_serial(frame);
        if (vsl_frame_trylock(frame) == 0) {
            check_picture(frame);
            CHECK(vsl_frame_unlock(frame) == 0);
            seen++;
        } else {
            CHECK(errno == EEXIST);
        }
        vsl_frame_release(frame);
    }
    vsl_client_release(client);
}

/* Locks and maps frames, and never comes to unlock them. */
static void doomed_program(int ready)
{
    VSLClient* client = vsl_client_init(path, NULL, true);
    int        held   = 0;

    CHECK(client != NULL);
    vsl_client_set_timeout(client, 60);
    while (held < HELD) {
        VSLFrame* frame = vsl_frame_wait(client, 0);

        CHECK(frame != NULL);
        if (vsl_frame_trylock(frame) == 0) {
            check_picture(frame);
            held++;
        }
    }
    CHECK(write(ready, "", 1) == 1);
    for (;;) { pause(); }
}

static pid_t start_client(int frames)
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        set_watchdog();
        client_program(frames);
        exit(0);
    }
    return child;
}

/* ---- The host ---- */

static void serve(VSLHost* host, int wait)
{
    CHECK(vsl_host_poll(host, wait) >= 0);
    CHECK(vsl_host_process(host) == 0);
}

static int clients_of(VSLHost* host)
{
    size_t sockets;

    CHECK(vsl_host_sockets(host, 0, NULL, &sockets) == 0);
    return (int) sockets - 1;
}

static void await_clients(VSLHost* host, int count)
{
    while (clients_of(host) != count) { serve(host, 10); }
}

/* Serves until a client has ended, which has to have found everything as it should be. */
static void await_success(VSLHost* host, pid_t child)
{
    int status;

    while (waitpid(child, &status, WNOHANG) == 0) { serve(host, 5); }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void count_end(VSLFrame* frame)
{
    (void) frame;
    ended++;
}

/* Posts a frame, with what a client is to find. */
static void post(VSLHost* host, VSLFrame* frame, int64_t lifetime)
{
    size_t  size;
    void*   memory = vsl_frame_mmap(frame, &size);
    int64_t sum, inode = inode_of(vsl_frame_handle(frame));

    CHECK(memory != NULL);
    sum = sum_of(memory, size);
    vsl_frame_munmap(frame);
    CHECK(vsl_host_post(host, frame, vsl_timestamp() + lifetime, 0, sum, inode) == 0);
    posted++;
}

static void fill(VSLFrame* frame, int value)
{
    size_t         size, at;
    unsigned char* memory = (unsigned char*) vsl_frame_mmap(frame, &size);

    CHECK(memory != NULL && size == BYTES);
    for (at = 0; at < size; at++) { memory[at] = (unsigned char) (value + at / 7); }
    vsl_frame_munmap(frame);
}

/* Named, or as the best that there is. */
static VSLFrame* of_heap(const char* name)
{
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, NV12, NULL, count_end);

    CHECK(frame != NULL && vsl_frame_alloc(frame, name) == 0);
    CHECK(strcmp(vsl_frame_path(frame), HEAP) == 0);
    return frame;
}

/* The descriptor belongs to the callback, which closes it. */
static void close_and_count(VSLFrame* frame)
{
    CHECK(close(vsl_frame_handle(frame)) == 0);
    ended++;
}

static VSLFrame* of_udmabuf(void)
{
    VSLFrame*             frame  = vsl_frame_init(WIDTH, HEIGHT, 0, NV12, NULL, close_and_count);
    int                   device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memory;
    struct udmabuf_create create;

    CHECK(device >= 0);
    memory = memfd_create("pages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(memory >= 0 && ftruncate(memory, BYTES) == 0);
    CHECK(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    memset(&create, 0, sizeof(create));
    create.memfd = (uint32_t) memory;
    create.flags = UDMABUF_FLAGS_CLOEXEC;
    create.size  = BYTES;
    memory = ioctl(device, UDMABUF_CREATE, &create);
    CHECK(memory >= 0);
    CHECK(frame != NULL && vsl_frame_attach(frame, memory, 0, 0) == 0);
    CHECK(vsl_frame_path(frame) == NULL);
    CHECK(close(memory) == 0 && close((int) create.memfd) == 0 && close(device) == 0);
    return frame;
}

static void dma_bufs_of_every_kind_are_shared(void)
{
    enum { EACH = 4 };
    VSLHost* host;
    pid_t    client = start_client(2 * EACH);
    int      at;

    host = vsl_host_init(path);
    CHECK(host != NULL);
    await_clients(host, 1);
    for (at = 0; at < 2 * EACH; at++) {
        VSLFrame* frame = at % 2 == 1 ? of_udmabuf() : of_heap(at % 4 == 0 ? HEAP : NULL);

        check_dma_buf(frame);
        fill(frame, at);
        post(host, frame, 60 * SECOND);
    }
    await_success(host, client);
    CHECK(ended == 0);
    vsl_host_release(host);
    CHECK(ended == posted);
}

/* The driver gets its buffer back. */
static void give_back(VSLFrame* frame)
{
    const vsl_camera_buffer* buffer = (const vsl_camera_buffer*) vsl_frame_userptr(frame);

    CHECK(close(vsl_frame_handle(frame)) == 0);
    CHECK(vsl_camera_release_buffer(camera, buffer) == 0);
    ended++;
}

/* Shares the next picture, if the camera has a buffer for it. */
static void share_picture(VSLHost* host)
{
    vsl_camera_buffer* buffer;
    VSLFrame*          frame;
    void*              pixels;
    size_t             size;

    if (vsl_camera_get_queued_buf_count(camera) == 0) {
        serve(host, 5);
        return;
    }
    buffer = vsl_camera_get_data(camera);
    if (buffer == NULL) {
        CHECK(errno == ETIMEDOUT);
        return;
    }
    frame = vsl_frame_init(CAMERA_WIDTH, CAMERA_HEIGHT, vsl_camera_buffer_bytes_per_line(buffer),
                           NV12, buffer, give_back);
    CHECK(frame != NULL);
    CHECK(vsl_frame_attach(frame, vsl_camera_buffer_dma_fd(buffer), 0, 0) == 0);
    check_dma_buf(frame);
    pixels = vsl_frame_mmap(frame, &size);
    CHECK(pixels != NULL && size <= vsl_camera_buffer_length(buffer));
    CHECK(memcmp(pixels, vsl_camera_buffer_mmap(buffer), size) == 0);
    post(host, frame, SECOND / 5);
    serve(host, 0);
}

static void start_camera(const char* device)
{
    int      width = CAMERA_WIDTH, height = CAMERA_HEIGHT, buffers = CAMERA_BUFFERS;
    uint32_t fourcc = NV12;

    camera = vsl_camera_open_device(device);
    CHECK(camera != NULL);
    CHECK(vsl_camera_init_device(camera, &width, &height, &buffers, &fourcc) == 0);
    CHECK(width == CAMERA_WIDTH && height == CAMERA_HEIGHT && fourcc == NV12);
    CHECK(buffers == CAMERA_BUFFERS);
    CHECK(vsl_camera_is_dmabuf_supported(camera));
    CHECK(vsl_camera_start_capturing(camera) == 0);
}

static void a_killed_client_costs_a_camera_no_buffer(const char* device)
{
    VSLHost*      host;
    int           ready[2], status;
    char          byte;
    pid_t         doomed, other;
    struct pollfd said;

    CHECK(pipe(ready) == 0);
    doomed = fork();
    CHECK(doomed >= 0);
    if (doomed == 0) {
        set_watchdog();
        doomed_program(ready[1]);
    }
    posted = ended = 0;
    host           = vsl_host_init(path);
    CHECK(host != NULL);
    start_camera(device);
    await_clients(host, 1);
    said.fd     = ready[0];
    said.events = POLLIN;
    while (poll(&said, 1, 0) == 0) { share_picture(host); }
    CHECK(read(ready[0], &byte, 1) == 1);
    /* Everything comes back but what is locked. */
    while (ended < posted - HELD) { serve(host, 5); }
    CHECK(ended == posted - HELD);
    CHECK(vsl_camera_get_queued_buf_count(camera) == CAMERA_BUFFERS - HELD);
    CHECK(kill(doomed, SIGKILL) == 0);
    CHECK(waitpid(doomed, &status, 0) == doomed && WIFSIGNALED(status));
    while (ended < posted) { serve(host, 5); }
    CHECK(clients_of(host) == 0);
    CHECK(vsl_camera_get_queued_buf_count(camera) == CAMERA_BUFFERS);
    /* The host goes on. */
    other = start_client(SEEN);
    while (waitpid(other, &status, WNOHANG) == 0) { share_picture(host); }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    while (ended < posted) { serve(host, 5); }
    CHECK(vsl_camera_get_queued_buf_count(camera) == CAMERA_BUFFERS);
    CHECK(vsl_camera_stop_capturing(camera) == 0);
    vsl_camera_uninit_device(camera);
    vsl_camera_close_device(camera);
    vsl_host_release(host);
    CHECK(close(ready[0]) == 0 && close(ready[1]) == 0);
}

int main(int argc, char** argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CAMERA\n", argv[0]);
        return EXIT_FAILURE;
    }
    set_watchdog();
    snprintf(path, sizeof(path), "/tmp/vsl_memory_%ld", (long) getpid());
    dma_bufs_of_every_kind_are_shared();
    a_killed_client_costs_a_camera_no_buffer(argv[1]);
    CHECK(access(path, F_OK) == -1);
    return 0;
}
