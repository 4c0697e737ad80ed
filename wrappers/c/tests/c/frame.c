/* Frames: shape, memory of every kind, mapping, and what happens at the end of each. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define NV12 VSL_FOURCC('N', 'V', '1', '2')
#define RGBA VSL_FOURCC('R', 'G', 'B', 'A')

/* What the callback saw. */
static struct {
    int calls, handle, size, width, close_handle;
    int has_path;
    void* userptr;
} seen;

static void cleanup(VSLFrame* frame)
{
    seen.calls++;
    seen.handle = vsl_frame_handle(frame);
    seen.size = vsl_frame_size(frame);
    seen.width = vsl_frame_width(frame);
    seen.has_path = vsl_frame_path(frame) != NULL;
    seen.userptr = vsl_frame_userptr(frame);
    if (seen.close_handle) { CHECK(close(seen.handle) == 0); }
}

static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

static int shared_memory(off_t size)
{
    char name[64];
    int  fd;

    snprintf(name, sizeof(name), "/vsl_test_%ld", (long) getpid());
    fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd > 2);
    CHECK(shm_unlink(name) == 0);
    CHECK(ftruncate(fd, size) == 0);
    return fd;
}

static void a_new_frame_has_a_shape_and_no_memory(void)
{
    int       mark  = 0;
    VSLFrame* frame = vsl_frame_init(640, 480, 0, NV12, &mark, NULL);

    CHECK(frame != NULL);
    CHECK(vsl_frame_width(frame) == 640);
    CHECK(vsl_frame_height(frame) == 480);
    CHECK(vsl_frame_stride(frame) == 960);
    CHECK(vsl_frame_fourcc(frame) == NV12);
    CHECK(vsl_frame_userptr(frame) == &mark);
    vsl_frame_set_userptr(frame, NULL);
    CHECK(vsl_frame_userptr(frame) == NULL);
    CHECK(vsl_frame_handle(frame) == -1);
    CHECK(vsl_frame_path(frame) == NULL);
    CHECK(vsl_frame_size(frame) == 0);
    CHECK(vsl_frame_serial(frame) == 0);
    CHECK(vsl_frame_timestamp(frame) == 0);
    CHECK(vsl_frame_duration(frame) == 0);
    CHECK(vsl_frame_pts(frame) == 0);
    CHECK(vsl_frame_dts(frame) == 0);
    CHECK(vsl_frame_expires(frame) == 0);
    CHECK_FAILS(vsl_frame_mmap(frame, NULL) == NULL, EBADF);
    CHECK_FAILS(vsl_frame_paddr(frame) == -1, EBADF);
    CHECK_FAILS(vsl_frame_sync(frame, 1, O_RDWR) == -1, EINVAL);
    vsl_frame_munmap(frame);
    vsl_frame_unalloc(frame);
    vsl_frame_release(frame);
}

