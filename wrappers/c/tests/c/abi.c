/* The interface of the 2.x library, said once more: the compiler refuses a header that says
 * something else. Then the values of its macros and enums and the layout of its structs. */
#include <stddef.h>
#include <string.h>

#include "videostream.h"

#include "check.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
extern const char* vsl_version(void);
extern int64_t vsl_timestamp(void);
extern uint32_t vsl_fourcc_from_string(const char* fourcc);
extern VSLHost* vsl_host_init(const char* path);
extern void vsl_host_release(VSLHost* host);
extern const char* vsl_host_path(const VSLHost* host);
extern int vsl_host_poll(VSLHost* host, int64_t wait);
extern int vsl_host_service(VSLHost* host, int sock);
extern int vsl_host_process(VSLHost* host);
extern int vsl_host_sockets(VSLHost* host, size_t n_sockets, int* sockets, size_t*
    max_sockets);
extern int vsl_host_post(VSLHost* host, VSLFrame* frame, int64_t expires, int64_t duration,
    int64_t pts, int64_t dts);
extern int vsl_host_drop(VSLHost* host, VSLFrame* frame);
extern VSLClient* vsl_client_init(const char* path, void* userptr, bool reconnect);
extern void vsl_client_release(VSLClient* client);
extern void vsl_client_disconnect(VSLClient* client);
extern void* vsl_client_userptr(VSLClient* client);
extern const char* vsl_client_path(const VSLClient* client);
extern void vsl_client_set_timeout(VSLClient* client, float timeout);
extern VSLFrame* vsl_frame_register(VSLHost* host, int64_t serial, int handle, int width, int
    height, uint32_t fourcc, size_t size, size_t offset, int64_t expires, int64_t duration,
    int64_t pts, int64_t dts, vsl_frame_cleanup cleanup, void* userptr);
extern VSLFrame* vsl_frame_init(uint32_t width, uint32_t height, uint32_t stride, uint32_t
    fourcc, void* userptr, vsl_frame_cleanup cleanup);
extern int vsl_frame_alloc(VSLFrame* frame, const char* path);
extern void vsl_frame_unalloc(VSLFrame* frame);
extern int vsl_frame_attach(VSLFrame* frame, int fd, size_t size, size_t offset);
extern const char* vsl_frame_path(const VSLFrame* frame);
extern void vsl_frame_unregister(VSLFrame* frame);
extern int vsl_frame_copy(VSLFrame* target, VSLFrame* source, const VSLRect* crop);
extern void* vsl_frame_userptr(VSLFrame* frame);
extern void vsl_frame_set_userptr(VSLFrame* frame, void* userptr);
extern VSLFrame* vsl_frame_wait(VSLClient* client, int64_t until);
extern void vsl_frame_release(VSLFrame* frame);
extern int vsl_frame_trylock(VSLFrame* frame);
extern int vsl_frame_unlock(VSLFrame* frame);
extern int64_t vsl_frame_serial(const VSLFrame* frame);
extern int64_t vsl_frame_timestamp(const VSLFrame* frame);
extern int64_t vsl_frame_duration(const VSLFrame* frame);
extern int64_t vsl_frame_pts(const VSLFrame* frame);
extern int64_t vsl_frame_dts(const VSLFrame* frame);
extern int64_t vsl_frame_expires(const VSLFrame* frame);
extern uint32_t vsl_frame_fourcc(const VSLFrame* frame);
extern int vsl_frame_width(const VSLFrame* frame);
extern int vsl_frame_height(const VSLFrame* frame);
extern int vsl_frame_stride(const VSLFrame* frame);
extern int vsl_frame_size(const VSLFrame* frame);
extern int vsl_frame_handle(const VSLFrame* frame);
extern intptr_t vsl_frame_paddr(VSLFrame* frame);
extern void* vsl_frame_mmap(VSLFrame* frame, size_t* size);
extern void vsl_frame_munmap(VSLFrame* frame);
extern int vsl_frame_sync(const VSLFrame* frame, int enable, int mode);
extern VSLEncoder* vsl_encoder_create(VSLEncoderProfile profile, uint32_t outputFourcc, int
    fps);
