"""Clients: frames, errors, reconnects."""

import copy
import errno
import os
import pickle
from pathlib import Path

import conftest
import numpy as np
import pytest
import videostream as vs

TIMEOUT_S = conftest.TIMEOUT_S


def test_frames_describe_themselves(host, socket):
    client = vs.Client(socket)
    frame = host.frame(16, 8, "NV12")
    frame.array[...] = 1
    assert (frame.serial, frame.is_writable) == (0, True)
    assert host.post(frame, pts=4_000, duration=33_000) == 1
    got = client.next(TIMEOUT_S)
    assert (got.width, got.height, got.fourcc, got.serial) == (16, 8, "NV12", 1)
    assert (got.pts_ns, got.duration_ns, got.missed) == (4_000, 33_000, 0)
    assert got.timestamp == pytest.approx(got.timestamp_ns / 1e9)
    assert 0 < got.timestamp_ns <= got.published_ns
    assert got.strides == [16, 16]
    assert got.bytes_used == 16 * 8 * 3 // 2
    assert not (got.is_writable or got.is_after_restart or got.has_new_format or got.is_corrupted)


def test_an_unknown_pts_is_none(host, socket):
    client = vs.Client(socket)
    conftest.post(host)
    assert client.next(TIMEOUT_S).pts_ns is None


def test_newest_skips_older_frames(host, socket):
    client = vs.Client(socket)
    for value in range(1, 6):
        conftest.post(host, value)
    frame = client.next(TIMEOUT_S)
    assert (frame.array[0, 0], frame.serial) == (5, 5)
    for value in range(6, 9):
        conftest.post(host, value)
    frame = client.next(TIMEOUT_S)
    assert (frame.array[0, 0], frame.missed) == (8, 2)


def test_every_frame_comes_in_order(host, socket):
    client = vs.Client(socket, mode="every")
    for value in range(1, 6):
        conftest.post(host, value)
    assert [client.next(TIMEOUT_S).array[0, 0] for _ in range(5)] == [1, 2, 3, 4, 5]


def test_seek_skips_frames(host, socket):
    client = vs.Client(socket, mode="every")
    for value in range(1, 6):
        conftest.post(host, value)
    client.seek(3)
    assert client.next(TIMEOUT_S).serial == 4


def test_a_new_format_is_reported(host, socket):
    client = vs.Client(socket)
    conftest.post(host)
    assert not client.next(TIMEOUT_S).has_new_format
    conftest.post(host, size=(32, 8))
    frame = client.next(TIMEOUT_S)
    assert frame.has_new_format
    assert frame.array.shape == (8, 32)
    conftest.post(host, size=(32, 8))
    assert not client.next(TIMEOUT_S).has_new_format


def test_raw_streams_have_no_parameters(there, socket):
    assert vs.Client(socket, timeout=TIMEOUT_S).parameters is None


def test_stats_name_the_client(there, socket):
    client = vs.Client(socket)
    there.asks("post 4")
    frame = client.next(TIMEOUT_S)
    stats = client.stats(TIMEOUT_S)
    assert stats["serial"] == 4
    (one,) = stats["clients"]
    assert (one["pid"], one["uid"], one["held"]) == (os.getpid(), os.getuid(), 1)
    assert (one["hold"], one["mode"]) == (2, "newest")
    del frame


def test_a_path_may_be_an_object(host, socket):
    assert vs.Client(Path(socket)).path == socket


def test_abstract_names_need_no_file():
    name = f"videostream-test-{os.getpid()}"
    with vs.Host(name) as host, vs.Client(name) as client:
        conftest.post(host, 3)
        assert client.next(TIMEOUT_S).array[0, 0] == 3


# Errors.


def test_a_missing_host_is_an_error_at_once(socket):
    with pytest.raises(vs.HostGone, match="no host serves") as caught:
        vs.Client(socket)
    error = caught.value
    assert (error.errno, error.filename) == (errno.ECONNREFUSED, socket)
    assert error.strerror in str(error)
    assert socket in str(error)
    assert isinstance(error, (OSError, RuntimeError, ConnectionError))
    assert isinstance(error, RuntimeError)


def test_error_classes_have_the_right_bases():
    ends = (vs.Error, OSError, RuntimeError, Exception)
    for kind, base in [
        (vs.TimedOut, TimeoutError),
        (vs.HostGone, ConnectionError),
        (vs.Refused, ConnectionError),
        (vs.HoldLimit, OSError),
        (vs.Unplugged, OSError),
        (vs.Released, ValueError),
        (vs.Forked, OSError),
    ]:
        for end in (*ends, base):
            assert issubclass(kind, end)
        assert kind.__module__ == "videostream"
        error = kind(errno.EIO, "what to do", "/tmp/x")
        assert (error.errno, error.strerror, error.filename) == (errno.EIO, "what to do", "/tmp/x")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.args, again.filename) == (kind, error.args, "/tmp/x")


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_invalid_socket_names_are_refused(path):
    with pytest.raises((vs.Error, ValueError)):
        vs.Client(path)
    with pytest.raises((vs.Error, ValueError)):
        vs.Host(path)


