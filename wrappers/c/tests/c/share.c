/* Host and client: what becomes of a frame, step by step. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>

#include "share.h"

static void a_frame_comes_with_everything(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  sent   = new_frame(0x5a);
    VSLFrame*  frame;
    int64_t    before = vsl_timestamp();
    int64_t    expires;

    expires = before + 60 * SECOND;
    CHECK(vsl_host_post(host, sent, expires, 7, -8, 9) == 0);
    CHECK(vsl_frame_serial(sent) == 1);
    CHECK(vsl_frame_timestamp(sent) >= before);
    CHECK_FAILS(vsl_host_post(host, sent, 0, 0, 0, 0) == -1, EBUSY);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL);
    CHECK(vsl_frame_serial(frame) == 1);
    CHECK(vsl_frame_timestamp(frame) == vsl_frame_timestamp(sent));
    CHECK(vsl_frame_duration(frame) == 7);
    CHECK(vsl_frame_pts(frame) == -8);
    CHECK(vsl_frame_dts(frame) == 9);
    CHECK(vsl_frame_expires(frame) == expires);
    CHECK(vsl_frame_fourcc(frame) == RGBA);
    CHECK(vsl_frame_width(frame) == WIDTH);
    CHECK(vsl_frame_height(frame) == HEIGHT);
    CHECK(vsl_frame_stride(frame) == 4 * WIDTH);
    CHECK(vsl_frame_size(frame) == BYTES);
    CHECK(vsl_frame_userptr(frame) == NULL);
    CHECK(vsl_frame_path(frame) == NULL);
    CHECK(vsl_frame_handle(frame) > 2);
    CHECK(fcntl(vsl_frame_handle(frame), F_GETFD) == FD_CLOEXEC);
    CHECK(vsl_frame_trylock(frame) == 0);
    CHECK(vsl_frame_trylock(frame) == 0);
    check_filled(frame, 0x5a);
    CHECK(vsl_frame_sync(frame, 1, O_RDONLY) == 0);
    CHECK(vsl_frame_sync(frame, 0, O_RDONLY) == 0);
    CHECK(vsl_frame_unlock(frame) == 0);
    CHECK(vsl_frame_unlock(frame) == 0);
    vsl_frame_release(frame);
    CHECK_FAILS(vsl_frame_trylock(sent) == -1, EINVAL);
    CHECK(vsl_frame_unlock(sent) == 0);
    vsl_client_set_timeout(client, 0.01f);
    CHECK_FAILS(vsl_frame_wait(client, 0) == NULL, ETIMEDOUT);
    CHECK(ended.calls == 0);
    vsl_host_release(host);
    CHECK(ended.calls == 1 && ended.last == 1 && ended.userptr == &ended);
    vsl_client_release(client);
}

static void an_expired_unlocked_frame_ends(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    int64_t    lifetime = 5000000;
    int        turn, serial = 2;

    post(host, new_frame(1), 60 * SECOND);
    frame = vsl_frame_wait(client, 0);
    CHECK(frame != NULL && vsl_frame_trylock(frame) == 0);
    /* Behind it, one that is over at once; not in order. */
    CHECK(vsl_host_post(host, new_frame(2), -1, 0, 0, 0) == 0);
    CHECK(ended.calls == 0);
    CHECK(vsl_host_process(host) == 0);
    CHECK(ended.calls == 1 && ended.last == 2);
    /* One that expires while it is locked; again with more time where it expires before. */
    vsl_frame_release(frame);
    vsl_client_set_timeout(client, 0);
    for (;;) {
        lifetime *= 4;
        CHECK(lifetime < 60 * SECOND);
        post(host, new_frame(++serial), lifetime);
        frame = vsl_frame_wait(client, 0);
        if (frame != NULL) {
            CHECK(vsl_frame_serial(frame) == serial);
            if (vsl_frame_trylock(frame) == 0) { break; }
            CHECK(errno == EEXIST);
            vsl_frame_release(frame);
        }
        while (ended.last != serial) { CHECK(vsl_host_process(host) == 0); }
    }
    while (vsl_timestamp() <= vsl_frame_expires(frame)) { usleep(5000); }
    for (turn = 0; turn < 3; turn++) { CHECK(vsl_host_process(host) == 0); }
    CHECK(ended.calls == serial - 2);
    check_filled(frame, serial);
    CHECK(vsl_frame_unlock(frame) == 0);
    CHECK(vsl_host_process(host) == 0);
    CHECK(ended.calls == serial - 1 && ended.last == serial);
    CHECK_FAILS(vsl_frame_trylock(frame) == -1, EEXIST);
    vsl_frame_release(frame);
    vsl_client_release(client);
    vsl_host_release(host);
    CHECK(ended.calls == serial && ended.last == 1);
}

