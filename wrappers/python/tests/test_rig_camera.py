# rig: vivid.n_devs=2 vivid.multiplanar=1,2 timeout=900
"""Cameras: the kernel's virtual ones, in the guest of `cargo xtask vm`."""

import asyncio
import contextlib
import fcntl
import gc
import os
import pickle
import select
import struct
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import test_docs
import videostream as vs

pytestmark = pytest.mark.skipif(
    os.environ.get("VIDEOSTREAM_RIG") != "1", reason="not in the guest of cargo xtask vm"
)

#: Seconds that a frame may take on a slow guest.
TIMEOUT_S = 60
DRIVER = Path("/sys/bus/platform/drivers/vivid")
#: _IOWR('V', 39, int)
VIDIOC_S_INPUT = 0xC0045627
HDMI = 3


def cameras():
    return [d for d in vs.devices() if d.driver == "vivid" and d.kind == "camera"]


def is_multiplanar(device):
    return any(format.fourcc == "NM12" for format in device.formats)


@pytest.fixture
def device():
    return next(d for d in cameras() if not is_multiplanar(d))


@pytest.fixture
def multiplanar():
    return next(d for d in cameras() if is_multiplanar(d))


def opened(device, **more):
    more = {"size": (320, 180), "timeout": TIMEOUT_S, **more}
    return vs.Camera(device.path, **more)


@pytest.fixture
def plain(device, multiplanar):
    """Have both cameras show a single colour."""
    for each in (device, multiplanar):
        with vs.Camera(each.path) as camera:
            camera.controls.osd_text_mode = "None"
    yield
    for each in (device, multiplanar):
        with vs.Camera(each.path) as camera:
            camera.controls.reset()


def test_devices_say_what_they_offer(device):
    assert device.card == "vivid"
    assert device.bus.startswith("platform:vivid")
    assert device.error is None and device.gaps == []
    nv12 = next(format for format in device.formats if format.fourcc == "NV12")
    assert not nv12.is_compressed and nv12.description
    size = next(size for size in nv12.sizes if (size.width, size.height) == (1280, 720))
    assert str(size) == "1280x720"
    assert Fraction(30) in size.rates or size.rate_range is not None
    assert "NV12" in str(device)


def test_a_camera_lists_without_starting(device):
    with opened(device) as camera:
        assert camera.formats() == device.formats
        assert camera.info() == device
        assert "not started" in repr(camera)


@pytest.mark.parametrize("fourcc", ["NV12", "YU12", "YUYV", "UYVY", "RGB3", "BGR3"])
@pytest.mark.parametrize("colour", ["Red", "Green", "Blue", "White"])
def test_colours_match_the_pattern(device, plain, fourcc, colour):
    check_colour(device, fourcc, colour)


@pytest.mark.parametrize("fourcc", ["NM12", "YM12", "NV12"])
@pytest.mark.parametrize("colour", ["Red", "Green", "Blue", "White"])
def test_multi_planar_colours_match_the_pattern(multiplanar, plain, fourcc, colour):
    frame = check_colour(multiplanar, fourcc, colour)
    inodes = {os.fstat(frame.fileno(at)).st_ino for at in range(len(frame.planes))}
    assert len(inodes) == {"NM12": 2, "YM12": 3, "NV12": 1}[fourcc]


COLOURS = {
    "Red": ((255, 0, 0), (81, 90, 240)),
    "Green": ((0, 255, 0), (145, 54, 34)),
    "Blue": ((0, 0, 255), (41, 240, 110)),
    "White": ((255, 255, 255), (235, 128, 128)),
}


