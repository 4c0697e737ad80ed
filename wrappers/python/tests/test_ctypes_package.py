"""The ctypes package of 2.6.1 itself, unchanged, over this project's C library.

Needs two paths in the environment, which the test command sets:

- `VIDEOSTREAM_CTYPES_PACKAGE`: a folder of packages, filled by
  `pip install --target FOLDER videostream==2.6.1 typeguard`
- `VIDEOSTREAM_C_LIBRARY`: the C library, `target/debug/libvideostream_c.so`
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def needed(variable: str, what: str) -> Path:
    path = os.environ.get(variable)
    if not path or not Path(path).exists():
        pytest.skip(f"{variable} is not the path of {what}")
    return Path(path).resolve()


@pytest.fixture
def environment() -> dict[str, str]:
    package = needed("VIDEOSTREAM_CTYPES_PACKAGE", "the ctypes package")
    library = needed("VIDEOSTREAM_C_LIBRARY", "the C library")
    return {
        **os.environ,
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIDEOSTREAM_LIBRARY": str(library),
        "VIDEOSTREAM_IMPORT_NAMES": "videostream",
    }


def test_ctypes_package_passes_the_pinned_tests(environment, tmp_path):
    show = "import ctypes, videostream as v; assert type(v.lib) is ctypes.CDLL; print(v.__file__)"
    which = subprocess.run(
        [sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(which.stdout.strip()).is_relative_to(environment["PYTHONPATH"])
    pinned = HERE / "test_pinned.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"--rootdir={tmp_path}", "-c", os.devnull, "--import-mode=importlib", str(pinned)]
    ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]
    assert "skipped" not in ran.stdout
