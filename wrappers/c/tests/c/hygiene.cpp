// A C++ program whose objects own the library's: destructors run after the thread's variables are
// gone.
// With the argument `throw` a callback throws, which ends the program.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "videostream.h"

// The header's own macros under every warning.
static_assert(VSL_FOURCC('N', 'V', '1', '2') == 0x3231564eu, "fourcc");
static_assert(VSL_VERSION_ENCODE(2, 6, 0) == VSL_VERSION_2_6, "version");

namespace {

struct Viewer {
    Viewer() = default;
    Viewer(const Viewer&)            = delete;
    Viewer& operator=(const Viewer&) = delete;

    ~Viewer()
    {
        errno = 0;
        vsl_client_release(nullptr);
        if (errno != EINVAL) { std::_Exit(3); }
        errno = 0;
        if (vsl_client_init("/nonexistent/socket", nullptr, false) != nullptr || errno == 0) {
            std::_Exit(4);
        }
        if (vsl_x_last_error() == nullptr) { std::_Exit(5); }
        // What is found and converted is kept for each thread, too.
        (void) vsl_v4l2_find_camera(VSL_FOURCC('N', 'V', '1', '2'));
        const uint32_t nv12 = VSL_FOURCC('N', 'V', '1', '2');
        const uint32_t rgb3 = VSL_FOURCC('R', 'G', 'B', '3');
        VSLFrame*      from = vsl_frame_init(64, 32, 0, nv12, nullptr, nullptr);
        VSLFrame*      to   = vsl_frame_init(32, 16, 0, rgb3, nullptr, nullptr);
        if (vsl_frame_alloc(from, nullptr) != 0 || vsl_frame_alloc(to, nullptr) != 0) {
            std::_Exit(6);
        }
        (void) vsl_frame_copy(to, from, nullptr);
        vsl_frame_release(from);
        vsl_frame_release(to);
    }

    void meet_an_error() const
    {
        if (vsl_client_init("/nonexistent/socket", nullptr, false) != nullptr) { std::_Exit(2); }
        (void) vsl_x_last_error();
    }
};

Viewer of_the_program;

void in_a_thread()
{
    static thread_local Viewer of_the_thread;
    of_the_thread.meet_an_error();
}

void throws(VSLFrame*) { throw std::runtime_error("from a callback"); }

} // namespace

int main(int count, char** arguments)
{
    of_the_program.meet_an_error();
    std::thread(in_a_thread).join();
    if (count == 2 && std::strcmp(arguments[1], "throw") == 0) {
        const uint32_t nv12  = VSL_FOURCC('N', 'V', '1', '2');
        VSLFrame*      frame = vsl_frame_init(64, 32, 0, nv12, nullptr, throws);
        try {
            vsl_frame_release(frame);
        } catch (const std::exception&) {
            return 7;
        }
        return 8;
    }
    return 0;
}
