/* What surrounds a program: small stacks, a limit of file sizes, threads that are cancelled. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "share.h"

#define STACK (64 * 1024)
#define NV12 VSL_FOURCC('N', 'V', '1', '2')
#define H264 VSL_FOURCC('H', '2', '6', '4')

static VSLHost*   host;
static VSLClient* client;

/* Runs it in a thread with a small stack. */
static void in_a_small_thread(void* (*function)(void*))
{
    pthread_attr_t attributes;
    pthread_t      thread;

    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, STACK) == 0);
    CHECK(pthread_create(&thread, &attributes, function, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pthread_attr_destroy(&attributes) == 0);
}

static void* makes_a_host(void* nothing)
{
    host = new_host();
    return nothing;
}

static void* makes_a_client(void* nothing)
{
    client = new_client(host);
    return nothing;
}

static void* shares_frames(void* nothing)
{
    VSLFrame *frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, NULL), *came;
    int       fd    = memfd_create("test", MFD_CLOEXEC);
    size_t    count;

    post(host, new_frame(1), 60 * SECOND);
    came = vsl_frame_wait(client, 0);
    CHECK(came != NULL && vsl_frame_trylock(came) == 0);
    check_filled(came, 1);
    vsl_frame_release(came);
    CHECK(fd > 2 && ftruncate(fd, BYTES) == 0);
    CHECK(frame != NULL && vsl_frame_attach(frame, fd, 0, 0) == 0 && close(fd) == 0);
    post(host, frame, 60 * SECOND);
    came = vsl_frame_wait(client, 0);
    CHECK(came != NULL);
    vsl_frame_release(came);
    CHECK(vsl_host_process(host) == 0 && vsl_host_poll(host, 0) >= 0);
    CHECK(vsl_host_sockets(host, 0, NULL, &count) == 0 && count == 2);
    return nothing;
}

static void* looks_for_devices(void* nothing)
{
    vsl_v4l2_device_list_free(vsl_v4l2_enumerate());
    vsl_v4l2_find_camera(NV12);
    CHECK(vsl_camera_open_device("/dev/no such camera") == NULL);
    return nothing;
}

static void* copies_frames(void* nothing)
{
    VSLFrame* from = vsl_frame_init(320, 240, 0, NV12, NULL, NULL);
    VSLFrame* to   = vsl_frame_init(160, 120, 0, VSL_FOURCC('R', 'G', 'B', '3'), NULL, NULL);

    CHECK(vsl_frame_alloc(from, NULL) == 0 && vsl_frame_alloc(to, NULL) == 0);
    /* A library may be built without conversions. */
    CHECK(vsl_frame_copy(to, from, NULL) > 0 || errno == ENOTSUP);
    vsl_frame_release(from);
    vsl_frame_release(to);
    return nothing;
}

static void* encodes_and_decodes(void* nothing)
{
    VSLEncoder* encoder = vsl_encoder_create(VSL_ENCODE_PROFILE_AUTO, H264, 30);
    VSLDecoder* decoder = vsl_decoder_create(VSL_DEC_H264, 30);
    VSLFrame *  picture = vsl_frame_init(320, 240, 0, NV12, NULL, NULL), *packet, *decoded;
    size_t      used;

    if (encoder == NULL || decoder == NULL) { return nothing; }
    CHECK(picture != NULL && vsl_frame_alloc(picture, NULL) == 0);
    packet = vsl_encoder_new_output_frame(encoder, 320, 240, 0, 0, 0);
    CHECK(packet != NULL);
    CHECK(vsl_encode_frame(encoder, picture, packet, NULL, NULL) == 0);
    CHECK((vsl_decode_frame(decoder, vsl_frame_mmap(packet, NULL),
                            (unsigned int) vsl_frame_size(packet), &used, &decoded) &
           VSL_DEC_ERR) == 0);
    if (decoded != NULL) { vsl_frame_release(decoded); }
    vsl_frame_release(packet);
    vsl_frame_release(picture);
    vsl_encoder_release(encoder);
    CHECK(vsl_decoder_release(decoder) == 0);
    return nothing;
}

static void* releases_both(void* nothing)
{
    vsl_client_release(client);
    vsl_host_release(host);
    return nothing;
}

static void small_stacks_are_enough(void)
{
    in_a_small_thread(makes_a_host);
    in_a_small_thread(makes_a_client);
    in_a_small_thread(shares_frames);
    in_a_small_thread(looks_for_devices);
    in_a_small_thread(copies_frames);
    in_a_small_thread(encodes_and_decodes);
    in_a_small_thread(releases_both);
}

/* The kernel would end the process by SIGXFSZ. */
static void a_limit_of_file_sizes_is_an_error(void)
{
    struct rlimit before, limit;
    VSLFrame*     frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, NULL);
    char          path[64];

    snprintf(path, sizeof(path), "/vsl_test_limit_%ld", (long) getpid());
    CHECK(frame != NULL && getrlimit(RLIMIT_FSIZE, &before) == 0);
    limit          = before;
    limit.rlim_cur = BYTES - 1;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK_FAILS(vsl_frame_alloc(frame, path) == -1, EFBIG);
    CHECK(strstr(vsl_x_last_error(), "RLIMIT_FSIZE") != NULL);
    CHECK(shm_open(path, O_RDWR, 0) == -1 && errno == ENOENT);
    CHECK_FAILS(vsl_frame_alloc(frame, NULL) == -1, EFBIG);
    CHECK(strstr(vsl_x_last_error(), "RLIMIT_FSIZE") != NULL);
    CHECK_FAILS(vsl_host_init("vsl_test_limit") == NULL, EFBIG);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(vsl_frame_alloc(frame, NULL) == 0);
    vsl_frame_release(frame);
}

static void* waits(void* nothing)
{
    VSLFrame* frame;

    while ((frame = vsl_frame_wait(client, 0)) != NULL || errno != ESHUTDOWN) {
        if (frame != NULL) { vsl_frame_release(frame); }
    }
    return nothing;
}

/* A cancellation does not act in the library, and does no harm to the end by other means. */
static void a_cancelled_thread_ends_when_disconnected(void)
{
    pthread_t thread;
    VSLFrame* frame;

    host   = new_host();
    client = new_client(host);
    vsl_client_set_timeout(client, 3600);
    CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
    post(host, new_frame(1), 60 * SECOND);
    CHECK(pthread_cancel(thread) == 0);
    post(host, new_frame(2), 60 * SECOND);
    vsl_client_disconnect(client);
    CHECK(pthread_join(thread, NULL) == 0);
    /* No lock is left behind. */
    frame = vsl_frame_wait(client, 0);
    CHECK(frame == NULL && errno == ESHUTDOWN);
    vsl_client_release(client);
    vsl_host_release(host);
}

int main(void)
{
    small_stacks_are_enough();
    a_limit_of_file_sizes_is_an_error();
    a_cancelled_thread_ends_when_disconnected();
    return 0;
}
