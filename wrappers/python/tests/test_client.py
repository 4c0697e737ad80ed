"""Clients: what they get, what they are told."""

import copy
import errno
import os
import pickle
from pathlib import Path

import conftest
import numpy as np
import pytest
import videostream as vs

PATIENCE = conftest.PATIENCE


def test_frames_say_what_they_are(host, socket):
    client = vs.Client(socket)
    frame = host.frame(16, 8, "NV12")
    frame.array[...] = 1
    assert (frame.serial, frame.is_writable) == (0, True)
    assert host.post(frame, pts=4_000, duration=33_000) == 1
    got = client.next(PATIENCE)
    assert (got.width, got.height, got.fourcc, got.serial) == (16, 8, "NV12", 1)
    assert (got.pts_ns, got.duration_ns, got.missed) == (4_000, 33_000, 0)
    assert got.timestamp == pytest.approx(got.timestamp_ns / 1e9)
    assert 0 < got.timestamp_ns <= got.published_ns
    assert got.strides == [16, 16]
    assert got.bytes_used == 16 * 8 * 3 // 2
    assert not (got.is_writable or got.is_after_restart or got.has_new_format or got.is_corrupted)


def test_a_time_that_nobody_said_is_none(host, socket):
    client = vs.Client(socket)
    conftest.post(host)
    assert client.next(PATIENCE).pts_ns is None


def test_newest_is_what_is_new_now(host, socket):
    client = vs.Client(socket)
    for value in range(1, 6):
        conftest.post(host, value)
    frame = client.next(PATIENCE)
    assert (frame.array[0, 0], frame.serial) == (5, 5)
    for value in range(6, 9):
        conftest.post(host, value)
    frame = client.next(PATIENCE)
    assert (frame.array[0, 0], frame.missed) == (8, 2)


def test_every_frame_comes_in_order(host, socket):
    client = vs.Client(socket, mode="every")
    for value in range(1, 6):
        conftest.post(host, value)
    assert [client.next(PATIENCE).array[0, 0] for _ in range(5)] == [1, 2, 3, 4, 5]


def test_seek_passes_frames_by(host, socket):
    client = vs.Client(socket, mode="every")
    for value in range(1, 6):
        conftest.post(host, value)
    client.seek(3)
    assert client.next(PATIENCE).serial == 4


def test_a_new_format_is_told(host, socket):
    client = vs.Client(socket)
    conftest.post(host)
    assert not client.next(PATIENCE).has_new_format
    conftest.post(host, size=(32, 8))
    frame = client.next(PATIENCE)
    assert frame.has_new_format
    assert frame.array.shape == (8, 32)
    conftest.post(host, size=(32, 8))
    assert not client.next(PATIENCE).has_new_format


def test_raw_streams_have_no_parameters(there, socket):
    assert vs.Client(socket, timeout=PATIENCE).parameters is None


def test_stats_name_the_client(there, socket):
    client = vs.Client(socket)
    there.asks("post 4")
    frame = client.next(PATIENCE)
    stats = client.stats(PATIENCE)
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
        assert client.next(PATIENCE).array[0, 0] == 3


# What goes wrong.


def test_no_host_is_told_at_once(socket):
    with pytest.raises(vs.HostGone, match="no host serves") as caught:
        vs.Client(socket)
    error = caught.value
    assert (error.errno, error.filename) == (errno.ECONNREFUSED, socket)
    assert error.strerror in str(error)
    assert socket in str(error)
    assert isinstance(error, (OSError, RuntimeError, ConnectionError))
    assert isinstance(error, RuntimeError)


def test_classes_of_errors_are_what_they_say():
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
def test_names_that_no_socket_has(path):
    with pytest.raises((vs.Error, ValueError)):
        vs.Client(path)
    with pytest.raises((vs.Error, ValueError)):
        vs.Host(path)


def test_a_name_that_is_too_long(tmp_path):
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
def test_wrong_options_say_what_is_expected(host, socket, options, message):
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


def test_holding_too_much_is_refused_with_the_reason(start_host, socket):
    start_host(lend=4)
    # Told at once, or with the first frame if the host has not answered by then.
    with pytest.raises(vs.Refused) as caught:
        vs.Client(socket, hold=10).next(PATIENCE)
    assert "10" in str(caught.value)
    assert caught.value.filename == socket


def test_two_frames_or_what_the_host_can_spare(start_host, socket):
    there = start_host(lend=2)
    client = vs.Client(socket, timeout=PATIENCE)
    client.stats(PATIENCE)
    assert client.hold == 1
    there.asks("post 1")
    values = []
    for frame in client:
        values.append(frame.array[0, 0])
        if len(values) == 5:
            break
        there.asks("post 1")
    assert values == [1, 2, 3, 4, 5]