extern VSLEncoder* vsl_encoder_create_ex(VSLEncoderProfile profile, uint32_t outputFourcc, int
    fps, VSLCodecBackend backend);
extern void vsl_encoder_release(VSLEncoder* encoder);
extern int vsl_encode_frame(VSLEncoder* encoder, VSLFrame* source, VSLFrame* destination, const
    VSLRect* cropRegion, int* keyframe);
extern VSLFrame* vsl_encoder_new_output_frame(const VSLEncoder* encoder, int width, int height,
    int64_t duration, int64_t pts, int64_t dts);
extern VSLDecoder* vsl_decoder_create(VSLDecoderCodec codec, int fps);
extern VSLDecoder* vsl_decoder_create_ex(uint32_t codec, int fps, VSLCodecBackend backend);
extern VSLDecoderRetCode vsl_decode_frame(VSLDecoder* decoder, const void* data, unsigned int
    data_length, size_t* bytes_used, VSLFrame** output_frame);
extern int vsl_decoder_width(const VSLDecoder* decoder);
extern int vsl_decoder_height(const VSLDecoder* decoder);
extern VSLRect vsl_decoder_crop(const VSLDecoder* decoder);
extern int vsl_decoder_release(VSLDecoder* decoder);
extern vsl_camera* vsl_camera_open_device(const char* filename);
extern int vsl_camera_init_device(vsl_camera* ctx, int* width, int* height, int* buf_count,
    uint32_t* fourcc);
extern int vsl_camera_mirror(const vsl_camera* ctx, bool mirror);
extern int vsl_camera_mirror_v(const vsl_camera* ctx, bool mirror);
extern int vsl_camera_start_capturing(vsl_camera* ctx);
extern vsl_camera_buffer* vsl_camera_get_data(vsl_camera* ctx);
extern int vsl_camera_release_buffer(vsl_camera* ctx, const vsl_camera_buffer* buffer);
extern int vsl_camera_stop_capturing(const vsl_camera* ctx);
extern void vsl_camera_uninit_device(vsl_camera* ctx);
extern void vsl_camera_close_device(vsl_camera* ctx);
extern int vsl_camera_is_dmabuf_supported(const vsl_camera* ctx);
extern int vsl_camera_get_queued_buf_count(const vsl_camera* ctx);
extern uint32_t vsl_camera_color_space(const vsl_camera* ctx);
extern uint32_t vsl_camera_color_transfer(const vsl_camera* ctx);
extern uint32_t vsl_camera_color_encoding(const vsl_camera* ctx);
extern uint32_t vsl_camera_color_range(const vsl_camera* ctx);
extern void* vsl_camera_buffer_mmap(vsl_camera_buffer* buffer);
extern int vsl_camera_buffer_dma_fd(const vsl_camera_buffer* buffer);
extern uint64_t vsl_camera_buffer_phys_addr(const vsl_camera_buffer* buffer);
extern uint32_t vsl_camera_buffer_length(const vsl_camera_buffer* buffer);
extern uint32_t vsl_camera_buffer_fourcc(const vsl_camera_buffer* buffer);
extern uint32_t vsl_camera_buffer_bytes_per_line(const vsl_camera_buffer* buffer);
extern uint32_t vsl_camera_buffer_sequence(const vsl_camera_buffer* buffer);
extern uint32_t vsl_camera_buffer_flags(const vsl_camera_buffer* buffer);
extern void vsl_camera_buffer_timestamp(const vsl_camera_buffer* buffer, int64_t* seconds,
    int64_t* nanoseconds);
extern int vsl_camera_enum_fmts(const vsl_camera* ctx, uint32_t* codes, int size);
extern int vsl_camera_enum_mplane_fmts(const vsl_camera* ctx, uint32_t* codes, int size);
extern VSLDeviceList* vsl_v4l2_enumerate(void);
extern VSLDeviceList* vsl_v4l2_enumerate_type(VSLDeviceType type_mask);
extern void vsl_v4l2_device_list_free(VSLDeviceList* list);
extern const char* vsl_v4l2_find_encoder(uint32_t codec_fourcc);
extern const char* vsl_v4l2_find_decoder(uint32_t codec_fourcc);
extern const char* vsl_v4l2_find_camera(uint32_t format_fourcc);
extern const char* vsl_v4l2_find_camera_with_resolution(uint32_t format_fourcc, uint32_t width,
    uint32_t height);
