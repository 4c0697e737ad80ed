/* Misuse of cameras, and what is no camera. With the path of one: what it says of itself. */
#define _POSIX_C_SOURCE 200809L

#include <sys/mman.h>
#include <unistd.h>

#include "videostream.h"

#include "check.h"

#define YUYV VSL_FOURCC('Y', 'U', 'Y', 'V')
#define NV12 VSL_FOURCC('N', 'V', '1', '2')
#define NM12 VSL_FOURCC('N', 'M', '1', '2')

static void null_is_refused_everywhere(void)
{
    int      width = 0, height = 0, count = 0;
    uint32_t fourcc  = 0, codes[4];
    int64_t  seconds = 1, nanoseconds = 1;

    CHECK_FAILS(vsl_camera_open_device(NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(NULL, &width, &height, &count, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_mirror(NULL, true) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_mirror_v(NULL, true) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_start_capturing(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_get_data(NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_camera_release_buffer(NULL, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_stop_capturing(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_is_dmabuf_supported(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_get_queued_buf_count(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_color_space(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_color_transfer(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_color_encoding(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_color_range(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_enum_fmts(NULL, codes, 4) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_enum_mplane_fmts(NULL, codes, 4) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_mmap(NULL) == NULL, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_dma_fd(NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_phys_addr(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_length(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_fourcc(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_bytes_per_line(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_sequence(NULL) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_buffer_flags(NULL) == 0, EINVAL);
    errno = 0;
    vsl_camera_uninit_device(NULL);
    CHECK(errno == EINVAL);
    errno = 0;
    vsl_camera_close_device(NULL);
    CHECK(errno == EINVAL);
    errno = 0;
    vsl_camera_buffer_timestamp(NULL, &seconds, &nanoseconds);
    CHECK(errno == EINVAL && seconds == 1 && nanoseconds == 1);
}

static void what_is_no_camera_is_refused(void)
{
    CHECK_FAILS(vsl_camera_open_device("/dev/no such camera") == NULL, ENOENT);
    CHECK_FAILS(vsl_camera_open_device("") == NULL, ENOENT);
    CHECK_FAILS(vsl_camera_open_device("/") == NULL, ENODEV);
    CHECK_FAILS(vsl_camera_open_device("/proc/self/exe") == NULL, ENODEV);
    CHECK_FAILS(vsl_camera_open_device("/dev/null") == NULL, ENOTTY);
}

/* Numbers that no camera is set to, in the places of good ones. */
static void wrong_numbers_are_refused(vsl_camera* camera)
{
    int      width = 320, height = 180, count = 4, wrong = -1, many = 33, most = 0x7fffffff;
    uint32_t fourcc = YUYV;

    CHECK_FAILS(vsl_camera_init_device(camera, NULL, &height, &count, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, NULL, &count, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, &height, NULL, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, &height, &count, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &wrong, &height, &count, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, &wrong, &count, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, &height, &wrong, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, &height, &many, &fourcc) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, &height, &most, &fourcc) == -1, EINVAL);
    CHECK(width == 320 && height == 180 && count == 4 && fourcc == YUYV);
}

static void nothing_works_before_there_are_buffers(vsl_camera* camera)
{
    int marker;

    CHECK_FAILS(vsl_camera_start_capturing(camera) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_stop_capturing(camera) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_get_data(camera) == NULL, EINVAL);
    CHECK_FAILS(vsl_camera_release_buffer(camera, (vsl_camera_buffer*) &marker) == -1, EINVAL);
    CHECK(vsl_camera_is_dmabuf_supported(camera) == 0);
    CHECK(vsl_camera_get_queued_buf_count(camera) == 0);
    CHECK(vsl_camera_color_space(camera) == 0);
    errno = 0;
    vsl_camera_uninit_device(camera);
    CHECK(errno == EINVAL);
}

static void formats_are_listed_as_far_as_there_is_room(vsl_camera* camera, int is_mplane)
{
    uint32_t codes[128];
    int      count = vsl_camera_enum_fmts(camera, codes, 128), i, nv12 = 0;

    CHECK(count > 5);
    for (i = 0; i < count; i++) {
        CHECK(codes[i] != 0);
        nv12 += codes[i] == NV12;
    }
    CHECK(nv12 == 1);
    CHECK(vsl_camera_enum_mplane_fmts(camera, codes, 128) == (is_mplane ? count : 0));
    codes[2] = 7;
    CHECK(vsl_camera_enum_fmts(camera, codes, 2) == 2 && codes[2] == 7);
    CHECK(vsl_camera_enum_fmts(camera, codes, 0) == 0);
    CHECK_FAILS(vsl_camera_enum_fmts(camera, codes, -1) == 0, EINVAL);
    CHECK_FAILS(vsl_camera_enum_fmts(camera, NULL, 4) == 0, EINVAL);
}

static vsl_camera_buffer* frame_of(vsl_camera* camera)
{
    vsl_camera_buffer* frame;

    /* An emulated machine may need longer than the two seconds of a call. */
    do {
        errno = 0;
        frame = vsl_camera_get_data(camera);
    } while (frame == NULL && errno == ETIMEDOUT);
    CHECK(frame != NULL);
    return frame;
}

static void buffers_come_and_go(vsl_camera* camera)
{
    vsl_camera_buffer* held[4];
    int                i, k, queued;

    CHECK(vsl_camera_start_capturing(camera) == 0);
    CHECK_FAILS(vsl_camera_start_capturing(camera) == -1, EINVAL);
    queued = vsl_camera_get_queued_buf_count(camera);
    CHECK(queued >= 4);
    for (i = 0; i < 2; i++) {
        held[i] = frame_of(camera);
        CHECK(vsl_camera_get_queued_buf_count(camera) == queued - 1 - i);
        for (k = 0; k < i; k++) { CHECK(held[k] != held[i]); }
    }
    CHECK(vsl_camera_release_buffer(camera, held[0]) == 0);
    CHECK_FAILS(vsl_camera_release_buffer(camera, held[0]) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_release_buffer(camera, NULL) == -1, EINVAL);
    CHECK_FAILS(vsl_camera_release_buffer(camera, (vsl_camera_buffer*) &queued) == -1, EINVAL);
    CHECK(vsl_camera_get_queued_buf_count(camera) == queued - 1);

    /* One that is still out when it stops. */
    CHECK(vsl_camera_stop_capturing(camera) == 0);
    CHECK(vsl_camera_stop_capturing(camera) == 0);
    CHECK(vsl_camera_get_queued_buf_count(camera) == 0);
    CHECK_FAILS(vsl_camera_get_data(camera) == NULL, EINVAL);
    CHECK(vsl_camera_release_buffer(camera, held[1]) == 0);
    CHECK(vsl_camera_start_capturing(camera) == 0);
    CHECK(vsl_camera_release_buffer(camera, frame_of(camera)) == 0);
}

static void a_camera_goes_through_its_states(const char* path, int is_mplane)
{
    int         width = 320, height = 180, count = 4;
    uint32_t    fourcc = YUYV;
    vsl_camera* camera = vsl_camera_open_device(path);

    CHECK(camera != NULL);
    CHECK_FAILS(vsl_camera_open_device(path) == NULL, EWOULDBLOCK);
    wrong_numbers_are_refused(camera);
    nothing_works_before_there_are_buffers(camera);
    formats_are_listed_as_far_as_there_is_room(camera, is_mplane);
    CHECK(vsl_camera_mirror(camera, true) == 0);
    CHECK(vsl_camera_mirror(camera, false) == 0);
    CHECK(vsl_camera_mirror_v(camera, true) == 0);
    CHECK(vsl_camera_mirror_v(camera, false) == 0);
    if (is_mplane) {
        fourcc = NM12;
        CHECK_FAILS(vsl_camera_init_device(camera, &width, &height, &count, &fourcc) == -1,
                    ENOTSUP);
        /* What the device is set to now cannot be taken as it is. */
        fourcc = 0;
        CHECK(vsl_camera_init_device(camera, &width, &height, &count, &fourcc) == 0);
        CHECK(fourcc != NM12 && fourcc != 0);
        vsl_camera_uninit_device(camera);
        fourcc = YUYV;
    }
    CHECK(vsl_camera_init_device(camera, &width, &height, &count, &fourcc) == 0);
    CHECK(width == 320 && height == 180 && count >= 4 && fourcc == YUYV);
    CHECK_FAILS(vsl_camera_init_device(camera, &width, &height, &count, &fourcc) == -1, EBUSY);
    CHECK(vsl_camera_color_space(camera) != 0);
    buffers_come_and_go(camera);

    /* While it streams. */
    vsl_camera_uninit_device(camera);
    width = height = count = 0;
    fourcc = 0;
    CHECK(vsl_camera_init_device(camera, &width, &height, &count, &fourcc) == 0);
    CHECK(width == 320 && height == 180 && count >= 4 && fourcc == YUYV);
    CHECK(vsl_camera_start_capturing(camera) == 0);
    (void) frame_of(camera);
    vsl_camera_close_device(camera);
    camera = vsl_camera_open_device(path);
    CHECK(camera != NULL);
    vsl_camera_close_device(camera);
}

int main(int count, char** arguments)
{
    null_is_refused_everywhere();
    what_is_no_camera_is_refused();
    if (count == 3) {
        a_camera_goes_through_its_states(arguments[1], strcmp(arguments[2], "mplane") == 0);
    }
    return 0;
}