def test_a_view_in_the_way_of_a_hold_of_one(start_host, socket):
    there = start_host()
    client = vs.Client(socket, hold=1, timeout=PATIENCE)
    there.asks("post 1")
    frames = iter(client)
    array = next(frames).array
    there.asks("post 1")
    with pytest.raises((BufferError, vs.HoldLimit)):
        next(frames)
    assert array[0, 0] == 1
    del array


def test_the_hold_limit_says_its_number(host, socket):
    client = vs.Client(socket, hold=2)
    kept = []
    for value in range(3):
        conftest.post(host, value)
        if value < 2:
            kept.append(client.next(PATIENCE))
    with pytest.raises(vs.HoldLimit, match="2") as caught:
        client.next(PATIENCE)
    assert caught.value.errno == errno.ENOBUFS
    with pytest.raises(vs.HoldLimit):
        client.poll()
    kept[0].release()
    assert client.next(PATIENCE).array[0, 0] == 2


def test_loops_need_no_release(host, socket):
    client = vs.Client(socket, mode="every", timeout=PATIENCE)
    conftest.post(host, 0)
    values = []
    for frame in client:
        values.append(int(frame.array[0, 0]))
        if len(values) == 20:
            break
        conftest.post(host, len(values))
    assert values == list(range(20))


def test_strangers_are_refused(children, socket):
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
        client.next(PATIENCE)


def test_what_was_posted_before_the_end_comes_first(there, socket):
    client = vs.Client(socket, mode="every", timeout=PATIENCE)
    client.stats(PATIENCE)
    there.asks("post 3")
    there.asks("close")
    assert [frame.serial for frame in client] == [1, 2, 3]


def test_a_killed_host_raises(there, socket):
    client = vs.Client(socket)
    there.asks("post 1")
    frame = client.next(PATIENCE)
    there.kill()
    with pytest.raises(vs.HostGone) as caught:
        client.next(PATIENCE)
    assert caught.value.errno == errno.ECONNRESET
    assert caught.value.filename == socket
    assert frame.array[0, 0] == 1
    with pytest.raises(vs.HostGone):
        next(iter(client))
    with pytest.raises(vs.HostGone):
        client.stats(PATIENCE)


def test_a_suspended_host_is_waited_for(there, socket):
    client = vs.Client(socket)
    there.asks("post 1")
    client.next(PATIENCE).release()
    there.stop()
    with pytest.raises(vs.TimedOut):
        client.next(0.05)
    with pytest.raises(vs.TimedOut):
        client.stats(0.05)
    there.hears("post 1")
    there.go_on()
    assert client.next(PATIENCE).serial == 2


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
    assert client.next(PATIENCE).serial >= 1


# Closing and moving on.


def test_a_closed_client_says_so(host, socket):
    client = vs.Client(socket)
    conftest.post(host, 4)
    frame = client.next(PATIENCE)
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
    # The host has all the memory that it lends.
    for _ in range(20):
        conftest.post(host)
    before = conftest.fds()
    for _ in range(20):
        with vs.Client(socket) as client:
            conftest.post(host)
            client.next(PATIENCE).release()
        del client
        host.process()
    assert conftest.fds() == before


def test_a_client_moves_to_the_next_host(start_host, socket):
    first = start_host()
    client = vs.Client(socket, reconnect=True, timeout=PATIENCE)
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
    client = vs.Client(socket, reconnect=True, mode="every", timeout=PATIENCE)
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


def test_waiting_for_a_host_is_longer_than_its_pauses(socket):
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
    client = vs.Client(socket, mode="newest", hold=1, timeout=PATIENCE)
    client.stats(PATIENCE)
    for number, make in enumerate(
        [
            lambda: pickle.loads(pickle.dumps(client)),
            lambda: copy.copy(client),
            lambda: copy.deepcopy(client),
        ],
        1,
    ):
        again = make()
        again.stats(PATIENCE)
        assert there.asks("stats") == "clients 2"
        there.asks("post 1")
        assert again.next().serial == number
        assert (again.path, again.hold) == (socket, 1)
        again.close()
    assert client.next().serial == 3


def test_what_can_not_be_copied_says_so(host, socket):
    client = vs.Client(socket)
    conftest.post(host)
    frame = client.next(PATIENCE)
    for thing, what in [(frame, "frame"), (host, "host"), (frame.plane(), "plane")]:
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=f"a {what} can't be pickled"):
                act(thing)


def test_classes_can_not_be_extended_by_chance():
    for kind in (vs.Client, vs.Frame, vs.Host, vs.Plane):
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Own", (kind,), {})
        assert kind.__module__ == "videostream"
        assert kind.__doc__


def test_threads_share_nothing_but_the_stream(host, socket):
    one, two = vs.Client(socket), vs.Client(socket)
    conftest.post(host, 8)
    first, second = one.next(PATIENCE), two.next(PATIENCE)
    assert first.array.ctypes.data != second.array.ctypes.data
    assert np.array_equal(first.array, second.array)