extern int vsl_v4l2_device_enum_formats(VSLDevice* device);
extern VSLResolution* vsl_v4l2_enum_resolutions(const VSLDevice* device, uint32_t fourcc,
    size_t* count);
extern bool vsl_v4l2_device_supports_format(const VSLDevice* device, uint32_t fourcc, bool
    capture);
extern void* vsl_v4l2_alloc_userptr(size_t size, int* dma_fd);
extern void vsl_v4l2_free_userptr(void* ptr, size_t size, int dma_fd);
extern const char* vsl_v4l2_device_type_name(VSLDeviceType type);
extern bool vsl_v4l2_is_compressed_format(uint32_t fourcc);
extern char* vsl_v4l2_fourcc_to_string(uint32_t fourcc, char buf[5]);

#pragma GCC diagnostic pop

#ifdef __cplusplus
}
#endif

static void macros_have_their_values(void)
{
    CHECK(strcmp(VSL_VERSION, "2.6.0") == 0 && strcmp(vsl_version(), VSL_VERSION) == 0);
    CHECK(VSL_VERSION_ENCODE(2, 5, 1) == 2005001);
    CHECK(VSL_VERSION_DECODE_MAJOR(2005001) == 2);
    CHECK(VSL_VERSION_DECODE_MINOR(2005001) == 5);
    CHECK(VSL_VERSION_DECODE_REVISION(2005001) == 1);
    CHECK(VSL_VERSION_1_0 == 1000000 && VSL_VERSION_1_1 == 1001000);
    CHECK(VSL_VERSION_1_2 == 1002000 && VSL_VERSION_1_3 == 1003000);
    CHECK(VSL_VERSION_1_4 == 1004000 && VSL_VERSION_2_0 == 2000000);
    CHECK(VSL_VERSION_2_1 == 2001000 && VSL_VERSION_2_2 == 2002000);
    CHECK(VSL_VERSION_2_4 == 2004000 && VSL_VERSION_2_5 == 2005000);
    CHECK(VSL_VERSION_2_6 == 2006000 && VSL_TARGET_VERSION == VSL_VERSION_2_6);
    CHECK(VSL_FOURCC('N', 'V', '1', '2') == 0x3231564e);
    CHECK(VSL_V4L2_MAX_FORMATS == 64 && VSL_V4L2_MAX_RESOLUTIONS == 32);
    CHECK(VSL_V4L2_MAX_FRAMERATES == 16);
    CHECK(VSL_GNUC_VERSION_CHECK(3, 0, 0) && !VSL_GNUC_VERSION_CHECK(900, 0, 0));
    CHECK(!VSL_ARM_VERSION_CHECK(0, 0, 0) && !VSL_IAR_VERSION_CHECK(0, 0, 0));
}

