"""Forked and spawned processes: none uses objects of another."""

import multiprocessing
import os
import threading
from pathlib import Path

import conftest
import pytest
import videostream as vs

TIMEOUT_S = conftest.TIMEOUT_S

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def in_child(act):
    """Run `act` in a forked child; return its result."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "nothing"
        try:
            os.close(reading)
            said = str(act())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def test_a_forked_child_gets_an_error(host, socket):
    client = vs.Client(socket)
    conftest.post(host, 5)
    frame = client.next(TIMEOUT_S)
    plane = frame.plane()
    uses = [
        client.next,
        client.poll,
        client.fileno,
        client.stats,
        lambda: client.held,
        lambda: next(iter(client)),
        lambda: frame.array,
        lambda: memoryview(plane),
        frame.fileno,
        host.process,
        host.stats,
        lambda: host.frame(8, 8, "GREY"),
        lambda: host.poll(0),
        lambda: host.post(vs.Frame(8, 8, "GREY")),
        lambda: vs.Client(socket).path and host.post(frame),
    ]
    for use in uses:
        said = in_child(use)
        assert said.startswith("Forked: [Errno 10] created in another process"), said
        assert "spawn" in said


def test_a_child_destroys_nothing(host, socket):
    client = vs.Client(socket, hold=2)
    conftest.post(host, 5)
    frame = client.next(TIMEOUT_S)
    array = frame.array
    things = {"client": client, "frame": frame, "host": host, "array": array}

    def destroy():
        things["frame"].release()
        things["client"].close()
        things["host"].close()
        with things["client"], things["frame"], things["host"]:
            pass
        things.clear()
        return "done"

    assert in_child(destroy) == "done"
    # All of it by the reference counts, too.
    code = """
    host = vs.Host(sys.argv[1])
    client = vs.Client(sys.argv[1])
    post(host, 5)
    frame = client.next(60)
    array = frame.array
    pid = os.fork()
    if pid == 0:
        del array, frame, client, host
        gc.collect()
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
    assert os.path.exists(sys.argv[1])
    assert client.held == 1
    assert array[0, 0] == 5
    post(host, 6)
    assert client.next(60).array[0, 0] == 6
    say("whole")
    """
    assert conftest.run(code, socket + "2") == "whole\n"
    assert Path(socket).exists()
    assert client.held == 1
    assert array[0, 0] == 5
    conftest.post(host, 6)
    assert client.next(TIMEOUT_S).array[0, 0] == 6
    assert host.clients_count == 1


def test_a_child_keeps_its_views(host, socket):
    client = vs.Client(socket)
    conftest.post(host, 5)
    array = client.next(TIMEOUT_S).array
    assert in_child(lambda: array.sum()) == str(5 * array.size)


def test_a_child_makes_its_own(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)

    def fetch():
        own = vs.Client(socket, timeout=TIMEOUT_S)
        own.stats(TIMEOUT_S)
        there.asks("post 1")
        return own.next().array[0, 0]

    assert in_child(fetch) == "1"
    assert client.next(TIMEOUT_S).array[0, 0] == 1


def test_a_grandchild_gets_an_error(host, socket):
    client = vs.Client(socket)
    assert in_child(lambda: in_child(client.poll)).startswith("Forked")


def test_forking_while_a_thread_waits(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    frames = []
    thread = threading.Thread(target=lambda: frames.append(client.next(TIMEOUT_S)))
    thread.start()
    for _ in range(20):
        for use in (client.poll, client.next, lambda: client.held, client.fileno):
            assert in_child(use).startswith("Forked")
        assert in_child(client.close) == "None"
        assert "parent" in in_child(lambda: repr(client))
    there.asks("post 1")
    thread.join(TIMEOUT_S)
    assert frames[0].serial == 1


def test_a_forked_child_is_no_client(host, socket):
    client = vs.Client(socket)
    host.process()
    assert client.poll() is None
    assert in_child(lambda: 1) == "1"
    host.process()
    assert host.clients_count == 1
    assert client.is_connected


def fetch(client):
    """Read with a client that was sent to this worker."""
    client.stats(TIMEOUT_S)
    return client.path, client.restarts


def use(thing):
    """Use an object that this worker can't use."""
    try:
        thing.poll()
    except vs.Forked as error:
        return str(error)
    return "used"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_client_is_sent_to_a_worker(there, socket, method):
    context = multiprocessing.get_context(method)
    client = vs.Client(socket, timeout=TIMEOUT_S)
    client.stats(TIMEOUT_S)
    with context.Pool(1) as pool:
        assert pool.apply(fetch, (client,)) == (socket, 0)
    assert client.is_connected


GLOBAL: dict[str, vs.Client] = {}


def use_global(_):
    return use(GLOBAL["client"])


def test_a_forked_worker_gets_an_error(there, socket):
    GLOBAL["client"] = vs.Client(socket)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        (said,) = pool.map(use_global, [0])
    assert "created in another process" in said
    GLOBAL["client"].stats(TIMEOUT_S)
    GLOBAL.clear()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_frames_and_hosts_cannot_be_pickled(host, socket, method):
    client = vs.Client(socket)
    conftest.post(host)
    frame = client.next(TIMEOUT_S)
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        with pytest.raises(TypeError, match="share it with a Host"):
            pool.apply(str, (frame,))
        with pytest.raises(TypeError, match=r"Client\(path\)"):
            pool.apply(str, (host,))


def test_processes_share_one_memory(start_host, socket):
    there = start_host()
    clients = [
        conftest.Child(
            """
            client = vs.Client(sys.argv[1])
            client.stats(60)
            say("waits")
            frame = client.next(60)
            array = frame.array
            say(os.fstat(frame.fileno()).st_ino, array[0, 0])
            hear()
            """,
            socket,
        )
        for _ in range(3)
    ]
    for client in clients:
        assert client.says() == "waits"
    there.asks("post 1")
    said = {client.says() for client in clients}
    assert len(said) == 1
    for client in clients:
        client.hears("end")
        assert client.ends() == (0, "")


def test_a_killed_client_gives_its_frames_back(host, socket):
    child = conftest.Child(
        """
        client = vs.Client(sys.argv[1])
        say("made")
        frame = client.next(60)
        say("holds", frame.serial)
        hear()
        """,
        socket,
    )
    assert child.says() == "made"
    host.process()
    conftest.post(host, 1)
    assert child.says() == "holds 1"
    child.kill()
    host.poll(TIMEOUT_S)
    host.process()
    assert host.clients_count == 0
    assert host.stats()["left"] >= 0
    for _ in range(20):
        conftest.post(host, 2)


def test_the_stream_goes_on_under_kill_9(start_host, socket):
    client = vs.Client(socket, reconnect=True, timeout=TIMEOUT_S)
    for turn in range(5):
        there = start_host()
        there.hears("post 3")
        frame = client.next()
        while client.restarts < turn:
            # Frames that the killed host had published come first.
            assert not frame.is_after_restart
            frame = client.next()
        assert frame.is_after_restart == (turn > 0)
        array = frame.array
        there.kill()
        assert array[0, 0] > 0
    assert client.restarts == 4
