/* A first host and its first client, as guides print them: `host SOCKET` shares frames until its
 * input ends, `client SOCKET` prints ten of them. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "videostream.h"

static int host_program(const char* path)
{
    VSLHost*      host  = vsl_host_init(path);
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    int           value = 0;

    if (host == NULL) { return 1; }
    printf("ready\n");
    fflush(stdout);
    while (poll(&input, 1, 0) == 0) {
        VSLFrame* frame = vsl_frame_init(640, 480, 0, VSL_FOURCC('N', 'V', '1', '2'), NULL, NULL);

        if (frame == NULL || vsl_frame_alloc(frame, NULL) != 0) { return 1; }
        memset(vsl_frame_mmap(frame, NULL), value++ % 100, 640 * 480 * 3 / 2);
        if (vsl_host_post(host, frame, vsl_timestamp() + INT64_C(1000000000), 0, 0, 0) != 0) {
            return 1;
        }
        if (vsl_host_poll(host, 10) > 0) { vsl_host_process(host); }
    }
    vsl_host_release(host);
    return 0;
}

static int client_program(const char* path)
{
    VSLClient* client = vsl_client_init(path, NULL, true);
    int        seen   = 0;

    if (client == NULL) { return 1; }
    vsl_client_set_timeout(client, 60);
    while (seen < 10) {
        VSLFrame*            frame = vsl_frame_wait(client, 0);
        size_t               size  = 0;
        const unsigned char* bytes;

        if (frame == NULL) { return 1; }
        if (vsl_frame_trylock(frame) == 0) {
            bytes = (const unsigned char*) vsl_frame_mmap(frame, &size);
            if (bytes == NULL) { return 1; }
            printf("%dx%d %zu bytes, first %d last %d\n", vsl_frame_width(frame),
                   vsl_frame_height(frame), size, bytes[0], bytes[size - 1]);
            vsl_frame_munmap(frame);
            vsl_frame_unlock(frame);
            seen++;
        }
        vsl_frame_release(frame);
    }
    vsl_client_release(client);
    return 0;
}

int main(int argc, char** argv)
{
    if (argc != 3) { return 2; }
    return strcmp(argv[1], "host") == 0 ? host_program(argv[2]) : client_program(argv[2]);
}
