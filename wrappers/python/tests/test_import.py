"""Importing the package: a compiled module, names and a version."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
import videostream
from videostream import _videostream


@pytest.mark.asan
def test_module_is_a_compiled_one() -> None:
    assert _videostream.__file__ is not None
    assert Path(_videostream.__file__).suffix == ".so"


@pytest.mark.asan
def test_version_is_that_of_the_module() -> None:
    assert videostream.__version__ == _videostream.__version__
    assert videostream.__version__[0].isdigit()


def test_distribution_and_module_versions_agree() -> None:
    try:
        version = importlib.metadata.version("videostream")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed, but found in PYTHONPATH")
    # Two spellings of one version: 3.0.0-dev and 3.0.0.dev0.
    assert version.startswith(videostream.__version__.split("-")[0])


def test_public_names_are_there() -> None:
    for name in videostream.__all__:
        assert hasattr(videostream, name)


def test_importing_loads_few_modules() -> None:
    program = "import sys; before = set(sys.modules); import videostream"
    program += "; print(*sorted(set(sys.modules) - before))"
    environment = {**os.environ, "PYTHONPATH": str(Path(videostream.__file__).parent.parent)}
    command = [sys.executable, "-S", "-c", program]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "videostream._videostream" in loaded
    # On a board each of these costs a tenth of a second.
    slow = {"asyncio", "ctypes", "dataclasses", "inspect", "numpy", "pathlib", "typing"}
    assert not loaded & slow


def test_lazily_loaded_names_are_listed() -> None:
    assert set(videostream.__all__) <= set(dir(videostream))
    assert videostream.Size is videostream._listing.Size
    with pytest.raises(AttributeError, match=r"'videostream' has no attribute 'Camerra'"):
        _ = videostream.Camerra
