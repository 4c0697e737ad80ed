"""Event loops: no thread, no busy loop, and every wait can end."""

import asyncio
import gc
import sys
import threading

import conftest
import pytest
import videostream as vs

TIMEOUT_S = conftest.TIMEOUT_S


def run(coroutine):
    """Run a coroutine to its end, with a timeout."""

    async def limited():
        return await asyncio.wait_for(coroutine, TIMEOUT_S)

    return asyncio.run(limited())


class Turns:
    """Counts the iterations of the running loop by its calls of the selector."""

    def __init__(self):
        selector = asyncio.get_running_loop()._selector
        self.count, select = 0, selector.select

        def counting(timeout=None):
            self.count += 1
            return select(timeout)

        selector.select = counting


async def fetch(client, count):
    got = []
    async for frame in client:
        got.append(frame.serial)
        if len(got) == count:
            break
    return got


async def quiet():
    """Let tasks run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_frames_come_in_order(there, socket):
    client = vs.Client(socket, mode="every")
    client.stats(TIMEOUT_S)
    there.asks("post 5")
    assert run(fetch(client, 5)) == [1, 2, 3, 4, 5]


def test_frames_that_come_late_are_waited_for(there, socket):
    async def main():
        client = vs.Client(socket, mode="every")
        client.stats(TIMEOUT_S)
        task = asyncio.create_task(fetch(client, 3))
        await quiet()
        for _ in range(3):
            there.hears("post 1")
        return await task

    assert run(main()) == [1, 2, 3]


def test_no_thread_is_started(there, socket):
    threads = (threading.active_count(), conftest.threads())

    async def main():
        client = vs.Client(socket, mode="every")
        client.stats(TIMEOUT_S)
        task = asyncio.create_task(fetch(client, 3))
        await quiet()
        assert (threading.active_count(), conftest.threads()) == threads
        there.hears("post 3")
        return await task

    assert run(main()) == [1, 2, 3]
    assert (threading.active_count(), conftest.threads()) == threads


def test_the_loop_sleeps_while_nothing_comes(there, socket):
    async def main():
        client = vs.Client(socket)
        client.stats(TIMEOUT_S)
        task = asyncio.create_task(fetch(client, 1))
        await quiet()
        turns = Turns()
        await asyncio.sleep(1)
        idle = turns.count
        there.hears("post 1")
        await task
        return idle

    # Polling every 50 ms would be 20 iterations.
    assert run(main()) <= 8


@pytest.mark.parametrize("state", ["suspended", "killed", "never there"])
def test_the_loop_sleeps_while_there_is_no_host(start_host, socket, state):
    async def main():
        if state == "never there":
            client = vs.Client(socket, reconnect=True)
        else:
            there = start_host()
            if state == "suspended":
                there.stop()
            client = vs.Client(socket, reconnect=True)
            if state == "killed":
                client.stats(TIMEOUT_S)
        task = asyncio.create_task(fetch(client, 1))
        await quiet()
        if state == "killed":
            there.kill()
        turns = Turns()
        await asyncio.sleep(0.5)
        looked = turns.count
        if state == "suspended":
            there.go_on()
        else:
            there = start_host()
        there.hears("post 1")
        assert await task == [1]
        return looked

    # A few attempts, 5 to 200 ms apart, each with the iterations of a task.
    assert run(main()) <= 60


def test_two_clients_in_one_loop(start_host, tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    hosts = [start_host(path=path) for path in paths]

    async def main():
        clients = [vs.Client(path, mode="every") for path in paths]
        for client in clients:
            client.stats(TIMEOUT_S)
        tasks = [asyncio.create_task(fetch(client, 3)) for client in clients]
        await quiet()
        for host in hosts:
            host.hears("post 3")
        return await asyncio.gather(*tasks)

    assert run(main()) == [[1, 2, 3], [1, 2, 3]]


def test_two_tasks_at_one_client(there, socket):
    async def main():
        client = vs.Client(socket, mode="every", hold=4)
        client.stats(TIMEOUT_S)
        tasks = [asyncio.create_task(fetch(client, 2)) for _ in range(2)]
        await quiet()
        got = 0
        while got < 4:
            there.hears("post 1")
            got += 1
            await quiet()
        return await asyncio.gather(*tasks)

    first, second = run(main())
    assert sorted(first + second) == [1, 2, 3, 4]


def test_a_wait_is_cancelled(there, socket):
    async def main():
        client = vs.Client(socket)
        client.stats(TIMEOUT_S)
        before = conftest.fds()
        task = asyncio.create_task(fetch(client, 1))
        await quiet()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert conftest.fds() == before
        # And goes on.
        there.hears("post 1")
        return await fetch(client, 1)

    assert run(main()) == [1]


def test_wait_for_ends_a_wait(there, socket):
    async def main():
        client = vs.Client(socket)
        client.stats(TIMEOUT_S)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(fetch(client, 1), 0.05)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await fetch(client, 1)
        there.hears("post 1")
        return await fetch(client, 1)

    assert run(main()) == [1]


def test_other_tasks_run_while_frames_come(there, socket):
    async def main():
        client = vs.Client(socket, mode="every")
        client.stats(TIMEOUT_S)
        there.asks("post 6")
        turns = []

        async def other():
            while True:
                turns.append(None)
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await fetch(client, 6)
        task.cancel()
        return len(turns)

    assert run(main()) >= 5


def test_a_host_that_closes_ends_the_loop(there, socket):
    async def main():
        client = vs.Client(socket, mode="every")
        client.stats(TIMEOUT_S)
        task = asyncio.create_task(fetch(client, 100))
        await quiet()
        there.hears("post 2")
        there.hears("close")
        return await task

    assert run(main()) == [1, 2]


def test_a_killed_host_raises(there, socket):
    async def main():
        client = vs.Client(socket)
        client.stats(TIMEOUT_S)
        task = asyncio.create_task(fetch(client, 1))
        await quiet()
        there.kill()
        with pytest.raises(vs.HostGone):
            await task

    run(main())


def test_a_refusal_raises(start_host, socket):
    start_host(lend=4)

    async def main():
        with pytest.raises(vs.Refused):
            client = vs.Client(socket, hold=20)
            await fetch(client, 1)

    run(main())


def test_close_ends_the_loop(there, socket):
    async def main():
        client = vs.Client(socket)
        task = asyncio.create_task(fetch(client, 1))
        await quiet()
        client.close()
        return await task

    assert run(main()) == []


def test_the_loop_goes_on_with_the_next_host(start_host, socket):
    async def main():
        host = start_host()
        client = vs.Client(socket, reconnect=True, mode="every")
        client.stats(TIMEOUT_S)
        host.hears("post 1")
        seen = []
        async for frame in client:
            seen.append((frame.serial, frame.is_after_restart))
            if len(seen) == 4:
                break
            if len(seen) % 2:
                host.kill()
            else:
                host.asks("close")
            host = start_host()
            host.hears("post 1")
        return seen

    assert run(main()) == [(1, False), (1, True), (1, True), (1, True)]


def test_a_loop_holds_no_more_than_its_variable(there, socket):
    async def main():
        client = vs.Client(socket, mode="every")
        client.stats(TIMEOUT_S)
        there.asks("post 3")
        async for frame in client:
            assert client.held == 1
            frame.release()
            assert client.held == 0
            if frame.serial == 2:
                break
        del frame
        gc.collect()
        return client.held

    assert run(main()) == 0


def test_host_and_client_in_one_loop(host, socket):
    async def main():
        loop = asyncio.get_running_loop()
        loop.add_reader(host.fileno(), host.process)
        client = vs.Client(socket, mode="every")
        task = asyncio.create_task(fetch(client, 10))
        while not client.is_connected:
            await asyncio.sleep(0)
        for value in range(10):
            conftest.post(host, value)
            await quiet()
        got = await task
        loop.remove_reader(host.fileno())
        return got

    assert run(main()) == list(range(1, 11))


def test_a_loop_per_thread(there, socket):
    results = []

    def main():
        results.append(asyncio.run(fetch(vs.Client(socket), 1)))

    threads = [threading.Thread(target=main) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        there.asks("post 1")
    assert len(results) == 3


def test_descriptors_stay_the_same(there, socket):
    async def main():
        client = vs.Client(socket, mode="every")
        client.stats(TIMEOUT_S)
        # Its buffers have all come.
        there.asks("post 40")
        await fetch(client, 2)
        before = conftest.fds()
        for _ in range(20):
            there.hears("post 1")
            await fetch(client, 1)
        assert conftest.fds() <= before + 8

    run(main())
