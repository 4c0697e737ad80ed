"""Waits: other threads run, signals are handled, timeouts are kept."""

import math
import select
import selectors
import signal
import threading
import time

import conftest
import pytest
import videostream as vs

TIMEOUT_S = conftest.TIMEOUT_S

#: Waits for frames that never come.
WAITS = {
    "next": "vs.Client(sys.argv[1]).next()",
    "next with a timeout": "vs.Client(sys.argv[1]).next(3600)",
    "for": "[frame for frame in vs.Client(sys.argv[1])]",
    "with a default": "vs.Client(sys.argv[1], timeout=3600).next()",
    "stats": "vs.Client(sys.argv[1]).stats(None)",
    "parameters": "vs.Client(sys.argv[1]).parameters",
    "poll": "vs.Host(sys.argv[1] + '2').poll(-1)",
    "reconnect": "vs.Client(sys.argv[1] + '3', reconnect=True).next()",
}


@pytest.fixture
def silent(start_host):
    """Start a host that never answers, since it is suspended."""
    there = start_host()
    there.stop()
    yield there
    there.go_on()


def interrupted(children, socket, wait):
    """Start a wait, and interrupt it like Ctrl-C."""
    child = children(
        f"""
        say("waits")
        try:
            {WAITS[wait]}
        except KeyboardInterrupt:
            say("interrupted")
        """,
        socket,
    )
    assert child.says() == "waits"
    child.sleeps()
    child.signal(signal.SIGINT)
    assert child.says() == "interrupted"
    return child


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_ends_a_wait(children, silent, socket, wait):
    assert interrupted(children, socket, wait).ends() == (0, "")


@pytest.mark.parametrize("wait", ["next", "for", "reconnect"])
def test_ctrl_c_ends_a_wait_for_frames(children, there, socket, wait):
    interrupted(children, socket, wait)


def test_waiting_goes_on_after_a_signal_handler(children, there, socket):
    child = children(
        """
        signal.signal(signal.SIGUSR1, lambda *_: say("handled"))
        client = vs.Client(sys.argv[1])
        client.stats(60)
        say("waits")
        frame = client.next()
        say("got", frame.serial)
        """,
        socket,
    )
    assert child.says() == "waits"
    for _ in range(3):
        child.sleeps()
        child.signal(signal.SIGUSR1)
        assert child.says() == "handled"
    there.asks("post 1")
    assert child.says() == "got 1"


def test_a_signal_handler_may_raise(children, there, socket):
    child = children(
        """
        def handler(*_):
            raise LookupError("enough")
        signal.signal(signal.SIGUSR1, handler)
        try:
            say("waits")
            vs.Client(sys.argv[1]).next()
        except LookupError as error:
            say(error)
        """,
        socket,
    )
    child.says()
    child.sleeps()
    child.signal(signal.SIGUSR1)
    assert child.says() == "enough"


def test_signal_handlers_do_not_extend_a_timeout(children, there, socket):
    child = children(
        """
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        client = vs.Client(sys.argv[1])
        begun = time.monotonic()
        try:
            client.next(0.3)
        except vs.TimedOut:
            took = time.monotonic() - begun
        say(took >= 0.3)
        """,
        socket,
    )
    assert child.says() == "True"


def count_while(wait):
    """Return how far another thread counts during `wait`."""
    counted = threading.Event()
    numbers = []

    def count():
        for number in range(200_000):
            numbers.append(number)
        counted.set()

    thread = threading.Thread(target=count)
    thread.start()
    wait(counted)
    thread.join()
    return len(numbers)


def test_other_threads_run_during_a_wait(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)

    def wait(counted):
        # The host posts only when the other thread has counted.
        threading.Thread(target=lambda: (counted.wait(), there.hears("post 1"))).start()
        assert client.next(TIMEOUT_S).serial == 1
        assert counted.is_set()

    assert count_while(wait) == 200_000