def test_too_long_a_name_is_refused(tmp_path):
    with pytest.raises(vs.Error, match="bytes") as caught:
        vs.Client(str(tmp_path / ("x" * 200)))
    assert caught.value.errno == errno.ENAMETOOLONG


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "latest"}, 'expected "newest" or "every"'),
        ({"spin": -1.0}, "spin=-1"),
        ({"spin": float("nan")}, "spin=NaN"),
        ({"timeout": -0.5}, "timeout=-0.5"),
    ],
)
def test_wrong_options_explain_what_is_expected(host, socket, options, message):
    with pytest.raises(ValueError, match=message):
        vs.Client(socket, **options)


def test_wrong_types_are_type_errors(host, socket):
    for wrong in [None, 5, object()]:
        with pytest.raises(TypeError):
            vs.Client(wrong)
        with pytest.raises(TypeError):
            vs.Host(wrong)
    with pytest.raises(TypeError):
        host.post(None)
    with pytest.raises(TypeError, match="four letters"):
        host.frame(8, 8, None)


def test_too_large_a_hold_is_refused(start_host, socket):
    start_host(lend=4)
    # Raised at once, or by the first call if the host has not answered by then.
    with pytest.raises(vs.Refused) as caught:
        vs.Client(socket, hold=10).next(TIMEOUT_S)
    assert "10" in str(caught.value)
    assert caught.value.filename == socket


def test_hold_defaults_to_two_or_fewer(start_host, socket):
    there = start_host(lend=2)
    client = vs.Client(socket, timeout=TIMEOUT_S)
    client.stats(TIMEOUT_S)
    assert client.hold == 1
    there.asks("post 1")
    values = []
    for frame in client:
        values.append(frame.array[0, 0])
        if len(values) == 5:
            break
        there.asks("post 1")
    assert values == [1, 2, 3, 4, 5]


def test_a_view_blocks_a_hold_of_one(start_host, socket):
    there = start_host()
    client = vs.Client(socket, hold=1, timeout=TIMEOUT_S)
    there.asks("post 1")
    frames = iter(client)
    array = next(frames).array
    there.asks("post 1")
    with pytest.raises((BufferError, vs.HoldLimit)):
        next(frames)
    assert array[0, 0] == 1
    del array


def test_the_hold_limit_names_its_number(host, socket):
    client = vs.Client(socket, hold=2)
    kept = []
    for value in range(3):
        conftest.post(host, value)
        if value < 2:
            kept.append(client.next(TIMEOUT_S))
    with pytest.raises(vs.HoldLimit, match="2") as caught:
        client.next(TIMEOUT_S)
    assert caught.value.errno == errno.ENOBUFS
    with pytest.raises(vs.HoldLimit):
        client.poll()
    kept[0].release()
    assert client.next(TIMEOUT_S).array[0, 0] == 2


def test_loops_release_frames(host, socket):
    client = vs.Client(socket, mode="every", timeout=TIMEOUT_S)
    conftest.post(host, 0)
    values = []
    for frame in client:
        values.append(int(frame.array[0, 0]))
        if len(values) == 20:
            break
        conftest.post(host, len(values))
    assert values == list(range(20))


def test_other_users_are_refused(children, socket):
    if os.getuid() != 0:
        pytest.skip("another user needs root")
    Path(socket).parent.chmod(0o755)
    for parent in Path(socket).parents:
        if parent.stat().st_mode & 0o5 != 0o5 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o5)
    host = children(
        conftest.HOST.replace("lend=int(sys.argv[2])", 'mode=0o666, access={"uids": [12345]}'),
        socket,
    )
    assert host.says() == "ready"
    code = """
    os.setgid(54321); os.setuid(54321)
    try:
        vs.Client(sys.argv[1]).next(60)
    except vs.Error as error:
        print(type(error).__name__, error)
    """
    assert conftest.run(code, socket).startswith("Refused")


def test_a_host_that_closes_ends_the_loop(there, socket):
    client = vs.Client(socket, mode="every")
    there.asks("close")
    assert list(client) == []
    with pytest.raises(vs.HostGone):
        client.next(TIMEOUT_S)


def test_posted_frames_come_before_the_end(there, socket):
    client = vs.Client(socket, mode="every", timeout=TIMEOUT_S)
    client.stats(TIMEOUT_S)
    there.asks("post 3")
    there.asks("close")
    assert [frame.serial for frame in client] == [1, 2, 3]


def test_a_killed_host_raises(there, socket):
    client = vs.Client(socket)
    there.asks("post 1")
    frame = client.next(TIMEOUT_S)
    there.kill()
    with pytest.raises(vs.HostGone) as caught:
        client.next(TIMEOUT_S)
    assert caught.value.errno == errno.ECONNRESET
    assert caught.value.filename == socket
    assert frame.array[0, 0] == 1
    with pytest.raises(vs.HostGone):
        next(iter(client))
    with pytest.raises(vs.HostGone):
        client.stats(TIMEOUT_S)


