"""The package as it is imported: a compiled module, names and a version."""

from __future__ import annotations

import importlib.metadata
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


def test_distribution_has_the_version_of_the_module() -> None:
    try:
        version = importlib.metadata.version("videostream")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed, but found in PYTHONPATH")
    # Two spellings of one version: 3.0.0-dev and 3.0.0.dev0.
    assert version.startswith(videostream.__version__.split("-")[0])


def test_public_names_are_there() -> None:
    for name in videostream.__all__:
        assert hasattr(videostream, name)