def check_colour(device, fourcc, colour):
    rgb, (y, u, v) = COLOURS[colour]
    controls = {"test_pattern": f"100% {colour}"}
    with opened(device, format=fourcc, controls=controls) as camera:
        assert camera.format == fourcc
        assert camera.size == (320, 180)
        frame = camera.next()
    planes = [np.asarray(plane).astype(int) for plane in frame.planes]
    if fourcc in ("NV12", "NM12"):
        shapes, values = [(180, 320), (90, 160, 2)], [y, (u, v)]
    elif fourcc in ("YU12", "YM12"):
        shapes, values = [(180, 320), (90, 160), (90, 160)], [y, u, v]
    elif fourcc == "YUYV":
        shapes, values = [(180, 320, 2)], [None]
        planes = [planes[0]]
        assert np.abs(planes[0][:, :, 0] - y).max() <= 2
        assert np.abs(planes[0][:, 0::2, 1] - u).max() <= 2
        assert np.abs(planes[0][:, 1::2, 1] - v).max() <= 2
    elif fourcc == "UYVY":
        shapes, values = [(180, 320, 2)], [None]
        assert np.abs(planes[0][:, :, 1] - y).max() <= 2
        assert np.abs(planes[0][:, 0::2, 0] - u).max() <= 2
    else:
        shapes, values = [(180, 320, 3)], [rgb if fourcc == "RGB3" else rgb[::-1]]
    assert [plane.shape for plane in planes] == shapes
    for plane, stride in zip(frame.planes, frame.strides):
        assert plane.strides[0] == stride
        assert plane.readonly
    for plane, value in zip(planes, values):
        if value is not None:
            assert np.abs(plane - value).max() <= 2
    assert np.abs(frame.to_rgb().astype(int) - rgb).max() <= 6
    return frame


def test_bars_are_ordered_left_to_right(device, plain):
    with opened(device, format="RGB3", controls={"test_pattern": "100% Colorbar"}) as camera:
        pixels = camera.next().array
        middles = [tuple(pixels[90, 20 + 40 * bar]) for bar in range(8)]
    white, black = (255, 255, 255), (0, 0, 0)
    assert middles[0] == white and middles[7] == black
    assert middles[5] == (255, 0, 0) and middles[6] == (0, 0, 255)


def test_frames_have_numbers_and_times(device):
    with opened(device, fps=30) as camera:
        frames = []
        for frame in camera:
            frames.append((frame.sequence, frame.timestamp_ns))
            if len(frames) == 5:
                break
        assert camera.fps == 30
        assert camera.buffers >= 4
        assert camera.stats()["delivered"] == 5
    assert frames == sorted(set(frames))


def test_unsupported_settings_are_errors(device):
    with pytest.raises(vs.Error, match=r"has no format MJPG; it offers .*NV12"):
        opened(device, format="MJPG").start()
    with pytest.raises(vs.Error, match=r"has no 321x181 in .*; the nearest is"):
        opened(device, size=(321, 181)).start()
    with opened(device, format=["MJPG", "NV12"], size=(321, 181), exact=False) as camera:
        assert camera.format == "NV12"
        assert camera.size == (320, 180)


def test_the_first_camera_is_the_default():
    with vs.Camera(timeout=TIMEOUT_S) as camera:
        assert camera.path == cameras()[0].path
        camera.next()


def test_a_camera_is_busy_while_it_streams(device):
    with opened(device) as camera:
        camera.start()
        with pytest.raises(vs.Error, match="busy") as caught:
            opened(device).start()
    assert caught.value.filename == device.path


def test_holding_all_buffers_is_an_error(device):
    with opened(device, buffers=4) as camera:
        frames = [camera.next() for _ in range(camera.buffers)]
        with pytest.raises(vs.HoldLimit, match=f"all {camera.buffers} buffers"):
            camera.next()
        frames.pop(0).release()
        assert camera.next().sequence > frames[-1].sequence
        assert camera.stats()["held"] == len(frames)


def test_frames_outlive_their_camera(device):
    camera = opened(device, format="NV12")
    frame = camera.next()
    luma = np.asarray(frame.plane(0))
    before = luma.copy()
    camera.close()
    del camera
    gc.collect()
    assert (luma == before).all()
    del luma
    frame.release()
    with opened(device) as again:
        again.next()


def test_every_memory_kind_works(device):
    for memory in ("mmap", "dmabuf", "userptr"):
        with opened(device, format="NV12", memory=memory) as camera:
            assert np.asarray(camera.next().plane(0)).std() > 0


