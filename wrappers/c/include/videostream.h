/* SPDX-License-Identifier: Apache-2.0
 *
 * videostream.h: the C interface of the VideoStream library.
 *
 * Functions that fail return -1 or NULL (0 where nothing negative fits) and set errno.
 * No function changes errno when it succeeds. A NULL where an object is expected is
 * refused with EINVAL. Times are nanoseconds of CLOCK_MONOTONIC.
 *
 * After fork() one of the two processes may continue to use its objects; the other one must not
 * pass them to any function, not even to release them.
 *
 * Every function can be called with 64 KiB of stack.
 *
 * No function is a cancellation point of pthread_cancel(). vsl_client_disconnect() from another
 * thread ends a wait in vsl_frame_wait, which returns with ESHUTDOWN; a pending cancellation acts
 * at the thread's next cancellation point. Asynchronous cancellation must be off in every function.
 */
#ifndef VIDEOSTREAM_H
#define VIDEOSTREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* ---- Versions ----------------------------------------------------------------- */

/* The release whose interface this is. */
#define VSL_VERSION "2.6.0"

#define VSL_VERSION_ENCODE(major, minor, revision) \
    ((major) * 1000000 + (minor) * 1000 + (revision))
#define VSL_VERSION_DECODE_MAJOR(version) ((version) / 1000000)
#define VSL_VERSION_DECODE_MINOR(version) (((version) / 1000) % 1000)
#define VSL_VERSION_DECODE_REVISION(version) ((version) % 1000)

/* ---- Compilers ---------------------------------------------------------------- */

/* Each *_VERSION_CHECK(major, minor, patch) is 0 for another compiler. */
#if defined(__GNUC__)
#define VSL_GNUC_VERSION \
    VSL_VERSION_ENCODE(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__)
#define VSL_GNUC_VERSION_CHECK(major, minor, patch) \
    (VSL_GNUC_VERSION >= VSL_VERSION_ENCODE(major, minor, patch))
#else
#define VSL_GNUC_VERSION_CHECK(major, minor, patch) (0)
#endif

/* GCC itself, not a compiler that claims to be compatible. */
#if defined(VSL_GNUC_VERSION) && !defined(__clang__) && \
    !defined(__INTEL_COMPILER) && !defined(__ARMCC_VERSION)
#define VSL_GCC_VERSION VSL_GNUC_VERSION
#define VSL_GCC_VERSION_CHECK(major, minor, patch) \
    (VSL_GCC_VERSION >= VSL_VERSION_ENCODE(major, minor, patch))
#else
#define VSL_GCC_VERSION_CHECK(major, minor, patch) (0)
#endif

#if defined(__ARMCC_VERSION)
#define VSL_ARM_VERSION                           \
    VSL_VERSION_ENCODE(__ARMCC_VERSION / 1000000, \
                       (__ARMCC_VERSION / 10000) % 100, __ARMCC_VERSION % 10000)
#define VSL_ARM_VERSION_CHECK(major, minor, patch) \
    (VSL_ARM_VERSION >= VSL_VERSION_ENCODE(major, minor, patch))
#else
#define VSL_ARM_VERSION_CHECK(major, minor, patch) (0)
#endif

#if defined(__IAR_SYSTEMS_ICC__)
#define VSL_IAR_VERSION                                                 \
    VSL_VERSION_ENCODE(__VER__ / 1000000, (__VER__ / 1000) % 1000, \
                       __VER__ % 1000)
#define VSL_IAR_VERSION_CHECK(major, minor, patch) \
    (VSL_IAR_VERSION >= VSL_VERSION_ENCODE(major, minor, patch))
#else
#define VSL_IAR_VERSION_CHECK(major, minor, patch) (0)
#endif

#if defined(__GNUC__)
#define VSL_PUBLIC __attribute__((visibility("default")))
#define VSL_PRIVATE __attribute__((visibility("hidden")))
#define VSL_DEPRECATED(since) \
    __attribute__((deprecated("deprecated since " since)))