static void wrong_shapes_are_refused(void)
{
    VSLFrame* frame;

    CHECK_FAILS(vsl_frame_init(0, 1, 0, NV12, NULL, NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_init(1, 0, 0, NV12, NULL, NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_init(1, 1, 0, 0, NULL, NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_init(UINT32_MAX, 1, 0, NV12, NULL, NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_init(1, UINT32_MAX, 0, NV12, NULL, NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_init(64, 48, 0, VSL_FOURCC('H', '2', '6', '4'), NULL, NULL) ==
                    NULL,
                ENOTSUP);
    frame = vsl_frame_init(64, 48, UINT32_MAX, VSL_FOURCC('H', '2', '6', '4'), NULL, NULL);
    CHECK(frame != NULL);
    CHECK(vsl_frame_stride(frame) == -1);
    CHECK_FAILS(vsl_frame_alloc(frame, NULL) == -1, ENOTSUP);
    vsl_frame_release(frame);
    frame = vsl_frame_init(INT32_MAX, INT32_MAX, INT32_MAX, RGBA, NULL, NULL);
    CHECK(frame != NULL);
    CHECK_FAILS(vsl_frame_alloc(frame, NULL) == -1, ENOMEM);
    CHECK(vsl_frame_handle(frame) == -1 && vsl_frame_size(frame) == 0);
    vsl_frame_release(frame);
}

static void own_memory_is_freed_before_the_callback(void)
{
    size_t         size  = 0, i;
    int            fd;
    unsigned char* bytes;
    VSLFrame*      frame = vsl_frame_init(64, 48, 0, RGBA, &seen, cleanup);

    memset(&seen, 0, sizeof(seen));
    CHECK(vsl_frame_alloc(frame, NULL) == 0);
    fd = vsl_frame_handle(frame);
    CHECK(is_open(fd));
    CHECK(vsl_frame_size(frame) == 64 * 48 * 4);
    CHECK(strncmp(vsl_frame_path(frame), "/VSL_", 5) == 0 ||
          strncmp(vsl_frame_path(frame), "/dev/", 5) == 0);
    bytes = (unsigned char*) vsl_frame_mmap(frame, &size);
    CHECK(bytes != NULL && size == 64 * 48 * 4);
    for (i = 0; i < size; i++) { CHECK(bytes[i] == 0); }
    memset(bytes, 0x5a, size);
    size = 0;
    CHECK(vsl_frame_mmap(frame, &size) == (void*) bytes && size == 64 * 48 * 4);
    CHECK(vsl_frame_sync(frame, 1, O_RDONLY) == 0);
    CHECK(vsl_frame_sync(frame, 0, O_RDONLY) == 0);
    vsl_frame_munmap(frame);
    bytes = (unsigned char*) vsl_frame_mmap(frame, NULL);
    CHECK(bytes != NULL && bytes[0] == 0x5a && bytes[size - 1] == 0x5a);
    vsl_frame_release(frame);
    CHECK(seen.calls == 1);
    CHECK(seen.handle == -1 && seen.size == 0 && !seen.has_path);
    CHECK(seen.width == 64 && seen.userptr == &seen);
    CHECK(!is_open(fd));
}

static void two_frames_do_not_share_memory(void)
{
    VSLFrame* one = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);
    VSLFrame* two = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);

    CHECK(vsl_frame_alloc(one, NULL) == 0 && vsl_frame_alloc(two, NULL) == 0);
    memset(vsl_frame_mmap(one, NULL), 1, 1024);
    CHECK(*(unsigned char*) vsl_frame_mmap(two, NULL) == 0);
    vsl_frame_release(one);
    memset(vsl_frame_mmap(two, NULL), 2, 1024);
    vsl_frame_release(two);
}

static void a_named_object_can_be_opened_until_the_frame_ends(void)
{
    char        name[64];
    struct stat about;
    int         fd;
    VSLFrame*   frame = vsl_frame_init(64, 48, 0, NV12, NULL, NULL);

    snprintf(name, sizeof(name), "/vsl_named_%ld", (long) getpid());
    CHECK(vsl_frame_alloc(frame, name) == 0);
    CHECK(strcmp(vsl_frame_path(frame), name) == 0);
    memset(vsl_frame_mmap(frame, NULL), 7, 64);
    fd = shm_open(name, O_RDONLY, 0);
    CHECK(fd >= 0);
    CHECK(fstat(fd, &about) == 0 && about.st_size == 64 * 48 * 3 / 2);
    close(fd);
    vsl_frame_unalloc(frame);
    CHECK(vsl_frame_handle(frame) == -1 && vsl_frame_path(frame) == NULL);
    CHECK(vsl_frame_size(frame) == 0);
    CHECK_FAILS(shm_open(name, O_RDONLY, 0) == -1, ENOENT);
    vsl_frame_unalloc(frame);
    CHECK(vsl_frame_alloc(frame, name + 1) == 0);
    CHECK(vsl_frame_alloc(frame, name) == 0);
    vsl_frame_release(frame);
    CHECK_FAILS(shm_open(name, O_RDONLY, 0) == -1, ENOENT);
}

static void invalid_names_are_refused(void)
{
    VSLFrame* frame = vsl_frame_init(64, 48, 0, NV12, NULL, NULL);

    CHECK_FAILS(vsl_frame_alloc(frame, "/tmp/x") == -1, EINVAL);
    CHECK_FAILS(vsl_frame_alloc(frame, "/dev/dma_heap/no such heap") == -1, ENOENT);
    CHECK_FAILS(vsl_frame_alloc(frame, "/dev/no such device") == -1, ENOENT);
    CHECK_FAILS(vsl_frame_alloc(frame, "/dev/null") == -1, ENOTTY);
    CHECK(vsl_frame_alloc(frame, "") == -1);
    CHECK(vsl_frame_handle(frame) == -1 && vsl_frame_size(frame) == 0);
    CHECK(vsl_frame_path(frame) == NULL);
    vsl_frame_release(frame);
}

static void an_attached_descriptor_is_a_duplicate(void)
{
    int            fd    = shared_memory(3 * 4096), copy;
    size_t         size  = 0;
    unsigned char* bytes;
    VSLFrame*      frame = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);

    CHECK(vsl_frame_attach(frame, fd, 0, 4096) == 0);
    copy = vsl_frame_handle(frame);
    CHECK(copy > 2 && copy != fd && is_open(copy));
    CHECK((fcntl(copy, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(vsl_frame_size(frame) == 1024);
    CHECK(vsl_frame_path(frame) == NULL);
    CHECK_FAILS(vsl_frame_paddr(frame) == -1, ENOTTY);
    CHECK(vsl_frame_sync(frame, 1, O_RDWR) == 0);
    bytes = (unsigned char*) vsl_frame_mmap(frame, &size);
    CHECK(bytes != NULL && size == 1024);
    memset(bytes, 9, size);

    /* An offset within a page. */
    CHECK(vsl_frame_attach(frame, fd, 100, 4096 + 1000) == 0);
    CHECK(!is_open(copy) || vsl_frame_handle(frame) == copy);
    bytes = (unsigned char*) vsl_frame_mmap(frame, &size);
    CHECK(bytes != NULL && size == 100);
    CHECK(bytes[0] == 9 && bytes[23] == 9 && bytes[24] == 0);

    /* A range that is not there. */
    CHECK(vsl_frame_attach(frame, fd, 4097, 2 * 4096) == 0);
    CHECK_FAILS(vsl_frame_mmap(frame, NULL) == NULL, EINVAL);

    copy = vsl_frame_handle(frame);
    vsl_frame_unalloc(frame);
    CHECK(vsl_frame_handle(frame) == -1 && !is_open(copy));
    CHECK(vsl_frame_size(frame) == 4097);
    vsl_frame_release(frame);
    CHECK(is_open(fd));
    close(fd);
}

static void invalid_descriptors_are_refused(void)
{
    int       fd    = shared_memory(4096);
    VSLFrame* frame = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);

    CHECK(vsl_frame_attach(frame, fd, 0, 0) == 0);
    CHECK_FAILS(vsl_frame_attach(frame, 0, 0, 0) == -1, EBADF);
    CHECK_FAILS(vsl_frame_attach(frame, -1, 0, 0) == -1, EBADF);
    CHECK_FAILS(vsl_frame_attach(frame, -1000, 0, 0) == -1, EBADF);
    CHECK(vsl_frame_handle(frame) > 2);
    CHECK_FAILS(vsl_frame_attach(frame, 99999, 0, 0) == -1, EBADF);
    CHECK(vsl_frame_handle(frame) == -1);
    CHECK_FAILS(vsl_frame_attach(frame, fd, SIZE_MAX, 0) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_attach(frame, fd, SIZE_MAX, 2) == -1, EINVAL);
    vsl_frame_release(frame);
    frame = vsl_frame_init(16, 16, UINT32_MAX, VSL_FOURCC('G', 'R', 'E', 'Y'), NULL, NULL);
    CHECK_FAILS(vsl_frame_attach(frame, fd, 0, 0) == -1, ENOTSUP);
    CHECK(vsl_frame_attach(frame, fd, 256, 0) == 0);
    vsl_frame_release(frame);
    close(fd);
}

static void the_callback_owns_an_attached_descriptor(void)
{
    int       fd    = shared_memory(4096), copy;
    VSLFrame* frame = vsl_frame_init(16, 16, 0, RGBA, &fd, cleanup);

    memset(&seen, 0, sizeof(seen));
    seen.close_handle = 1;
    CHECK(vsl_frame_attach(frame, fd, 0, 0) == 0);
    copy = vsl_frame_handle(frame);
    vsl_frame_unalloc(frame);
    CHECK(vsl_frame_handle(frame) == copy && is_open(copy));
    CHECK(vsl_frame_mmap(frame, NULL) != NULL);
    vsl_frame_release(frame);
    CHECK(seen.calls == 1 && seen.handle == copy && seen.size == 1024);
    CHECK(!is_open(copy) && is_open(fd));

    /* A callback that does not close leaves it open. */
    memset(&seen, 0, sizeof(seen));
    frame = vsl_frame_init(16, 16, 0, RGBA, &fd, cleanup);
    CHECK(vsl_frame_attach(frame, fd, 0, 0) == 0);
    vsl_frame_release(frame);
    CHECK(seen.calls == 1 && is_open(seen.handle));
    close(seen.handle);
    close(fd);
}

static void unregister_is_release(void)
{
    VSLFrame* frame = vsl_frame_init(16, 16, 0, RGBA, NULL, cleanup);

    memset(&seen, 0, sizeof(seen));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    vsl_frame_unregister(frame);
#pragma GCC diagnostic pop
    CHECK(seen.calls == 1);
}

static void success_leaves_errno_alone(void)
{
    VSLFrame* frame;

    errno = EXDEV;
    frame = vsl_frame_init(16, 16, 0, RGBA, NULL, NULL);
    CHECK(vsl_frame_alloc(frame, NULL) == 0);
    CHECK(vsl_frame_mmap(frame, NULL) != NULL);
    vsl_frame_release(frame);
    CHECK(errno == EXDEV);
}

static void null_is_refused_everywhere(void)
{
    size_t size = 0;

    CHECK_FAILS(vsl_frame_alloc(NULL, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_attach(NULL, 5, 0, 0) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_path(NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_userptr(NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_serial(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_timestamp(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_duration(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_pts(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_dts(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_expires(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_fourcc(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_width(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_height(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_stride(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_size(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_frame_handle(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_paddr(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_frame_mmap(NULL, &size) == NULL, EINVAL);
    CHECK_FAILS(vsl_frame_sync(NULL, 1, 0) == -1, EINVAL);
    errno = 0;
    vsl_frame_unalloc(NULL);
    vsl_frame_munmap(NULL);
    vsl_frame_set_userptr(NULL, &size);
    CHECK(errno == EINVAL);
    errno = 0;
    vsl_frame_release(NULL);
    CHECK(errno == EINVAL);
}

int main(void)
{
    a_new_frame_has_a_shape_and_no_memory();
    wrong_shapes_are_refused();
    own_memory_is_freed_before_the_callback();
    two_frames_do_not_share_memory();
    a_named_object_can_be_opened_until_the_frame_ends();
    invalid_names_are_refused();
    an_attached_descriptor_is_a_duplicate();
    invalid_descriptors_are_refused();
    the_callback_owns_an_attached_descriptor();
    unregister_is_release();
    success_leaves_errno_alone();
    null_is_refused_everywhere();
    return 0;
}