def test_other_threads_run_while_a_host_polls(host):
    clients = []

    def wait(counted):
        def connect():
            counted.wait()
            clients.append(vs.Client(host.path))

        connecting = threading.Thread(target=connect)
        connecting.start()
        assert host.poll(None) == 1
        assert counted.is_set()
        connecting.join()

    assert count_while(wait) == 200_000
    assert len(clients) == 1


@pytest.mark.parametrize("timeout", [0, 0.0, 0.001, 0.05])
def test_a_timeout_is_kept(there, socket, timeout):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    begun = time.monotonic()
    with pytest.raises(vs.TimedOut) as caught:
        client.next(timeout)
    assert time.monotonic() - begun >= timeout
    assert caught.value.filename == socket
    assert isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan, -math.inf])
def test_an_invalid_timeout_is_refused(there, socket, timeout):
    client = vs.Client(socket)
    with pytest.raises(ValueError, match="expected 0 or more seconds"):
        client.next(timeout)
    with pytest.raises(ValueError, match="expected 0 or more seconds"):
        client.stats(timeout)


@pytest.mark.parametrize("timeout", [math.inf, 1e300, None])
def test_infinity_is_a_timeout(there, socket, timeout):
    client = vs.Client(socket, timeout=timeout)
    client.stats(TIMEOUT_S)
    there.asks("post 1")
    assert client.next(timeout).serial == 1


def test_a_timeout_is_a_number(there, socket):
    with pytest.raises(TypeError):
        vs.Client(socket).next("1")