def test_a_suspended_host_is_waited_for(there, socket):
    client = vs.Client(socket)
    there.asks("post 1")
    client.next(TIMEOUT_S).release()
    there.stop()
    with pytest.raises(vs.TimedOut):
        client.next(0.05)
    with pytest.raises(vs.TimedOut):
        client.stats(0.05)
    there.hears("post 1")
    there.go_on()
    assert client.next(TIMEOUT_S).serial == 2


def test_connecting_to_a_suspended_host_times_out(there, socket):
    there.stop()
    client = vs.Client(socket)
    assert not client.is_connected
    assert "connecting" in repr(client)
    with pytest.raises(vs.TimedOut):
        client.next(0.01)
    assert client.poll() is None
    there.hears("post 1")
    there.go_on()
    assert client.next(TIMEOUT_S).serial >= 1


# Closing and moving on.


def test_a_closed_client_says_so(host, socket):
    client = vs.Client(socket)
    conftest.post(host, 4)
    frame = client.next(TIMEOUT_S)
    client.close()
    client.close()
    for call in [client.next, client.poll, client.fileno, client.stats, lambda: client.seek(1)]:
        with pytest.raises(vs.Released, match="closed") as caught:
            call()
        assert caught.value.filename == socket
    assert not client.is_connected
    assert "closed" in repr(client)
    assert list(client) == []
    assert frame.array[0, 0] == 4


def test_closing_leaves_no_descriptor(host, socket):
    # The host has allocated all its buffers.
    for _ in range(20):
        conftest.post(host)
    before = conftest.fds()
    for _ in range(20):
        with vs.Client(socket) as client:
            conftest.post(host)
            client.next(TIMEOUT_S).release()
        del client
        host.process()
    assert conftest.fds() == before


def test_a_client_moves_to_the_next_host(start_host, socket):
    first = start_host()
    client = vs.Client(socket, reconnect=True, timeout=TIMEOUT_S)
    first.asks("post 2")
    old = client.next()
    first.kill()
    second = start_host()
    second.hears("post 1")
    frame = client.next()
    assert (frame.serial, frame.is_after_restart, client.restarts) == (1, True, 1)
    assert client.is_connected
    assert old.array[0, 0] == 2
    # And on.
    second.asks("post 1")
    assert not client.next().is_after_restart


def test_a_loop_goes_on_with_the_next_host(start_host, socket):
    host = start_host()
    client = vs.Client(socket, reconnect=True, mode="every", timeout=TIMEOUT_S)
    host.asks("post 1")
    seen = []
    for frame in client:
        seen.append((frame.serial, frame.is_after_restart))
        if len(seen) == 3:
            break
        host.asks("close")
        host = start_host()
        host.hears("post 1")
    assert seen == [(1, False), (1, True), (1, True)]


def test_waiting_outlasts_the_retry_pauses(socket):
    client = vs.Client(socket, reconnect=True)
    assert not client.is_connected
    for _ in range(3):
        with pytest.raises(vs.TimedOut):
            client.next(0.3)
    assert client.poll() is None
    with vs.Host(socket) as host:
        conftest.post(host, 6)
        while client.poll() is None:
            host.process()
        assert client.is_connected


def test_making_a_client_never_waits(socket):
    client = vs.Client(socket, reconnect=True)
    assert client.restarts == 0
    assert client.held == 0


# Copies.


def test_a_pickled_client_connects_again(there, socket):
    client = vs.Client(socket, mode="newest", hold=1, timeout=TIMEOUT_S)
    client.stats(TIMEOUT_S)
    for number, make in enumerate(
        [
            lambda: pickle.loads(pickle.dumps(client)),
            lambda: copy.copy(client),
            lambda: copy.deepcopy(client),
        ],
        1,
    ):
        again = make()
        again.stats(TIMEOUT_S)
        assert there.asks("stats") == "clients 2"
        there.asks("post 1")
        assert again.next().serial == number
        assert (again.path, again.hold) == (socket, 1)
        again.close()
    assert client.next().serial == 3


def test_frames_hosts_and_planes_are_not_copied(host, socket):
    client = vs.Client(socket)
    conftest.post(host)
    frame = client.next(TIMEOUT_S)
    for thing, what in [(frame, "frame"), (host, "host"), (frame.plane(), "plane")]:
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=f"a {what} can't be pickled"):
                act(thing)


def test_classes_are_final():
    for kind in (vs.Client, vs.Frame, vs.Host, vs.Plane):
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Own", (kind,), {})
        assert kind.__module__ == "videostream"
        assert kind.__doc__


def test_threads_share_nothing_but_the_stream(host, socket):
    one, two = vs.Client(socket), vs.Client(socket)
    conftest.post(host, 8)
    first, second = one.next(TIMEOUT_S), two.next(TIMEOUT_S)
    assert first.array.ctypes.data != second.array.ctypes.data
    assert np.array_equal(first.array, second.array)
