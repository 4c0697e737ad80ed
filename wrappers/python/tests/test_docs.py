"""Every program of the guide and of the README runs as it is printed."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
PAGES = [PACKAGE / "README.md", PACKAGE.parents[1] / "docs" / "python.md"]
SOCKETS = ("/tmp/camera", "/tmp/drawn")
SECONDS = 120


def programs(page: Path) -> list[str]:
    """Return the programs of a page."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def needs_camera(program: str) -> bool:
    """Return whether a program opens a camera: the tests with cameras run those."""
    return "videostream.Camera(" in re.sub(r"#.*", "", program)


def shares(program: str) -> bool:
    """Return whether a program is a host itself."""
    return "videostream.Stream(" in program or "videostream.Host(" in program


CASES = [
    pytest.param(program, id=f"{page.name}-{number}")
    for page in PAGES
    for number, program in enumerate(programs(page), 1)
    if not needs_camera(program)
]


def test_pages_have_programs():
    assert len(CASES) > 8


def skip_without_tensors():
    """Skip the test if NumPy does not support read-only tensors."""
    numpy = pytest.importorskip("numpy")
    if numpy.lib.NumpyVersion(numpy.__version__) < "2.1.0":
        pytest.skip("NumPy before 2.1 does not support read-only tensors")


@pytest.mark.parametrize("program", CASES)
def test_program_runs(program, tmp_path):
    if "from_dlpack" in program:
        skip_without_tensors()
    for socket in SOCKETS:
        program = program.replace(socket, str(tmp_path / Path(socket).name))
    host = None if shares(program) else start_host(tmp_path / "camera")
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        if host:
            host.kill()
            host.wait()
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.stdout


def test_readme_loop_ends_with_its_host(tmp_path):
    (program,) = programs(PACKAGE.parents[1] / "README.md")
    path = tmp_path / "camera"
    host = start_host(path)
    program = program.replace("/tmp/camera", str(path))
    loop = subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert loop.stdout is not None
    sequence, *shape, mean = loop.stdout.readline().split()
    assert int(sequence) >= 0
    assert shape == ["(540,", "640)"]
    assert 16 < float(mean) < 235
    host.send_signal(signal.SIGINT)
    _, errors = loop.communicate(timeout=SECONDS)
    assert (loop.returncode, errors) == (0, "")
    host.wait(timeout=SECONDS)


def start_host(path: Path) -> subprocess.Popen:
    """Start a host of a test pattern, and wait until it serves."""
    program = f"""
import videostream
source = videostream.TestPattern(size=(640, 360), fps=30)
stream = videostream.Stream({str(path)!r}, source)
print("serving", flush=True)
stream.run()
"""
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    assert host.stdout.readline() == "serving\n"
    return host