def test_the_descriptor_is_readable_for_a_frame(device):
    with opened(device) as camera:
        fd = camera.fileno()
        for _ in range(3):
            while (frame := camera.poll()) is None:
                assert select.select([fd], [], [], TIMEOUT_S)[0]
            frame.release()


def test_async_loops_get_frames(device):
    async def count():
        frames = 0
        with opened(device) as camera:
            async for frame in camera:
                frames += 1
                frame.release()
                if frames == 5:
                    return frames

    assert asyncio.run(asyncio.wait_for(count(), TIMEOUT_S)) == 5


def test_cameras_are_not_pickled(device):
    with pytest.raises(TypeError, match="Stream"):
        pickle.dumps(opened(device))


# Controls.


def test_controls_are_attributes_and_a_mapping(device):
    with opened(device) as camera:
        controls = camera.controls
        controls.brightness = 17
        assert controls.brightness == controls["brightness"] == 17
        controls["brightness"] = 18
        assert camera.controls.brightness == 18
        controls.update({"brightness": 19}, contrast=20)
        assert (controls.brightness, controls.contrast) == (19, 20)
        assert "brightness" in controls and "brightnes" not in controls
        assert controls.get("brightnes", 5) == 5
        assert len(controls) == len(list(controls)) == len(controls.all()) > 20
        assert dict(controls)["contrast"] == 20
        items, values = dict(controls.items()), dict(zip(controls.keys(), controls.values()))
        # The driver changes volatile ones (gain, by autogain) between two calls.
        lasting = [name for name in controls if not controls.info(name).is_volatile]
        assert items.keys() == values.keys() == set(controls) and "gain" not in lasting
        assert all(items[name] == values[name] for name in lasting)
        assert "brightness" in dir(controls)
        assert "brightness = 19 (0 to 255)" in repr(controls)
        assert controls.reset().get("brightness") is None
        assert controls.brightness == 128


def test_every_kind_of_control_has_a_value(device):
    with opened(device) as camera:
        controls = camera.controls
        controls.boolean = True
        assert controls.boolean is True
        controls.boolean = "off"
        assert controls.boolean is False
        controls.menu = 4
        assert controls.menu == controls.info("menu").items[4]
        controls.menu = "Menu Item 3"
        assert controls.menu == "Menu Item 3"
        controls.string = "  x"
        assert controls.string == "  x"
        controls.area = (64, 48)
        assert controls.area == (64, 48)
        assert controls.button is None
        controls.button = True
        items = controls.info("integer_menu").items
        controls.integer_menu = next(iter(items.values()))
        assert controls.integer_menu == next(iter(items.values()))
        controls.reset()


def test_controls_tell_range_default_and_menu(device):
    with opened(device) as camera:
        brightness = camera.controls.info("brightness")
        assert brightness.kind == "integer"
        assert brightness.group == "User Controls"
        assert (brightness.minimum, brightness.maximum, brightness.step) == (0, 255, 1)
        assert brightness.default == 128
        assert brightness.title == "Brightness"
        menu = camera.controls.info("menu")
        assert menu.kind == "menu"
        assert menu.items[3] == "Menu Item 3"
        assert menu.default == "Menu Item 3"


def test_controls_refuse_with_what_they_take(device):
    with opened(device) as camera:
        controls = camera.controls
        with pytest.raises(vs.Error, match=r"brightness cannot be .*: expected 0 to 255"):
            controls.brightness = 256
        with pytest.raises(vs.Error, match=r"expected one of .*Menu Item 3"):
            controls.menu = "Menu Item 33"
        with pytest.raises(KeyError, match="did you mean brightness"):
            controls["brightnes"]
        with pytest.raises(KeyError, match="did you mean brightness"):
            controls["brightnes"] = 1
        with pytest.raises(AttributeError, match="did you mean brightness"):
            _ = controls.brightnes
        with pytest.raises(AttributeError, match="did you mean brightness"):
            controls.brightnes = 1
        with pytest.raises(TypeError, match="an int, a bool"):
            controls.brightness = 1.5
        before = controls.brightness
        with pytest.raises(vs.Error, match="contrast cannot be"):
            controls.update(brightness=before + 1, contrast=99999)
        assert controls.brightness == before


