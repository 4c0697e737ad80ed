/* Checks of the test programs: the first that fails ends the program with its place. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            fprintf(stderr, "%s:%d: %s (errno: %s)\n", __FILE__, __LINE__,       \
                    #condition, strerror(errno));                                \
            exit(1);                                                             \
        }                                                                        \
    } while (0)

/* Whether expression holds and sets errno to error. */
#define CHECK_FAILS(expression, error) \
    do {                               \
        errno = 0;                     \
        CHECK(expression);             \
        CHECK(errno == (error));       \
    } while (0)

#endif
