/* The macros of the header, version, time, four-character codes. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "videostream.h"

#include "check.h"

VSL_STATIC_ASSERT(VSL_VERSION_ENCODE(2, 5, 1) == 2005001, "encode");
VSL_STATIC_ASSERT(VSL_VERSION_DECODE_MAJOR(12034056) == 12, "major");
VSL_STATIC_ASSERT(VSL_VERSION_DECODE_MINOR(12034056) == 34, "minor");
VSL_STATIC_ASSERT(VSL_VERSION_DECODE_REVISION(12034056) == 56, "revision");
VSL_STATIC_ASSERT(VSL_VERSION_1_0 == 1000000, "1.0");
VSL_STATIC_ASSERT(VSL_VERSION_1_1 == 1001000, "1.1");
VSL_STATIC_ASSERT(VSL_VERSION_1_2 == 1002000, "1.2");
VSL_STATIC_ASSERT(VSL_VERSION_1_3 == 1003000, "1.3");
VSL_STATIC_ASSERT(VSL_VERSION_1_4 == 1004000, "1.4");
VSL_STATIC_ASSERT(VSL_VERSION_2_0 == 2000000, "2.0");
VSL_STATIC_ASSERT(VSL_VERSION_2_1 == 2001000, "2.1");
VSL_STATIC_ASSERT(VSL_VERSION_2_2 == 2002000, "2.2");
VSL_STATIC_ASSERT(VSL_VERSION_2_4 == 2004000, "2.4");
VSL_STATIC_ASSERT(VSL_VERSION_2_5 == 2005000, "2.5");
VSL_STATIC_ASSERT(VSL_VERSION_2_6 == 2006000, "2.6");
VSL_STATIC_ASSERT(VSL_TARGET_VERSION == VSL_VERSION_2_6, "target");
VSL_STATIC_ASSERT(VSL_FOURCC('N', 'V', '1', '2') == 0x3231564e, "fourcc");
VSL_STATIC_ASSERT(VSL_FOURCC(0, 0, 0, 0xff) == 0xff000000u, "fourcc, last byte");
VSL_STATIC_ASSERT(sizeof(VSL_FOURCC('a', 'b', 'c', 'd')) == 4, "fourcc is 32 bits");
#if VSL_IAR_VERSION_CHECK(0, 0, 0) || VSL_ARM_VERSION_CHECK(0, 0, 0)
#error "neither compiler is this one"
#endif
#if defined(__GNUC__) && !VSL_GNUC_VERSION_CHECK(4, 0, 0)
#error "this is at least GCC 4"
#endif

int main(void)
{
    struct timespec now;
    int64_t before, between, after;

    CHECK(strcmp(vsl_version(), VSL_VERSION) == 0);
    CHECK(strcmp(VSL_VERSION, "2.6.0") == 0);

    before = vsl_timestamp();
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    between = (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
    after = vsl_timestamp();
    CHECK(before > 0 && before <= between && between <= after);

    CHECK(vsl_fourcc_from_string("NV12") == VSL_FOURCC('N', 'V', '1', '2'));
    CHECK(vsl_fourcc_from_string("\x80\xff\x80\xff") == 0xff80ff80u);
    CHECK(vsl_fourcc_from_string("") == 0);
    CHECK(vsl_fourcc_from_string("NV1") == 0);
    CHECK(vsl_fourcc_from_string("NV123") == 0);
    CHECK_FAILS(vsl_fourcc_from_string(NULL) == 0, EINVAL);
    return 0;
}