static void enums_have_their_values(void)
{
    CHECK(VSL_ENCODE_PROFILE_AUTO == 0 && VSL_ENCODE_PROFILE_5000_KBPS == 1);
    CHECK(VSL_ENCODE_PROFILE_25000_KBPS == 2 && VSL_ENCODE_PROFILE_50000_KBPS == 3);
    CHECK(VSL_ENCODE_PROFILE_100000_KBPS == 4);
    CHECK(VSL_DEC_H264 == 0 && VSL_DEC_HEVC == 1);
    CHECK(VSL_CODEC_BACKEND_AUTO == 0 && VSL_CODEC_BACKEND_HANTRO == 1);
    CHECK(VSL_CODEC_BACKEND_V4L2 == 2);
    CHECK(VSL_DEC_SUCCESS == 0 && VSL_DEC_ERR == 1);
    CHECK(VSL_DEC_INIT_INFO == 2 && VSL_DEC_FRAME_DEC == 4);
    CHECK(VSL_V4L2_TYPE_CAMERA == 1 && VSL_V4L2_TYPE_OUTPUT == 2);
    CHECK(VSL_V4L2_TYPE_ENCODER == 4 && VSL_V4L2_TYPE_DECODER == 8);
    CHECK(VSL_V4L2_TYPE_ISP == 16 && VSL_V4L2_TYPE_M2M == 32);
    CHECK(VSL_V4L2_TYPE_ANY == 0xFF);
    CHECK(VSL_V4L2_MEM_MMAP == 1 && VSL_V4L2_MEM_USERPTR == 2 && VSL_V4L2_MEM_DMABUF == 4);
    CHECK(sizeof(enum vsl_encode_profile) == sizeof(int));
    CHECK(sizeof(VSLDecoderCodec) == sizeof(int));
    CHECK(sizeof(VSLCodecBackend) == sizeof(int));
    CHECK(sizeof(VSLDecoderRetCode) == sizeof(int));
    CHECK(sizeof(VSLDeviceType) == sizeof(int));
    CHECK(sizeof(VSLMemoryType) == sizeof(int));
}

#define AT(type, field, offset) CHECK(offsetof(type, field) == (offset))

static void structs_have_their_layout(void)
{
    CHECK(sizeof(struct vsl_rect) == 16);
    AT(VSLRect, x, 0);
    AT(VSLRect, y, 4);
    AT(VSLRect, width, 8);
    AT(VSLRect, height, 12);
    CHECK(sizeof(VSLFrameRate) == 8);
    AT(VSLFrameRate, numerator, 0);
    AT(VSLFrameRate, denominator, 4);
    /* What follows has pointers. */
    if (sizeof(void*) != 8) { return; }
    CHECK(sizeof(VSLResolution) == 144);
    AT(VSLResolution, width, 0);
    AT(VSLResolution, height, 4);
    AT(VSLResolution, frame_rates, 8);
    AT(VSLResolution, num_frame_rates, 136);
    CHECK(sizeof(VSLFormat) == 64);
    AT(VSLFormat, fourcc, 0);
    AT(VSLFormat, description, 4);
    AT(VSLFormat, flags, 36);
    AT(VSLFormat, compressed, 40);
    AT(VSLFormat, resolutions, 48);
    AT(VSLFormat, num_resolutions, 56);
    CHECK(sizeof(VSLDevice) == 248);
    AT(VSLDevice, path, 0);
    AT(VSLDevice, driver, 64);
    AT(VSLDevice, card, 96);
    AT(VSLDevice, bus_info, 128);
    AT(VSLDevice, caps, 192);
    AT(VSLDevice, device_type, 196);
    AT(VSLDevice, capture_mem, 200);
    AT(VSLDevice, output_mem, 204);
    AT(VSLDevice, multiplanar, 208);
    AT(VSLDevice, capture_formats, 216);
    AT(VSLDevice, num_capture_formats, 224);
    AT(VSLDevice, output_formats, 232);
    AT(VSLDevice, num_output_formats, 240);
    CHECK(sizeof(VSLDeviceList) == 16);
    AT(VSLDeviceList, devices, 0);
    AT(VSLDeviceList, count, 8);
}

static void handles_have_their_names(void)
{
    struct vsl_camera* camera  = (VSLCamera*) NULL;
    struct vsl_host*   host    = (VSLHost*) NULL;
    struct vsl_client* client  = (VSLClient*) NULL;
    struct vsl_frame*  frame   = (VSLFrame*) NULL;
    struct vsl_encoder* encoder = (VSLEncoder*) NULL;
    struct vsl_decoder* decoder = (VSLDecoder*) NULL;
    struct vsl_camera_buffer* buffer = (vsl_camera_buffer*) NULL;

    CHECK(!camera && !host && !client && !frame && !encoder && !decoder && !buffer);
}

int main(void)
{
    macros_have_their_values();
    enums_have_their_values();
    structs_have_their_layout();
    handles_have_their_names();
    return 0;
}
