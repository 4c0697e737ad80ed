"""The examples run, against a host of a test pattern in another process."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_docs import skip_without_tensors, start_host

EXAMPLES = Path(__file__).parents[1] / "examples"
SECONDS = 120


@pytest.fixture
def host(tmp_path):
    """Return the socket of a host."""
    path = tmp_path / "camera"
    process = start_host(path)
    yield path
    process.kill()
    process.wait()


def run(name, *words, cwd, **options):
    """Run an example and return its output."""
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        **options,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_brightness_of_each_frame(host, tmp_path):
    said = run("brightness.py", host, 5, cwd=tmp_path).splitlines()
    assert len(said) == 5
    for line in said:
        sequence, fourcc, size, mean = line.split()
        assert int(sequence) >= 0
        assert (fourcc, size) == ("NV12", "640x360")
        assert 16 < float(mean) < 235


def test_tensors_of_each_frame(host, tmp_path):
    skip_without_tensors()
    said = run("tensors.py", host, 3, cwd=tmp_path).splitlines()
    assert len(said) == 3
    assert all(line.endswith("(360, 640) (1, 224, 224, 3)") for line in said)


def test_recording_can_be_played(host, tmp_path):
    run("record.py", host, "movie.mp4", 20, cwd=tmp_path)
    if not shutil.which("ffprobe"):
        pytest.skip("ffprobe is not installed: the recording was made, not read back")
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", "movie.mp4"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    stream = json.loads(shown.stdout)["streams"][0]
    assert (stream["codec_name"], stream["nb_read_frames"]) == ("h264", "20")
    assert (stream["width"], stream["height"]) == (640, 360)


@pytest.mark.parametrize("name", ["share.py", "asyncio_clients.py"])
def test_runs_until_interrupted(name, host, tmp_path):
    path = tmp_path / "shared" if name == "share.py" else host
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    if name == "share.py":
        # Without a camera it prints that first.
        while not path.exists():
            first = process.stdout.readline()
            assert first, process.stderr.read()
        assert run("brightness.py", path, 2, cwd=tmp_path)
    else:
        assert first.startswith(str(host))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    if name == "share.py":
        assert process.returncode == 0, errors


def test_window_shows_frames(host, tmp_path):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    for tool in ("Xvfb", "import"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed: there is no window to look at")
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    environment = {**os.environ, "DISPLAY": f":{server.stdout.readline().strip()}"}
    window = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "opencv_window.py"), str(host)], env=environment
    )
    try:
        picture = tmp_path / "window.png"
        while not colours(picture, environment) > 50:
            assert window.poll() is None
    finally:
        for process in (window, server):
            process.kill()
            process.wait()


def colours(picture, environment):
    """Take a picture of the screen, and count its colours."""
    shot = ["import", "-window", "root", str(picture)]
    subprocess.run(shot, env=environment, check=True, timeout=SECONDS)
    counted = subprocess.run(
        ["identify", "-format", "%k", str(picture)], capture_output=True, check=True, text=True
    )
    return int(counted.stdout)