def test_zero_timeout_gives_a_ready_frame(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    there.asks("post 1")
    assert client.next(0).serial == 1


def in_wait(act, count=1):
    """Run `act` in threads and wait until all are in it; return threads and results."""
    results, ready = [], threading.Barrier(count + 1)

    def run():
        ready.wait()
        try:
            results.append(act())
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    return threads, results


def join(threads):
    for thread in threads:
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


@pytest.mark.parametrize("count", [1, 4])
def test_close_ends_the_waits_of_threads(there, socket, count):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    threads, results = in_wait(client.next, count)
    client.close()
    join(threads)
    assert len(results) == count
    for error in results:
        assert isinstance(error, vs.Released)
        assert "closed" in str(error)


def test_close_ends_a_loop(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    threads, results = in_wait(lambda: list(client))
    client.close()
    join(threads)
    assert results == [[]]


def test_close_ends_a_wait_for_a_host(socket):
    client = vs.Client(socket, reconnect=True)
    threads, results = in_wait(client.next)
    client.close()
    join(threads)
    assert isinstance(results[0], vs.Released)


def test_threads_at_one_client_each_get_frames(there, socket):
    client = vs.Client(socket, mode="every", hold=4)
    client.stats(TIMEOUT_S)
    serials, lock = [], threading.Lock()

    def fetch():
        for _ in range(5):
            frame = client.next(TIMEOUT_S)
            with lock:
                serials.append(frame.serial)
            frame.release()

    threads, results = in_wait(fetch, 4)
    for count in range(20):
        there.asks("post 1")
        # Each is fetched before the next one is posted: none is dropped for room.
        while len(serials) <= count:
            assert any(thread.is_alive() for thread in threads)
            time.sleep(0)
    join(threads)
    assert results == [None] * 4
    assert sorted(serials) == list(range(1, 21))


def test_a_busy_lock_does_not_extend_a_timeout(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    threads, results = in_wait(client.next)
    for _ in range(5):
        with pytest.raises(vs.TimedOut):
            client.next(0.05)
    there.asks("post 1")
    join(threads)
    assert results[0].serial == 1


def test_queries_do_not_block_behind_a_wait(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    threads, results = in_wait(client.next)
    for _ in range(50):
        assert client.is_connected
        assert (client.hold, client.held, client.restarts) == (2, 0, 0)
        assert "hold=2" in repr(client)
        assert client.fileno() >= 0
        client.poll()
    there.asks("post 1")
    # One of the two gets it; the other one's wait ends with the client.
    while not results:
        frame = client.poll()
        if frame is not None:
            assert frame.serial == 1
            client.close()
            break
    join(threads)
    [result] = results
    assert isinstance(result, vs.Released) or result.serial == 1


def test_threads_do_everything_at_once(host, socket):
    client = vs.Client(socket, hold=6)
    stop = threading.Event()
    failures = []

    def guard(act):
        def run():
            while not stop.is_set():
                try:
                    act()
                except (vs.TimedOut, vs.Released, vs.HoldLimit, BufferError):
                    pass
                except vs.Error as error:
                    if error.errno != 105:
                        failures.append(error)
                        return
                except BaseException as error:
                    failures.append(error)
                    return

        return threading.Thread(target=run, daemon=True)

    shared = []

    def fetch():
        frame = client.next(0.05)
        shared.append(frame)
        _ = frame.array.sum()

    def meddle():
        if shared:
            frame = shared.pop()
            view = memoryview(frame.plane())
            view.release()
            frame.release()

    acts = [
        lambda: conftest.post(host, 1),
        lambda: conftest.post(host, 2, (32, 8)),
        host.process,
        lambda: (host.stats(), repr(host), host.poll(0)),
        fetch,
        fetch,
        meddle,
        meddle,
        lambda: (client.held, repr(client), client.poll()),
        lambda: client.stats(0.05),
        lambda: vs.Client(socket).close(),
    ]
    threads = [guard(act) for act in acts]
    for thread in threads:
        thread.start()
    serial = conftest.post(host)
    while conftest.post(host) < serial + 100 and not failures:
        pass
    stop.set()
    join(threads)
    assert failures == []


def test_a_frame_is_posted_only_once(host):
    for _ in range(50):
        frame = host.frame(8, 8, "GREY")
        threads, results = in_wait(lambda frame=frame: host.post(frame), 4)
        join(threads)
        serials = [result for result in results if isinstance(result, int)]
        assert len(serials) == 1
        assert sum(isinstance(result, vs.Released) for result in results) == 3


# Descriptors.


def test_fileno_is_readable_when_a_frame_comes(there, socket):
    client = vs.Client(socket, mode="every")
    poller = select.poll()
    poller.register(client, select.POLLIN)
    got = []
    there.hears("post 3")
    while len(got) < 3:
        assert poller.poll(TIMEOUT_S * 1000)
        while (frame := client.poll()) is not None:
            got.append(frame.serial)
    there.says()
    assert got == [1, 2, 3]
    # Nothing to do: not readable.
    while poller.poll(0):
        assert client.poll() is None
    there.hears("post 1")
    assert poller.poll(TIMEOUT_S * 1000)


def test_fileno_is_readable_on_the_answer(there, socket):
    there.stop()
    client = vs.Client(socket)
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        looks = 0
        while selector.select(0):
            assert client.poll() is None
            looks += 1
            assert looks < 5
        there.go_on()
        while not client.is_connected:
            assert selector.select(TIMEOUT_S)
            assert client.poll() is None
            looks += 1
            assert looks < 10


def test_fileno_follows_to_the_next_host(start_host, socket):
    first = start_host()
    client = vs.Client(socket, reconnect=True)
    client.stats(TIMEOUT_S)
    fd = client.fileno()
    poller = select.poll()
    poller.register(fd, select.POLLIN)

    def next_frame():
        looks = 0
        while (frame := client.poll()) is None:
            assert poller.poll(TIMEOUT_S * 1000)
            looks += 1
        return frame, looks

    first.hears("post 1")
    assert next_frame()[0].serial == 1
    first.kill()
    second = start_host()
    second.hears("post 1")
    frame, looks = next_frame()
    assert frame.is_after_restart
    assert looks < 200
    assert client.fileno() == fd
    del frame
    while poller.poll(0):
        assert client.poll() is None
    second.hears("post 1")
    assert not next_frame()[0].is_after_restart


def test_a_client_without_a_host_sleeps(socket):
    client = vs.Client(socket, reconnect=True)
    poller = select.poll()
    poller.register(client, select.POLLIN)
    looks, end = 0, time.monotonic() + 0.5
    while time.monotonic() < end:
        poller.poll(max(0, end - time.monotonic()) * 1000)
        assert client.poll() is None
        looks += 1
    # Pauses grow from 5 to 200 ms.
    assert looks < 20


def test_fileno_is_readable_at_the_end(there, socket):
    client = vs.Client(socket)
    client.stats(TIMEOUT_S)
    poller = select.poll()
    poller.register(client, select.POLLIN)
    while poller.poll(0):
        assert client.poll() is None
    there.kill()
    assert poller.poll(TIMEOUT_S * 1000)
    with pytest.raises(vs.HostGone):
        client.poll()


def test_fileno_is_readable_on_close(there, socket):
    client = vs.Client(socket)
    poller = select.poll()
    poller.register(client, select.POLLIN)
    while poller.poll(0):
        client.poll()
    client.close()
    assert poller.poll(TIMEOUT_S * 1000)
    with pytest.raises(vs.Released):
        client.poll()


# The end of the interpreter.

ENDS = {
    "a thread that waits": """
client = vs.Client(sys.argv[1])
threading.Thread(target=client.next, daemon=True).start()
""",
    "threads that wait and look": """
client = vs.Client(sys.argv[1])
for _ in range(4):
    threading.Thread(target=lambda: [f.array for f in client], daemon=True).start()
def look():
    while True:
        repr(client), client.held
threading.Thread(target=look, daemon=True).start()
""",
    "a thread that waits for a host": """
client = vs.Client(sys.argv[1] + "2", reconnect=True)
threading.Thread(target=client.next, daemon=True).start()
""",
    "a host that polls": """
host = vs.Host(sys.argv[1] + "2")
threading.Thread(target=host.poll, args=(-1,), daemon=True).start()
""",
    "frames and views": """
host = vs.Host(sys.argv[1] + "2")
client = vs.Client(sys.argv[1] + "2")
post(host)
frame = client.next(60)
view, array = memoryview(frame.plane()), frame.array
sys.kept = [host, client, frame, view, array]
sys.kept.append(sys.kept)
""",
    "a thread that posts": """
host = vs.Host(sys.argv[1] + "2")
def go_on():
    while True:
        post(host)
threading.Thread(target=go_on, daemon=True).start()
""",
    "a finalizer that uses it": """
class Holder:
    def __init__(self):
        self.client = vs.Client(sys.argv[1])
    def __del__(self):
        self.client.poll()
        raise ValueError("in a finalizer")
holder = Holder()
holder.me = holder
""",
    "atexit": """
import atexit
client = vs.Client(sys.argv[1])
atexit.register(lambda: (client.poll(), client.close()))
""",
}


@pytest.mark.asan
@pytest.mark.parametrize("end", ENDS)
def test_the_interpreter_ends(there, socket, end):
    for _ in range(3):
        child = conftest.Child(ENDS[end] + '\nsay("ends")\n', socket)
        assert child.says() == "ends"
        code, complaints = child.ends()
        assert code == 0, complaints
        if "finalizer" not in end:
            assert complaints == ""


#: Imports the package in a second interpreter, too.
SECOND = """
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    try:
        import _interpreters as interpreters
    except ImportError:
        say("none")
        sys.exit()
second = interpreters.create()
interpreters.run_string(second, f'''
import sys
sys.path[:] = {sys.path!r}
try:
    import videostream
    text = "imported"
except ImportError as error:
    text = str(error)
with open({sys.argv[1]!r}, "w") as file:
    file.write(text)
''')
interpreters.destroy(second)
say("done")
"""


def test_a_subinterpreter_gets_an_error(tmp_path):
    said = tmp_path / "said"
    if conftest.run(SECOND, said).strip() == "none":
        pytest.skip("this Python has no module for subinterpreters")
    assert "interpreter" in said.read_text()