def test_controls_are_set_while_it_streams_elsewhere(device, tmp_path):
    camera = opened(device, controls={"brightness": 99})
    path = str(tmp_path / "stream")
    with vs.Stream(path, camera), vs.Client(path, timeout=TIMEOUT_S) as client:
        client.next()
        assert camera.controls.brightness == 99
        camera.controls.brightness = 100
        assert camera.controls.brightness == 100
        camera.controls.reset()


def test_changes_of_controls_are_watched(device):
    with opened(device) as camera, camera.controls.watch("brightness", "menu") as watch:
        assert watch.poll() is None
        with pytest.raises(vs.TimedOut):
            watch.next(0.01)
        with vs.Camera(device.path) as other:
            other.controls.brightness = 33
            change = next(iter(watch))
            assert (change.name, change.value, change.value_changed) == ("brightness", 33, True)
            other.controls.contrast = 33
            other.controls.menu = 4
            assert select.select([watch.fileno()], [], [], TIMEOUT_S)[0]
            change = watch.poll()
            assert (change.name, change.value) == ("menu", "Menu Item 4")
            other.controls.reset()
        with pytest.raises(KeyError, match="did you mean"):
            camera.controls.watch("brightnes")


def test_event_loops_watch_controls(device):
    async def main():
        values = []
        with opened(device) as camera, camera.controls.watch("brightness") as watch:
            loop = asyncio.get_running_loop()
            loop.call_soon(setattr, camera.controls, "brightness", 55)
            async for change in watch:
                values.append(change.value)
                if len(values) == 2:
                    break
                camera.controls.brightness = 56
            camera.controls.reset()
        return values

    assert asyncio.run(asyncio.wait_for(main(), TIMEOUT_S)) == [55, 56]


# Plugs and signals.


class Pulled:
    """A camera that is unplugged and replugged."""

    def __init__(self, device):
        self.name = device.bus.removeprefix("platform:").replace("-000", ".").replace("-", ".")
        if not (DRIVER / self.name).exists():
            self.name = "vivid.0"

    def __enter__(self):
        (DRIVER / "unbind").write_text(self.name)
        return self

    def __exit__(self, *_):
        (DRIVER / "bind").write_text(self.name)


def test_unplugging_ends_a_wait(device):
    camera = opened(device)
    first = camera.next()
    pixels = np.asarray(first.plane(0)).copy()
    pulled = Pulled(device)
    thread = threading.Timer(0.2, pulled.__enter__)
    thread.start()
    try:
        with pytest.raises(vs.Unplugged, match="unplugged") as caught:
            for frame in camera:
                del frame
        thread.join()
        assert caught.value.filename == device.path
        assert (np.asarray(first.plane(0)) == pixels).all()
        first.release()
        with pytest.raises(vs.Unplugged):
            camera.next()
        camera.close()
    finally:
        thread.join()
        pulled.__exit__()
    with vs.Camera(cameras()[0].path, timeout=TIMEOUT_S) as again:
        again.next()


def test_a_replugged_camera_is_waited_for(device):
    with opened(device, reconnect=True) as camera:
        before = camera.next()
        with Pulled(device):
            with pytest.raises(vs.TimedOut, match="unplugged"):
                for _ in range(1000):
                    camera.next(timeout=0.5).release()
            assert "unplugged" in camera.trouble
            before.release()
        frame = camera.next()
        assert frame.is_after_restart
        assert frame.sequence > before.sequence
        assert camera.trouble is None
        camera.controls.brightness = 77
        assert camera.controls.brightness == 77
        camera.controls.reset()


def test_event_loops_wait_for_a_replugged_camera(device):
    async def main():
        with opened(device, reconnect=True) as camera:
            pulled = Pulled(device)
            loop = asyncio.get_running_loop()
            async for frame in camera:
                if frame.is_after_restart:
                    return True
                if frame.sequence == 3:
                    pulled.__enter__()
                    loop.call_later(0.3, pulled.__exit__)

    assert asyncio.run(asyncio.wait_for(main(), TIMEOUT_S))