#define VSL_DEPRECATED_FOR(since, repl) \
    __attribute__((deprecated("deprecated since " since ", use " #repl)))
#define VSL_WARN_UNUSED_RESULT __attribute__((warn_unused_result))
#else
#define VSL_PUBLIC
#define VSL_PRIVATE
#define VSL_DEPRECATED(since)
#define VSL_DEPRECATED_FOR(since, repl)
#define VSL_WARN_UNUSED_RESULT
#endif

#if VSL_GCC_VERSION_CHECK(4, 3, 0)
#define VSL_UNAVAILABLE(since) \
    __attribute__((warning("not available until " since)))
#else
#define VSL_UNAVAILABLE(since)
#endif

#if defined(__cplusplus) && __cplusplus >= 201103L
#define VSL_STATIC_ASSERT(expression, message) \
    static_assert(expression, message)
#elif !defined(__cplusplus) && VSL_GNUC_VERSION_CHECK(4, 6, 0)
#define VSL_STATIC_ASSERT(expression, message) \
    __extension__ _Static_assert(expression, message)
#else
#define VSL_STATIC_ASSERT(expression, message) \
    extern int vsl_static_assert_[(expression) ? 1 : -1]
#endif

/* VSL_API precedes every function: define VSL_API_EXPORT to build the library, VSL_API_STATIC to
 * link it statically, and nothing otherwise. */
#define VSL_IMPORT extern
#if defined(VSL_API_EXPORT)
#define VSL_API VSL_PUBLIC
#elif defined(VSL_API_STATIC)
#define VSL_API
#else
#define VSL_API VSL_IMPORT
#endif

/* ---- Target version ----------------------------------------------------------- */

#define VSL_VERSION_1_0 VSL_VERSION_ENCODE(1, 0, 0)
#define VSL_VERSION_1_1 VSL_VERSION_ENCODE(1, 1, 0)
#define VSL_VERSION_1_2 VSL_VERSION_ENCODE(1, 2, 0)
#define VSL_VERSION_1_3 VSL_VERSION_ENCODE(1, 3, 0)
#define VSL_VERSION_1_4 VSL_VERSION_ENCODE(1, 4, 0)
#define VSL_VERSION_2_0 VSL_VERSION_ENCODE(2, 0, 0)
#define VSL_VERSION_2_1 VSL_VERSION_ENCODE(2, 1, 0)
#define VSL_VERSION_2_2 VSL_VERSION_ENCODE(2, 2, 0)
#define VSL_VERSION_2_4 VSL_VERSION_ENCODE(2, 4, 0)
#define VSL_VERSION_2_5 VSL_VERSION_ENCODE(2, 5, 0)
#define VSL_VERSION_2_6 VSL_VERSION_ENCODE(2, 6, 0)

/* The release that a program is written for. Functions that are newer, or were deprecated in it,
 * cause warnings. */
#ifndef VSL_TARGET_VERSION
#define VSL_TARGET_VERSION VSL_VERSION_2_6
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_1_0
#define VSL_AVAILABLE_SINCE_1_0 VSL_UNAVAILABLE("1.0")
#else
#define VSL_AVAILABLE_SINCE_1_0
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_1_0
#define VSL_DEPRECATED_SINCE_1_0 VSL_DEPRECATED("1.0")
#define VSL_DEPRECATED_SINCE_1_0_FOR(repl) VSL_DEPRECATED_FOR("1.0", repl)
#else
#define VSL_DEPRECATED_SINCE_1_0
#define VSL_DEPRECATED_SINCE_1_0_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_1_1
#define VSL_AVAILABLE_SINCE_1_1 VSL_UNAVAILABLE("1.1")
#else
#define VSL_AVAILABLE_SINCE_1_1
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_1_1
#define VSL_DEPRECATED_SINCE_1_1 VSL_DEPRECATED("1.1")
#define VSL_DEPRECATED_SINCE_1_1_FOR(repl) VSL_DEPRECATED_FOR("1.1", repl)
#else
#define VSL_DEPRECATED_SINCE_1_1
#define VSL_DEPRECATED_SINCE_1_1_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_1_2
#define VSL_AVAILABLE_SINCE_1_2 VSL_UNAVAILABLE("1.2")
#else
#define VSL_AVAILABLE_SINCE_1_2
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_1_2
#define VSL_DEPRECATED_SINCE_1_2 VSL_DEPRECATED("1.2")
#define VSL_DEPRECATED_SINCE_1_2_FOR(repl) VSL_DEPRECATED_FOR("1.2", repl)
#else
#define VSL_DEPRECATED_SINCE_1_2
#define VSL_DEPRECATED_SINCE_1_2_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_1_3
#define VSL_AVAILABLE_SINCE_1_3 VSL_UNAVAILABLE("1.3")
#else
#define VSL_AVAILABLE_SINCE_1_3
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_1_3
#define VSL_DEPRECATED_SINCE_1_3 VSL_DEPRECATED("1.3")
#define VSL_DEPRECATED_SINCE_1_3_FOR(repl) VSL_DEPRECATED_FOR("1.3", repl)
#else
#define VSL_DEPRECATED_SINCE_1_3
#define VSL_DEPRECATED_SINCE_1_3_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_1_4
#define VSL_AVAILABLE_SINCE_1_4 VSL_UNAVAILABLE("1.4")
#else
#define VSL_AVAILABLE_SINCE_1_4
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_1_4
#define VSL_DEPRECATED_SINCE_1_4 VSL_DEPRECATED("1.4")
#define VSL_DEPRECATED_SINCE_1_4_FOR(repl) VSL_DEPRECATED_FOR("1.4", repl)
#else
#define VSL_DEPRECATED_SINCE_1_4
#define VSL_DEPRECATED_SINCE_1_4_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_2_0
#define VSL_AVAILABLE_SINCE_2_0 VSL_UNAVAILABLE("2.0")
#else
#define VSL_AVAILABLE_SINCE_2_0
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_2_0
#define VSL_DEPRECATED_SINCE_2_0 VSL_DEPRECATED("2.0")
#define VSL_DEPRECATED_SINCE_2_0_FOR(repl) VSL_DEPRECATED_FOR("2.0", repl)
#else
#define VSL_DEPRECATED_SINCE_2_0
#define VSL_DEPRECATED_SINCE_2_0_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_2_1
#define VSL_AVAILABLE_SINCE_2_1 VSL_UNAVAILABLE("2.1")
#else
#define VSL_AVAILABLE_SINCE_2_1
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_2_1
#define VSL_DEPRECATED_SINCE_2_1 VSL_DEPRECATED("2.1")
#define VSL_DEPRECATED_SINCE_2_1_FOR(repl) VSL_DEPRECATED_FOR("2.1", repl)
#else
#define VSL_DEPRECATED_SINCE_2_1
#define VSL_DEPRECATED_SINCE_2_1_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_2_2
#define VSL_AVAILABLE_SINCE_2_2 VSL_UNAVAILABLE("2.2")
#else
#define VSL_AVAILABLE_SINCE_2_2
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_2_2
#define VSL_DEPRECATED_SINCE_2_2 VSL_DEPRECATED("2.2")
#define VSL_DEPRECATED_SINCE_2_2_FOR(repl) VSL_DEPRECATED_FOR("2.2", repl)
#else
#define VSL_DEPRECATED_SINCE_2_2
#define VSL_DEPRECATED_SINCE_2_2_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_2_4
#define VSL_AVAILABLE_SINCE_2_4 VSL_UNAVAILABLE("2.4")
#else
#define VSL_AVAILABLE_SINCE_2_4
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_2_4
#define VSL_DEPRECATED_SINCE_2_4 VSL_DEPRECATED("2.4")
#define VSL_DEPRECATED_SINCE_2_4_FOR(repl) VSL_DEPRECATED_FOR("2.4", repl)
#else
#define VSL_DEPRECATED_SINCE_2_4
#define VSL_DEPRECATED_SINCE_2_4_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_2_5
#define VSL_AVAILABLE_SINCE_2_5 VSL_UNAVAILABLE("2.5")
#else
#define VSL_AVAILABLE_SINCE_2_5
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_2_5
#define VSL_DEPRECATED_SINCE_2_5 VSL_DEPRECATED("2.5")
#define VSL_DEPRECATED_SINCE_2_5_FOR(repl) VSL_DEPRECATED_FOR("2.5", repl)
#else
#define VSL_DEPRECATED_SINCE_2_5
#define VSL_DEPRECATED_SINCE_2_5_FOR(repl)
#endif

#if VSL_TARGET_VERSION < VSL_VERSION_2_6
#define VSL_AVAILABLE_SINCE_2_6 VSL_UNAVAILABLE("2.6")
#else
#define VSL_AVAILABLE_SINCE_2_6
#endif
#if VSL_TARGET_VERSION >= VSL_VERSION_2_6
#define VSL_DEPRECATED_SINCE_2_6 VSL_DEPRECATED("2.6")
#define VSL_DEPRECATED_SINCE_2_6_FOR(repl) VSL_DEPRECATED_FOR("2.6", repl)
#else
#define VSL_DEPRECATED_SINCE_2_6
#define VSL_DEPRECATED_SINCE_2_6_FOR(repl)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Core --------------------------------------------------------------------- */

/* A four-character code, the first character in the lowest byte. */
#ifdef __cplusplus
#define VSL_FOURCC_BYTE(c) (static_cast<uint32_t>((c) & 0xff))
#else
#define VSL_FOURCC_BYTE(c) ((uint32_t) ((c) & 0xff))
#endif
#define VSL_FOURCC(a, b, c, d)                         \
    (VSL_FOURCC_BYTE(a) | (VSL_FOURCC_BYTE(b) << 8) | \
     (VSL_FOURCC_BYTE(c) << 16) | (VSL_FOURCC_BYTE(d) << 24))

/* The version of the library's interface, in the form of VSL_VERSION. */
VSL_AVAILABLE_SINCE_1_0
VSL_API const char* vsl_version(void);

/* The time of CLOCK_MONOTONIC in nanoseconds, as in a frame's timestamp. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int64_t vsl_timestamp(void);

/* The code of a string of exactly four bytes, else 0. */
VSL_AVAILABLE_SINCE_1_3
VSL_API uint32_t vsl_fourcc_from_string(const char* fourcc);

/* ---- Frame -------------------------------------------------------------------- */

/* A picture and its memory. One thread at a time may use a frame. */
typedef struct vsl_frame VSLFrame;

/* Called once by vsl_frame_release, after the frame's memory is freed and before the
 * frame is. Accessors may be called on the frame.
 *
 * A descriptor attached by vsl_frame_attach is still open then, and the callback has to close
 * vsl_frame_handle(). Memory of vsl_frame_alloc is already freed.
 *
 * It must not exit by a C++ exception, longjmp() or pthread_exit(): abort() ends the program. */
typedef void (*vsl_frame_cleanup)(VSLFrame* frame);

/* Creates a frame without memory. stride is in bytes, or 0 for the format's default:
 *
 *   RGBA RGBX BGRA BGRX            4 * width
 *   RGB3 BGR3                      3 * width
 *   YUYV YUY2 YVYU UYVY VYUY       2 * width
 *   NV12 NV21 I420 YV12 NV16 NV61  width + width / 2
 *
 * The last row is a frame's size divided by its height, not the stride of the luma plane. Pass the
 * luma stride to change it. cleanup may be NULL. Release the frame with vsl_frame_release.
 *
 * NULL and errno: EINVAL if width, height or fourcc is 0, or a side exceeds INT_MAX; ENOTSUP for
 * stride 0 with another format; ENOMEM. */
VSL_AVAILABLE_SINCE_1_3
VSL_API VSLFrame* vsl_frame_init(uint32_t width, uint32_t height, uint32_t stride,
                                 uint32_t fourcc, void* userptr,
                                 vsl_frame_cleanup cleanup);

/* Allocates memory for the frame, filled with zeroes, and replaces its current memory.
 *
 *   NULL                 a dma-heap, else udmabuf, else an anonymous file
 *   "/dev/dma_heap/..."  this dma-heap
 *   another string       the POSIX shared memory object of this name, created if necessary,
 *                        and unlinked with the frame's memory
 *
 * 0, or -1 and errno: EINVAL, also for an invalid name; ENOTSUP for a format whose size does not
 * follow from its stride; ENOENT or EACCES for a heap; errors of shm_open and ftruncate; ENOMEM.
 * After a failure the frame has no memory. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_frame_alloc(VSLFrame* frame, const char* path);

/* Frees the memory of vsl_frame_alloc or vsl_frame_attach. Has no effect on a frame without
 * memory, or on a descriptor attached to a frame with a cleanup callback, which owns it. */
VSL_AVAILABLE_SINCE_1_3
VSL_API void vsl_frame_unalloc(VSLFrame* frame);

/* Attaches a duplicate of a descriptor to the frame, and replaces its current memory. size may be
 * 0 for the size that follows from format and stride. The caller keeps fd.
 *
 * 0, or -1 and errno: EINVAL; EBADF if fd is 0, negative or not open; ENOTSUP for size 0 if it
 * does not follow from format and stride; EMFILE. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_frame_attach(VSLFrame* frame, int fd, size_t size, size_t offset);

/* Name of the memory of vsl_frame_alloc, for display: the path of a device, or the name passed
 * by the program. An anonymous file has a generated name that starts with "/VSL_" and cannot
 * be opened. Belongs to the frame. NULL for other frames. */
VSL_AVAILABLE_SINCE_1_3
VSL_API const char* vsl_frame_path(const VSLFrame* frame);

/* A part of a picture, in pixels from its upper left corner. */
typedef struct vsl_rect {
    int x;
    int y;
    int width;
    int height;
} VSLRect;

/* Copies the picture of source, or its part crop unless that is NULL, into target: scaled to the
 * size of target and converted to its format and colorimetry (vsl_x_frame_set_colorimetry). Both
 * need memory, and not the same. crop starts at even columns and rows if they share chroma. YUV
 * without colorimetry is BT.601 in limited range.
 *
 * The number of bytes of the picture in target, or -1 and errno: EINVAL, also for a part that is
 * not inside and for strides that are too short; EBADF without memory; ENOTSUP for formats that
 * cannot be converted. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_frame_copy(VSLFrame* target, VSLFrame* source, const VSLRect* crop);

/* Another name of vsl_frame_release. */
VSL_DEPRECATED_SINCE_1_3_FOR(vsl_frame_release)
VSL_API void vsl_frame_unregister(VSLFrame* frame);

/* The program's pointer. The library neither dereferences nor frees it. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void* vsl_frame_userptr(VSLFrame* frame);

/* Changes that pointer. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void vsl_frame_set_userptr(VSLFrame* frame, void* userptr);

/* Releases a frame: unmaps it, frees its memory, calls its cleanup callback, and frees it. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void vsl_frame_release(VSLFrame* frame);

/* Number of the frame at its host, from 1 on; 0 for a frame that was not shared. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int64_t vsl_frame_serial(const VSLFrame* frame);

/* When the frame was shared. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int64_t vsl_frame_timestamp(const VSLFrame* frame);

/* Display duration in nanoseconds. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int64_t vsl_frame_duration(const VSLFrame* frame);

/* Presentation time, on the program's own clock. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int64_t vsl_frame_pts(const VSLFrame* frame);

/* Decoding time, on the program's own clock. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int64_t vsl_frame_dts(const VSLFrame* frame);

/* When the frame expires; one that a client has locked ends later. 0: never. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int64_t vsl_frame_expires(const VSLFrame* frame);

/* Pixel format. */
VSL_AVAILABLE_SINCE_1_0
VSL_API uint32_t vsl_frame_fourcc(const VSLFrame* frame);

/* Width in pixels. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_frame_width(const VSLFrame* frame);

/* Height in pixels. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_frame_height(const VSLFrame* frame);

/* Bytes from row to row, as given to vsl_frame_init or by the table there. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_frame_stride(const VSLFrame* frame);

/* Size of the frame's memory in bytes; 0 without memory. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_frame_size(const VSLFrame* frame);

/* Descriptor of the frame's memory, which belongs to the frame; -1 without memory. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_frame_handle(const VSLFrame* frame);

/* Physical address of a contiguous dma-buf, on kernels that provide it; else -1, and
 * ENOTTY, EBADF (no memory) or the kernel's error. */
VSL_AVAILABLE_SINCE_1_0
VSL_API intptr_t vsl_frame_paddr(VSLFrame* frame);

/* Maps the memory for reading and writing, and begins CPU access to a dma-buf. size, unless
 * NULL, receives the number of mapped bytes. Returns the same pointer if it is already mapped.
 *
 * NULL and errno: EINVAL, also for a range outside of the memory; EBADF without memory;
 * EACCES for a descriptor that does not allow it; ENOMEM. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void* vsl_frame_mmap(VSLFrame* frame, size_t* size);

/* Ends CPU access and unmaps the memory. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void vsl_frame_munmap(VSLFrame* frame);

/* Begins (enable not 0) or ends CPU access to a dma-buf; does nothing for other memory. mode is
 * O_RDONLY, O_WRONLY or O_RDWR, the same in both calls.
 *
 * 0, or -1 and errno: EINVAL, also without memory. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_frame_sync(const VSLFrame* frame, int enable, int mode);

/* ---- Host --------------------------------------------------------------------- */

/* Shares frames with clients in other processes, without a message for each frame.
 *
 * Any number of threads may use a host: vsl_host_post, _drop, _service and _process wait
 * up to 250 ms for each other, then fail with ETIMEDOUT. Callbacks of frames run in these
 * functions and in vsl_host_release, one at a time, and may call the host, but not release
 * it. */
typedef struct vsl_host VSLHost;

/* Listens at a path: a file if it starts with "/", with the permissions that the umask
 * leaves, else an abstract name, for this user and root. At most 108 bytes, a name 107. The
 * socket file of a dead host is replaced.
 *
 * Release the host with vsl_host_release. NULL and errno: EINVAL, also for an empty path;
 * ENAMETOOLONG; EADDRINUSE if another host serves there, or the file is not a socket; ENOENT,
 * EACCES and other errors of bind; ENOMEM. */
VSL_AVAILABLE_SINCE_1_0
VSL_API VSLHost* vsl_host_init(const char* path);

/* Releases a host: closes its sockets, then ends its frames, even if clients have locked them. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void vsl_host_release(VSLHost* host);

/* The path passed to vsl_host_init. Belongs to the host. */
VSL_AVAILABLE_SINCE_1_0
VSL_API const char* vsl_host_path(const VSLHost* host);

/* Waits until there is something to process: a client connects or leaves, or has locked or
 * unlocked a frame since the last vsl_host_process. wait is in milliseconds: 0 does not wait,
 * negative waits without a limit. Returns how many descriptors are ready, at least 1; 0 after a
 * timeout; or -1 and errno: EINVAL; EINTR. Ends no frame and serves no client. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_host_poll(VSLHost* host, int64_t wait);

/* Serves the client that has this descriptor in vsl_host_sockets; never blocks.
 *
 * 0, or -1 and errno: ENOMSG if it has sent nothing; ECONNRESET if it has left, which the next
 * vsl_host_process handles; EBADMSG if it broke the protocol and was disconnected;
 * EBADF, ENOTSOCK and EINVAL for other descriptors; ETIMEDOUT. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_host_service(VSLHost* host, int sock);

/* Accepts and serves clients, removes those that have left, and ends frames that have expired;
 * never blocks. 0, also with nothing to do, or -1 and errno: EINVAL; ETIMEDOUT. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_host_process(VSLHost* host);

/* Writes the descriptors to poll for reading into sockets, up to n_sockets: first the listening
 * socket, of type SOCK_SEQPACKET, then those of the clients, which vsl_host_process adds and
 * removes. A readable one has something to process. From the first call that returns descriptors,
 * a client's is readable also when the client has locked or unlocked a frame since the last
 * vsl_host_process or vsl_host_service. They belong to the host. max_sockets gets their number;
 * sockets and max_sockets may be NULL. 0, or -1 and EINVAL. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_host_sockets(VSLHost* host, size_t n_sockets, int* sockets,
                             size_t* max_sockets);

/* Shares a frame with the connected clients, and ends frames that have expired. The frame gets
 * the next serial, from 1 on, and the current time as its timestamp. From then on it belongs to
 * the host: it ends, as by vsl_frame_release, in the first vsl_host_post or
 * vsl_host_process after expires (CLOCK_MONOTONIC; 0: never; less: at once) in which no
 * client has it locked. Until then the program may read it, release it or drop it.
 *
 * Clients share the memory itself if it is a dma-buf or a memfd (as from vsl_frame_alloc without
 * a path) that is sealed against shrinking or gets that seal here. POSIX shared memory and
 * files are shared with clients of the host's own user only: clients of other users get a copy,
 * which is made here. Of memory of any other kind all clients get a copy.
 *
 * 0, or -1 and errno, and then the frame still belongs to the program: EINVAL, also for memory
 * that is smaller than the frame; EBADF without memory; EBUSY if a host has it; ENOBUFS if
 * clients hold every buffer; ETIMEDOUT; EMFILE; ENOMEM. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_host_post(VSLHost* host, VSLFrame* frame, int64_t expires,
                          int64_t duration, int64_t pts, int64_t dts);

/* Takes a frame back from the host: it belongs to the program again, with its memory, and
 * its callback is not called. Clients can no longer lock it; a client that has locked it keeps it.
 *
 * 0, or -1 and errno: EINVAL; ENOENT if the host does not have it; ETIMEDOUT. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_host_drop(VSLHost* host, VSLFrame* frame);

/* vsl_frame_init with the format's default stride, vsl_frame_attach and vsl_host_post in one.
 * serial is ignored. NULL and their errno; then the callback has run if there was a frame. */
VSL_DEPRECATED_SINCE_1_3_FOR(vsl_host_post)
VSL_API VSLFrame* vsl_frame_register(VSLHost* host, int64_t serial, int handle, int width,
                                     int height, uint32_t fourcc, size_t size,
                                     size_t offset, int64_t expires, int64_t duration,
                                     int64_t pts, int64_t dts, vsl_frame_cleanup cleanup,
                                     void* userptr);

/* ---- Client ------------------------------------------------------------------- */

/* Receives the frames of a host. One thread at a time waits; locking, unlocking and releasing
 * frames, vsl_client_disconnect and the other functions may run at the same time. */
typedef struct vsl_client VSLClient;

/* Connects to the host at a path, without waiting for the host's answer. With reconnect, waits for
 * a host to start, and for the next one when it ends.
 *
 * Release the client with vsl_client_release. NULL and errno: EINVAL; ENAMETOOLONG;
 * ECONNREFUSED for other failures (not with reconnect); EMFILE; ENOMEM. */
VSL_AVAILABLE_SINCE_1_0
VSL_API VSLClient* vsl_client_init(const char* path, void* userptr, bool reconnect);

/* Releases a client that no thread uses. Its frames stay, with their locks, and are released
 * separately; the connection lasts as long as they do. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void vsl_client_release(VSLClient* client);

/* Disconnects permanently, from any thread. Current and later calls of vsl_frame_wait return at
 * once with ESHUTDOWN. Locks end. */
VSL_AVAILABLE_SINCE_1_1
VSL_API void vsl_client_disconnect(VSLClient* client);

/* The pointer passed to vsl_client_init. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void* vsl_client_userptr(VSLClient* client);

/* The path passed to vsl_client_init. Belongs to the client. */
VSL_AVAILABLE_SINCE_1_0
VSL_API const char* vsl_client_path(const VSLClient* client);

/* Sets the timeout of vsl_frame_wait in seconds: default 1, also for negative values; 0 does not
 * wait. */
VSL_AVAILABLE_SINCE_1_0
VSL_API void vsl_client_set_timeout(VSLClient* client, float timeout);

/* Waits for the next frame. Frames come in the order in which the host posts them after it has
 * accepted the client. Expired ones are skipped and, unless until is 0, those posted before until;
 * each restarts the timeout of vsl_client_set_timeout. A gap between serials is a frame that was
 * gone before it was waited for.
 *
 * The frame is not locked: its memory can be mapped, and may be overwritten once it has
 * expired. Release the frame with vsl_frame_release.
 *
 * NULL and errno: EINVAL; ETIMEDOUT; ECONNRESET if the host has ended, and the next call
 * connects again (with reconnect this call waits for the next host, without a limit);
 * ECONNREFUSED without a host; EACCES, EUSERS, EPROTO when it refuses this client; ESHUTDOWN after
 * vsl_client_disconnect; EBADMSG for a host that breaks the protocol; EMFILE; ENOMEM. */
VSL_AVAILABLE_SINCE_1_0
VSL_API VSLFrame* vsl_frame_wait(VSLClient* client, int64_t until);

/* Keeps the host from ending a received frame, until vsl_frame_unlock or vsl_frame_release;
 * a client may lock 20 at a time. Sends no message.
 *
 * 0, also if it is already locked, or -1 and errno: EINVAL, also for a frame that was not
 * received; EEXIST if it has expired; EMFILE if the client's locks are used up; ECONNRESET if the
 * host has closed (the next vsl_frame_wait reports a killed host; memory stays until then);
 * ESHUTDOWN after vsl_client_disconnect. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_frame_trylock(VSLFrame* frame);

/* Unmaps a frame and ends its lock. 0, also for a frame that is not locked, or -1 and errno:
 * EINVAL; ESHUTDOWN after vsl_client_disconnect. */
VSL_AVAILABLE_SINCE_1_0
VSL_API int vsl_frame_unlock(VSLFrame* frame);
/* ---- Encoder ------------------------------------------------------------------ */

/* Backend of an encoder or decoder. */
typedef enum {
    /* The one that the environment variable VSL_CODEC_BACKEND names, else the best available. */
    VSL_CODEC_BACKEND_AUTO   = 0,
    VSL_CODEC_BACKEND_HANTRO = 1,
    VSL_CODEC_BACKEND_V4L2   = 2,
    /* On the CPU. Not in the 2.x library. */
    VSL_CODEC_BACKEND_SOFTWARE = 3
} VSLCodecBackend;

/* Constant bitrates; AUTO is 5000 kbit/s. */
typedef enum vsl_encode_profile {
    VSL_ENCODE_PROFILE_AUTO        = 0,
    VSL_ENCODE_PROFILE_5000_KBPS   = 1,
    VSL_ENCODE_PROFILE_25000_KBPS  = 2,
    VSL_ENCODE_PROFILE_50000_KBPS  = 3,
    VSL_ENCODE_PROFILE_100000_KBPS = 4
} VSLEncoderProfile;

/* An encoder: pictures in, an Annex B byte stream out. One thread at a time may use it. */
typedef struct vsl_encoder VSLEncoder;

/* FWHT, the codec of the kernel's virtual device vicodec: to test programs for hardware codecs on
 * a machine without one. For outputFourcc, codec of vsl_decoder_create_ex, and
 * VSLEncoderConfig. Not in the 2.x library. */
#define VSL_X_FWHT VSL_FOURCC('F', 'W', 'H', 'T')

/* Creates an encoder for H.264 (outputFourcc 'H','2','6','4') or H.265 ('H','E','V','C'), with a
 * key frame every second. Size and format are those of the first picture. For VSL_X_FWHT, which
 * has no bitrate, profile is AUTO: a constant quantiser, and every tenth picture a key frame.
 * Release it with vsl_encoder_release.
 *
 * VSL_CODEC_BACKEND_AUTO and _V4L2 use the device that the environment variable
 * VSL_V4L2_ENCODER_DEV names, else the first that encodes this; AUTO falls back to software.
 *
 * NULL and errno: EINVAL; ENODEV if no device or library encodes this; ENOTSUP for a backend that
 * is not in this build; the error of opening the device of the variable; ENAMETOOLONG. */
VSL_AVAILABLE_SINCE_1_3
VSL_API VSLEncoder* vsl_encoder_create(VSLEncoderProfile profile, uint32_t outputFourcc,
                                       int fps);

/* Like vsl_encoder_create, with a choice of backend. */
VSL_AVAILABLE_SINCE_2_0
VSL_API VSLEncoder* vsl_encoder_create_ex(VSLEncoderProfile profile, uint32_t outputFourcc,
                                          int fps, VSLCodecBackend backend);

/* All options of an encoder. Not in the 2.x library. Set size to sizeof(VSLEncoderConfig), all
 * other fields to 0, then the wanted options. */
typedef struct vsl_encoder_config {
    size_t          size;
    uint32_t        fourcc; /* 'H','2','6','4' or 'H','E','V','C', or VSL_X_FWHT */
    VSLCodecBackend backend;
    uint32_t        frames; /* per this many seconds: 30000 per 1001 */
    uint32_t        seconds;
    uint32_t        bitrate;      /* bits per second; 0: 5 Mbit/s */
    uint32_t        peak_bitrate; /* 0: constant bitrate; else variable up to this */
    int             quantiser;    /* 1 to 51 (FWHT: 31) instead of bitrates; 0: none */
    int             gop;          /* pictures from one key frame to the next; 0: default */
} VSLEncoderConfig;

/* Like vsl_encoder_create, with all options. Not in the 2.x library. */
VSL_API VSLEncoder* vsl_x_encoder_create_config(const VSLEncoderConfig* config);

/* Releases an encoder. NULL is ignored. */
VSL_AVAILABLE_SINCE_1_3
VSL_API void vsl_encoder_release(VSLEncoder* encoder);

/* Encodes the picture of source, or its part cropRegion unless that is NULL, and writes a packet
 * into destination, whose size, format, width and height then are those of the packet. keyframe,
 * unless NULL, receives 1 or 0. Every picture has the size, format and part of the first. Pictures
 * in NV12 and I420 are encoded directly, others are converted if the encoder does not support
 * them. Hardware reads a picture in a dma-buf in place: see vsl_x_encoder_copies. When the
 * function returns, source may be overwritten.
 *
 * 0, or -1 and errno: EINVAL; EBADF for a frame without memory; ENOTSUP for a format that cannot
 * be encoded; EMSGSIZE for a packet that is larger than destination, which is lost; EIO.
 * vsl_frame_size of destination returns the packet's bytes: 0 if no packet is ready yet; it comes
 * with one of the next calls. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_encode_frame(VSLEncoder* encoder, VSLFrame* source, VSLFrame* destination,
                             const VSLRect* cropRegion, int* keyframe);

/* Copies for an encoder since its creation. */
typedef struct {
    uint64_t pictures; /* pictures submitted */
    uint64_t copied;   /* of these, those that were copied, wholly or in part */
    uint64_t bytes;    /* bytes of pixels that were written for the copies */
    char     why[232]; /* the reason for copies to hardware, as text; "" without copies */
} VSLXEncoderCopies;

/* Fills in the first size bytes of copies: sizeof(VSLXEncoderCopies). Not in the 2.x library.
 *
 * Hardware reads a picture in place if it is in a dma-buf, in a format of the hardware, with the
 * strides and offsets of the hardware for this size. Otherwise it is copied, and so are all that
 * follow. 0, or -1 and EINVAL. */
VSL_API int vsl_x_encoder_copies(const VSLEncoder* encoder, VSLXEncoderCopies* copies,
                                 size_t size);

/* Creates a reusable frame for packets of pictures of this size. Release it with
 * vsl_frame_release. NULL and errno: EINVAL, ENOMEM. */
VSL_AVAILABLE_SINCE_1_3
VSL_API VSLFrame* vsl_encoder_new_output_frame(const VSLEncoder* encoder, int width,
                                               int height, int64_t duration, int64_t pts,
                                               int64_t dts);

/* ---- Decoder ------------------------------------------------------------------ */

typedef enum {
    VSL_DEC_H264 = 0,
    VSL_DEC_HEVC = 1,
    /* Not in the 2.x library. */
    VSL_X_DEC_FWHT = VSL_X_FWHT
} VSLDecoderCodec;

/* Result of vsl_decode_frame; a mask. */
typedef enum {
    VSL_DEC_SUCCESS   = 0,
    VSL_DEC_ERR       = 1, /* failure: see errno */
    VSL_DEC_INIT_INFO = 2, /* the picture size is now known, or has changed */
    VSL_DEC_FRAME_DEC = 4  /* a frame was returned */
} VSLDecoderRetCode;

/* A decoder: an Annex B byte stream in, frames in NV12 out. One thread at a time may use it. */
typedef struct vsl_decoder VSLDecoder;

/* Creates a decoder. fps is not used. Release it with vsl_decoder_release. NULL and errno: as for
 * vsl_encoder_create; the device is that of VSL_V4L2_DECODER_DEV. */
VSL_AVAILABLE_SINCE_1_4
VSL_API VSLDecoder* vsl_decoder_create(VSLDecoderCodec codec, int fps);

/* Like vsl_decoder_create, with a choice of backend, and the codec as four-character code ('H264',
 * 'HEVC', VSL_X_FWHT) or as VSLDecoderCodec. */
VSL_AVAILABLE_SINCE_2_0
VSL_API VSLDecoder* vsl_decoder_create_ex(uint32_t codec, int fps, VSLCodecBackend backend);

/* Decodes data up to the end of its first picture, whose position is returned in bytes_used: pass
 * the rest again, with the data that follows. Data has to contain the whole picture; its parameter
 * sets may come separately before it. output_frame receives the next frame or NULL; release it with
 * vsl_frame_release, before or after the decoder. At the end, each call with data_length 0 returns
 * a frame that was held back, or NULL.
 *
 * A mask of VSLDecoderRetCode; VSL_DEC_ERR and errno: EINVAL; EBADMSG for a damaged picture:
 * continue after it; EMSGSIZE for one of more than 2 MiB; EIO. */
VSL_AVAILABLE_SINCE_1_4
VSL_API VSLDecoderRetCode vsl_decode_frame(VSLDecoder* decoder, const void* data,
                                           unsigned int data_length, size_t* bytes_used,
                                           VSLFrame** output_frame);

/* Width of the frames in pixels; 0 before the first. */
VSL_AVAILABLE_SINCE_1_4
VSL_API int vsl_decoder_width(const VSLDecoder* decoder);

/* Height of the frames in pixels; 0 before the first. */
VSL_AVAILABLE_SINCE_1_4
VSL_API int vsl_decoder_height(const VSLDecoder* decoder);

/* The visible part of the frames: all of it, as frames contain nothing else. */
VSL_AVAILABLE_SINCE_1_4
VSL_API VSLRect vsl_decoder_crop(const VSLDecoder* decoder);

/* Releases a decoder, but not its frames. NULL is ignored. Returns 0. */
VSL_AVAILABLE_SINCE_1_4
VSL_API int vsl_decoder_release(VSLDecoder* decoder);

/* ---- Camera ------------------------------------------------------------------- */

/* A camera, and one of its buffers. A camera must be used by one thread at a time. While one
 * thread waits for a frame, another may call vsl_camera_release_buffer, and any thread may call
 * getters.
 *
 *   open_device, init_device, start_capturing,
 *   in a loop: get_data, release_buffer,
 *   stop_capturing, uninit_device, close_device
 *
 * The buffers belong to the camera and end with vsl_camera_uninit_device. */
typedef struct vsl_camera        vsl_camera;
typedef struct vsl_camera        VSLCamera;
typedef struct vsl_camera_buffer vsl_camera_buffer;

/* Opens a camera and locks it (flock) against other programs that use this function. Close it
 * with vsl_camera_close_device. NULL and errno: ENODEV if it is not a device, ENOTTY if it is not
 * a video device, EINVAL if it delivers no pictures, EWOULDBLOCK if another program has it, and
 * errors of stat and open. */
VSL_AVAILABLE_SINCE_1_3
VSL_API vsl_camera* vsl_camera_open_device(const char* filename);

/* Sets the format, and allocates, maps and exports the buffers. The four numbers are the requested
 * values, or 0 for the camera's default (4 buffers), and receive the driver's, which may differ:
 * compare them. The whole picture is captured; a crop is reset.
 *
 * 0, or -1 and errno: EINVAL, also for negative numbers; EBUSY if it was called before or another
 * program has the buffers; ENOTSUP for formats with planes in separate memory; ENOMEM; the
 * driver's error. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_init_device(vsl_camera* ctx, int* width, int* height, int* buf_count,
                                   uint32_t* fourcc);

/* Flips the picture horizontally, or not. 0, or -1 and errno: ENOTTY if the camera cannot. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_mirror(const vsl_camera* ctx, bool mirror);

/* Like vsl_camera_mirror, vertically. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_mirror_v(const vsl_camera* ctx, bool mirror);

/* Queues all buffers and starts capturing. 0, or -1 and errno: EINVAL before
 * vsl_camera_init_device and if it is already started; EBUSY; EPIPE or ENOLINK if the media
 * pipeline of the camera is not set up; the driver's error. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_start_capturing(vsl_camera* ctx);

/* Waits for the next frame, in the order of capture. Return it with vsl_camera_release_buffer. NULL
 * and errno: ETIMEDOUT after two seconds; EINVAL if the camera is not started; ENODEV if it was
 * unplugged; EIO and other errors of the driver. */
VSL_AVAILABLE_SINCE_1_3
VSL_API vsl_camera_buffer* vsl_camera_get_data(vsl_camera* ctx);

/* Queues a frame's buffer again. 0, or -1 and errno: EINVAL if it is not a buffer of this camera,
 * or is queued already. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_release_buffer(vsl_camera* ctx, const vsl_camera_buffer* buffer);

/* Stops capturing, which can be started again. Frames that were not fetched are dropped. 0, or -1
 * and errno: EINVAL before vsl_camera_init_device. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_stop_capturing(const vsl_camera* ctx);

/* Stops capturing, and unmaps and frees the buffers. */
VSL_AVAILABLE_SINCE_1_3
VSL_API void vsl_camera_uninit_device(vsl_camera* ctx);

/* Closes the camera, with its buffers if it still has any. */
VSL_AVAILABLE_SINCE_1_3
VSL_API void vsl_camera_close_device(vsl_camera* ctx);

/* 1 if the buffers have dma-bufs, else 0; after vsl_camera_init_device. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_is_dmabuf_supported(const vsl_camera* ctx);

/* Number of queued buffers: with 0 the driver cannot capture. Callable from any thread. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_get_queued_buf_count(const vsl_camera* ctx);

/* The colour space of the pictures (enum v4l2_colorspace); 0 if the driver does not specify it,
 * and before vsl_camera_init_device. */
VSL_AVAILABLE_SINCE_2_5
VSL_API uint32_t vsl_camera_color_space(const vsl_camera* ctx);

/* The transfer function (enum v4l2_xfer_func). */
VSL_AVAILABLE_SINCE_2_5
VSL_API uint32_t vsl_camera_color_transfer(const vsl_camera* ctx);

/* The matrix (enum v4l2_ycbcr_encoding). */
VSL_AVAILABLE_SINCE_2_5
VSL_API uint32_t vsl_camera_color_encoding(const vsl_camera* ctx);

/* The range (enum v4l2_quantization): 1 full, 2 limited. */
VSL_AVAILABLE_SINCE_2_5
VSL_API uint32_t vsl_camera_color_range(const vsl_camera* ctx);

/* The memory of a buffer, mapped for reading and writing. */
VSL_AVAILABLE_SINCE_1_3
VSL_API void* vsl_camera_buffer_mmap(vsl_camera_buffer* buffer);

/* The dma-buf of a buffer, which still owns it; -1 if the driver has none. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_buffer_dma_fd(const vsl_camera_buffer* buffer);

/* The physical address of a buffer, on kernels that provide it; else 0. */
VSL_AVAILABLE_SINCE_1_3
VSL_API uint64_t vsl_camera_buffer_phys_addr(const vsl_camera_buffer* buffer);

/* Size of a buffer in bytes. */
VSL_AVAILABLE_SINCE_1_3
VSL_API uint32_t vsl_camera_buffer_length(const vsl_camera_buffer* buffer);

/* Format of the picture. */
VSL_AVAILABLE_SINCE_1_3
VSL_API uint32_t vsl_camera_buffer_fourcc(const vsl_camera_buffer* buffer);

/* Bytes from row to row of the first plane; 0 for compressed pictures. */
VSL_AVAILABLE_SINCE_2_4
VSL_API uint32_t vsl_camera_buffer_bytes_per_line(const vsl_camera_buffer* buffer);

/* The driver's number of the frame: gaps are frames that were lost. */
VSL_AVAILABLE_SINCE_2_5
VSL_API uint32_t vsl_camera_buffer_sequence(const vsl_camera_buffer* buffer);

/* The driver's flags of the frame, unchanged (V4L2_BUF_FLAG_... of linux/videodev2.h): the clock
 * of its timestamp, whether that is the start of exposure, errors, key frames. */
VSL_AVAILABLE_SINCE_2_6
VSL_API uint32_t vsl_camera_buffer_flags(const vsl_camera_buffer* buffer);

/* The capture time of the frame, on CLOCK_MONOTONIC with most drivers. Either may be NULL. */
VSL_AVAILABLE_SINCE_1_3
VSL_API void vsl_camera_buffer_timestamp(const vsl_camera_buffer* buffer, int64_t* seconds,
                                         int64_t* nanoseconds);

/* Writes the formats of the camera into codes, up to size. Returns their number. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_enum_fmts(const vsl_camera* ctx, uint32_t* codes, int size);

/* Like vsl_camera_enum_fmts, for cameras with the multi-planar interface; 0 for others. */
VSL_AVAILABLE_SINCE_1_3
VSL_API int vsl_camera_enum_mplane_fmts(const vsl_camera* ctx, uint32_t* codes, int size);

/* ---- Discovery ---------------------------------------------------------------- */

/* A list of V4L2 devices belongs to the program: any number of threads may create lists; one
 * thread at a time may use a list. */

#define VSL_V4L2_MAX_FORMATS 64
#define VSL_V4L2_MAX_RESOLUTIONS 32
/* Maximum number of intervals of a size. Of these three limits, only this one applies. */
#define VSL_V4L2_MAX_FRAMERATES 16

/* Type of a device; a mask. */
typedef enum {
    VSL_V4L2_TYPE_CAMERA  = 1,  /* delivers pictures */
    VSL_V4L2_TYPE_OUTPUT  = 2,  /* takes pictures */
    VSL_V4L2_TYPE_ENCODER = 4,  /* pictures in, compressed data out */
    VSL_V4L2_TYPE_DECODER = 8,  /* compressed data in, pictures out */
    VSL_V4L2_TYPE_ISP     = 16, /* pictures in, pictures out */
    VSL_V4L2_TYPE_M2M     = 32, /* compressed data on both sides */
    VSL_V4L2_TYPE_ANY     = 0xFF
} VSLDeviceType;

/* Memory that a queue supports; a mask. */
typedef enum {
    VSL_V4L2_MEM_MMAP    = 1,
    VSL_V4L2_MEM_USERPTR = 2,
    VSL_V4L2_MEM_DMABUF  = 4
} VSLMemoryType;

/* An interval between frames in seconds: 1/30 is 30 frames a second. */
typedef struct {
    uint32_t numerator;
    uint32_t denominator;
} VSLFrameRate;

/* A size in pixels, with the intervals that the device lists. */
typedef struct {
    uint32_t     width;
    uint32_t     height;
    VSLFrameRate frame_rates[VSL_V4L2_MAX_FRAMERATES];
    size_t       num_frame_rates;
} VSLResolution;

/* A format of a device. resolutions is NULL and num_resolutions 0:
 * vsl_v4l2_enum_resolutions returns the sizes. */
typedef struct {
    uint32_t       fourcc;
    char           description[32];
    uint32_t       flags; /* V4L2_FMT_FLAG_* */
    bool           compressed;
    VSLResolution* resolutions;
    size_t         num_resolutions;
} VSLFormat;

/* A device. Text that does not fit is empty. The memory masks are 0 where the device has no
 * such queue, or another program has it. */
typedef struct {
    char          path[64];
    char          driver[32];
    char          card[32];
    char          bus_info[64];
    uint32_t      caps; /* V4L2_CAP_* of this node */
    VSLDeviceType device_type;
    VSLMemoryType capture_mem;
    VSLMemoryType output_mem;
    bool          multiplanar;
    VSLFormat*    capture_formats; /* formats that it delivers */
    size_t        num_capture_formats;
    VSLFormat*    output_formats; /* formats that it accepts */
    size_t        num_output_formats;
} VSLDevice;

/* Devices, sorted by path as text. */
typedef struct {
    VSLDevice* devices;
    size_t     count;
} VSLDeviceList;

/* Lists the video nodes in /dev, except those that cannot be opened. An empty list is not
 * NULL. Free it with vsl_v4l2_device_list_free. NULL and errno: the error of opening /dev. */
VSL_AVAILABLE_SINCE_2_2
VSL_API VSLDeviceList* vsl_v4l2_enumerate(void);

/* Like vsl_v4l2_enumerate, but lists only devices of some types. VSL_V4L2_TYPE_ANY also lists
 * devices without a type. */
VSL_AVAILABLE_SINCE_2_2
VSL_API VSLDeviceList* vsl_v4l2_enumerate_type(VSLDeviceType type_mask);

/* Frees a list with its devices and their formats. NULL is ignored. */
VSL_AVAILABLE_SINCE_2_2
VSL_API void vsl_v4l2_device_list_free(VSLDeviceList* list);

/* The path of the first device that encodes to a format; NULL and ENODEV without one.
 * Valid until this thread's next search. */
VSL_AVAILABLE_SINCE_2_2
VSL_API const char* vsl_v4l2_find_encoder(uint32_t codec_fourcc);

/* Like vsl_v4l2_find_encoder, for a device that decodes a format. */
VSL_AVAILABLE_SINCE_2_2
VSL_API const char* vsl_v4l2_find_decoder(uint32_t codec_fourcc);

/* Like vsl_v4l2_find_encoder, for a camera with a format. */
VSL_AVAILABLE_SINCE_2_2
VSL_API const char* vsl_v4l2_find_camera(uint32_t format_fourcc);

/* Like vsl_v4l2_find_camera, for one that has a size at least as wide and high, or lists none. */
VSL_AVAILABLE_SINCE_2_2
VSL_API const char* vsl_v4l2_find_camera_with_resolution(uint32_t format_fourcc,
                                                         uint32_t width, uint32_t height);

/* Queries the formats of a device in a list again, and frees the old arrays. 0, or -1 and errno:
 * EINVAL, or the error of opening it; then the old arrays remain. */
VSL_AVAILABLE_SINCE_2_2
VSL_API int vsl_v4l2_device_enum_formats(VSLDevice* device);

/* Lists the sizes of a format; of a range, the smallest and the largest, without intervals. Free
 * the array with free(). NULL and 0 in count if the device lists none; on failure also errno:
 * EINVAL, or the error of opening it. */
VSL_AVAILABLE_SINCE_2_2
VSL_API VSLResolution* vsl_v4l2_enum_resolutions(const VSLDevice* device, uint32_t fourcc,
                                                 size_t* count);

/* Whether a device of a list delivers (capture) or accepts a format. */
VSL_AVAILABLE_SINCE_2_2
VSL_API bool vsl_v4l2_device_supports_format(const VSLDevice* device, uint32_t fourcc,
                                             bool capture);

/* Allocates and maps memory of a dma-heap for USERPTR streaming; dma_fd receives its descriptor.
 * NULL, -1 and errno: EINVAL, ENOENT without a heap, EACCES, ENOMEM. */
VSL_AVAILABLE_SINCE_2_2
VSL_API void* vsl_v4l2_alloc_userptr(size_t size, int* dma_fd);

/* Unmaps and closes memory of vsl_v4l2_alloc_userptr; ignores NULL and -1. */
VSL_AVAILABLE_SINCE_2_2
VSL_API void vsl_v4l2_free_userptr(void* ptr, size_t size, int dma_fd);

/* "Camera", "Output", "Encoder", "Decoder", "ISP", "M2M"; else "Unknown". */
VSL_AVAILABLE_SINCE_2_2
VSL_API const char* vsl_v4l2_device_type_name(VSLDeviceType type);

/* Whether a format is one of MJPG JPEG H264 AVC1 M264 HEVC VP80 VP90 MPG1 MPG2 MPG4. */
VSL_AVAILABLE_SINCE_2_2
VSL_API bool vsl_v4l2_is_compressed_format(uint32_t fourcc);

/* Writes the four bytes of a code and a NUL to buf, and returns it. */
VSL_AVAILABLE_SINCE_2_2
VSL_API char* vsl_v4l2_fourcc_to_string(uint32_t fourcc, char buf[5]);

/* ---- Additions ---------------------------------------------------------------- */

/* Not in the 2.x library: names that begin with vsl_x_. */

/* A description of this thread's last failure, "" before the first. Valid until the thread calls
 * this function again. */
VSL_API const char* vsl_x_last_error(void);

/* The colorimetry of a frame, in the numbers of <linux/videodev2.h>:
 * colorspace, transfer function, Y'CbCr encoding and quantization, a byte each from the lowest; a
 * byte of 0 is the default. Received frames have the colorimetry of their host, decoded ones that
 * of the stream. 0 for NULL. */
VSL_API uint32_t vsl_x_frame_colorimetry(const VSLFrame* frame);

/* Sets the colorimetry of a frame that the program creates, for example of a camera:
 *
 *   vsl_x_frame_set_colorimetry(frame, vsl_camera_color_space(camera) |
 *                                      vsl_camera_color_transfer(camera) << 8 |
 *                                      vsl_camera_color_encoding(camera) << 16 |
 *                                      vsl_camera_color_range(camera) << 24);
 *
 * Clients receive it with the frame; an encoder writes that of its first picture into the stream.
 * vsl_frame_copy converts to the colorimetry of its target, or copies that of the source if the
 * target has none. Existing pixels do not change. 0, or -1 and errno: EINVAL. */
VSL_API int vsl_x_frame_set_colorimetry(VSLFrame* frame, uint32_t colorimetry);

/* A descriptor to poll for reading, along with others, for the frames of a client. It
 * belongs to the client: neither read nor close it.
 *
 * Set the client's timeout to 0. When the descriptor is readable, and before it is polled
 * for the first time, call vsl_frame_wait until it returns NULL with ETIMEDOUT. It fails with
 * ECONNRESET if the host has ended, and with EMFILE if this process has no free descriptor for
 * what the host sends; the descriptor can be used again after a later vsl_frame_wait has found a
 * host.
 * -1 and errno: EINVAL; EMFILE; ENOMEM. */
VSL_API int vsl_x_client_fd(VSLClient* client);

/* Statistics of a host: counts since vsl_host_init, and current numbers. */
typedef struct {
    uint64_t posted;           /* frames posted */
    uint64_t copied;           /* of these, those of which clients get a copy */
    uint64_t withdrawn;        /* frames made unreadable before they expired, to make room */
    uint64_t ended;            /* frames ended */
    uint64_t frames;           /* current number of frames */
    uint64_t buffers;          /* current number of registered buffers */
    uint64_t clients;          /* current number of connected clients */
    uint64_t refused;          /* clients refused */
    uint64_t evicted;          /* clients evicted */
    uint64_t left;             /* clients that disconnected or died */
    uint64_t wakes;            /* posts that woke sleeping clients */
    uint64_t descriptor_wakes; /* clients woken through vsl_x_client_fd */
} VSLXHostStats;

/* Fills in the first size bytes of stats: sizeof(VSLXHostStats), so that the struct can grow
 * without breaking programs built against an older one. 0, or -1 and EINVAL. */
VSL_API int vsl_x_host_stats(VSLHost* host, VSLXHostStats* stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* VIDEOSTREAM_H */