static void a_frame_can_be_taken_back_and_posted_again(void)
{
    VSLHost*   host   = new_host();
    VSLHost*   other  = new_host();
    VSLHost*   hosts[2];
    VSLClient* client = new_client(other);
    VSLFrame*  frame  = new_frame(4);
    VSLFrame*  seen;
    int        turn;

    CHECK_FAILS(vsl_host_drop(other, frame) == -1, ENOENT);
    for (turn = 1; turn <= 3; turn++) {
        post(other, frame, 0);
        CHECK(vsl_frame_serial(frame) == turn);
        seen = vsl_frame_wait(client, 0);
        CHECK(seen != NULL);
        CHECK_FAILS(vsl_host_drop(host, frame) == -1, ENOENT);
        CHECK(vsl_host_drop(other, frame) == 0);
        CHECK_FAILS(vsl_host_drop(other, frame) == -1, ENOENT);
        CHECK_FAILS(vsl_frame_trylock(seen) == -1, EEXIST);
        vsl_frame_release(seen);
        check_filled(frame, 4);
        vsl_frame_munmap(frame);
    }
    /* Released by the program while the host has it. */
    post(other, frame, 0);
    vsl_frame_release(frame);
    CHECK(ended.calls == 1);
    /* Taken back, and released after its host. */
    frame = new_frame(5);
    post(other, frame, 0);
    CHECK(vsl_host_drop(other, frame) == 0);
    hosts[0] = host;
    hosts[1] = other;
    for (turn = 0; turn < 2; turn++) { vsl_host_release(hosts[turn]); }
    CHECK(ended.calls == 1);
    vsl_frame_release(frame);
    CHECK(ended.calls == 2);
    vsl_client_release(client);
}

static void a_client_waits_for_frames_from_a_time_on(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frame;
    VSLFrame*  second;

    post(host, new_frame(1), 60 * SECOND);
    second = new_frame(2);
    post(host, second, 60 * SECOND);
    frame = vsl_frame_wait(client, vsl_frame_timestamp(second));
    CHECK(frame != NULL && vsl_frame_serial(frame) == 2);
    vsl_frame_release(frame);
    vsl_client_set_timeout(client, 0.01f);
    post(host, new_frame(3), 60 * SECOND);
    CHECK_FAILS(vsl_frame_wait(client, vsl_timestamp() + SECOND) == NULL, ETIMEDOUT);
    vsl_client_release(client);
    vsl_host_release(host);
}

static void a_client_locks_twenty_frames(void)
{
    VSLHost*   host   = new_host();
    VSLClient* client = new_client(host);
    VSLFrame*  frames[21];
    int        at;

    for (at = 0; at < 21; at++) {
        post(host, new_frame(at), 60 * SECOND);
        frames[at] = vsl_frame_wait(client, 0);
        CHECK(frames[at] != NULL && vsl_frame_serial(frames[at]) == at + 1);
        if (at < 20) {
            CHECK(vsl_frame_trylock(frames[at]) == 0);
        } else {
            CHECK_FAILS(vsl_frame_trylock(frames[at]) == -1, EMFILE);
        }
    }
    CHECK(vsl_frame_unlock(frames[7]) == 0);
    CHECK(vsl_frame_trylock(frames[20]) == 0);
    /* The client goes first: its frames stay, and keep their locks. */
    vsl_client_release(client);
    CHECK(vsl_frame_trylock(frames[7]) == -1);
    for (at = 0; at < 21; at++) {
        check_filled(frames[at], at);
        vsl_frame_release(frames[at]);
    }
    vsl_host_release(host);
    CHECK(ended.calls == 21);
}

static VSLHost* reentered;

static void post_another(VSLFrame* frame)
{
    VSLFrame* next;

    if (vsl_frame_serial(frame) < 5) {
        next = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, post_another);
        CHECK(next != NULL && vsl_frame_alloc(next, NULL) == 0);
        CHECK(vsl_host_post(reentered, next, -1, 0, 0, 0) == 0);
    }
    ended.calls++;
}

static void callbacks_may_call_the_host(void)
{
    VSLHost*  host  = new_host();
    VSLFrame* frame = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, post_another);

    reentered = host;
    CHECK(frame != NULL && vsl_frame_alloc(frame, NULL) == 0);
    CHECK(vsl_host_post(host, frame, -1, 0, 0, 0) == 0);
    while (ended.calls < 5) { CHECK(vsl_host_process(host) == 0); }
    vsl_host_release(host);
    CHECK(ended.calls == 5);
}

/* Two that are due together: the callback of whichever ends first takes the other one away. */
static VSLFrame *due[2], *left;
static int       is_dropped;

static void take_the_other(VSLFrame* frame)
{
    VSLFrame* other = due[frame == due[0]];

    if (ended.calls++ > 0) { return; }
    if (is_dropped) {
        CHECK(vsl_host_drop(reentered, other) == 0);
        left = other;
    } else {
        vsl_frame_release(other);
        CHECK(ended.calls == 2);
        /* It may get the place of one that is over. */
        left = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, count_end);
        CHECK(left != NULL && vsl_frame_alloc(left, NULL) == 0);
    }
}

static void a_callback_may_drop_another_due_frame(void)
{
    int at;

    for (is_dropped = 0; is_dropped < 2; is_dropped++) {
        reentered = new_host();
        for (at = 0; at < 2; at++) {
            due[at] = vsl_frame_init(WIDTH, HEIGHT, 0, RGBA, NULL, take_the_other);
            CHECK(due[at] != NULL && vsl_frame_alloc(due[at], NULL) == 0);
            post(reentered, due[at], 0);
        }
        vsl_host_release(reentered);
        CHECK(ended.calls == 2 - is_dropped);
        fill(left, 8);
        check_filled(left, 8);
        vsl_frame_release(left);
        CHECK(ended.calls == 3 - is_dropped);
    }
}

int main(void)
{
    a_frame_comes_with_everything();
    an_expired_unlocked_frame_ends();
    a_frame_can_be_taken_back_and_posted_again();
    a_client_waits_for_frames_from_a_time_on();
    a_client_locks_twenty_frames();
    callbacks_may_call_the_host();
    a_callback_may_drop_another_due_frame();
    return 0;
}