def test_a_new_signal_changes_the_frame_size(device):
    handle = os.open(device.path, os.O_RDWR)
    try:
        fcntl.ioctl(handle, VIDIOC_S_INPUT, struct.pack("i", HDMI))
        with vs.Camera(device.path, format="NV12", timeout=TIMEOUT_S) as camera:
            controls = camera.controls
            controls.dv_timings_signal_mode = 0
            before = camera.next()
            size = (before.width, before.height)
            luma = np.asarray(before.plane(0))
            pixels = luma.copy()
            controls.dv_timings_signal_mode = "Selected DV Timings"
            controls.dv_timings = "800x600p60"
            frame = camera.next()
            while (frame.width, frame.height) != (800, 600):
                frame.release()
                frame = camera.next()
            assert size != (800, 600)
            assert frame.has_new_format
            assert frame.plane(0).shape == [600, 800]
            # Frames held before stay as they are, and releasing them has no effect.
            assert (luma == pixels).all()
            del luma
            before.release()
            camera.next()
            controls.dv_timings_signal_mode = 0
    finally:
        fcntl.ioctl(handle, VIDIOC_S_INPUT, struct.pack("i", 0))
        os.close(handle)


# Other processes.


@pytest.mark.parametrize(
    "program",
    [p for page in test_docs.PAGES for p in test_docs.programs(page) if test_docs.needs_camera(p)],
)
def test_programs_of_the_guide_run(program, tmp_path):
    program = program.replace("/tmp/camera", str(tmp_path / "camera"))
    run = [sys.executable, "-W", "error", "-c", program]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


def test_another_process_reads_the_cameras_memory(device, tmp_path):
    path = str(tmp_path / "stream")
    program = f"""
import os, videostream as vs
with vs.Client({path!r}, timeout={TIMEOUT_S}) as client:
    for at, frame in enumerate(client):
        print(os.fstat(frame.fileno()).st_ino, flush=True)
        if at == 20:
            break
"""
    with opened(device, format="NV12") as camera:
        frames = [camera.next() for _ in range(camera.buffers)]
        ours = {os.fstat(frame.fileno()).st_ino for frame in frames}
        assert len(ours) == camera.buffers
        for frame in frames:
            frame.release()
        with vs.Stream(path, camera):
            run = [sys.executable, "-c", program]
            ended = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    theirs = {int(line) for line in ended.stdout.split()}
    assert theirs and theirs <= ours


def test_clients_outlive_a_killed_host(device, tmp_path):
    path = str(tmp_path / "stream")
    program = f"""
import videostream as vs
camera = vs.Camera({device.path!r}, format="NV12", size=(320, 180))
vs.Stream({path!r}, camera).run()
"""

    def host():
        return subprocess.Popen([sys.executable, "-c", program])

    first = host()
    with vs.Client(path, reconnect=True, timeout=300) as client:
        held = client.next()
        luma = np.asarray(held.plane(0))
        pixels = luma.copy()
        first.kill()
        first.wait()
        assert (luma == pixels).all()
        second = host()
        try:
            frame = client.next()
            while not frame.is_after_restart:
                frame.release()
                frame = client.next()
            assert frame.fourcc == "NV12"
            assert client.restarts == 1
            assert (luma == pixels).all()
        finally:
            second.terminate()
            second.wait()


def test_a_stream_reports_an_unplugged_camera(device, tmp_path):
    stream = vs.Stream(str(tmp_path / "stream"), opened(device))
    assert stream.step(TIMEOUT_S) == 1
    with Pulled(device), pytest.raises(vs.Unplugged, match="unplugged"):
        stream.run(TIMEOUT_S)
    stream.close()


def test_unplugging_ends_the_streams_thread(device, tmp_path):
    with pytest.raises(vs.Unplugged), vs.Stream(str(tmp_path / "stream"), opened(device)) as stream:
        client = vs.Client(stream.path, mode="every", timeout=0.1)
        client.next(TIMEOUT_S).release()
        with Pulled(device):
            while stream.is_running:
                with contextlib.suppress(vs.TimedOut, vs.HostGone):
                    client.next().release()
