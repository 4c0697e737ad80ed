"""Pictures with numbers, and other programs to check files."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import videostream as vs

SIZE = (192, 128)


def picture(number: int, size: tuple[int, int] = SIZE) -> vs.Frame:
    """Draw a picture of smooth colours with squares that encode its number."""
    width, height = size
    frame = vs.Frame(width, height, "NV12")
    luma, chroma = (np.asarray(plane) for plane in frame.planes)
    luma[:] = np.linspace(60, 180, width).astype(np.uint8)
    chroma[..., 0] = np.linspace(100, 150, width // 2).astype(np.uint8)
    chroma[..., 1] = np.linspace(150, 100, height // 2).astype(np.uint8)[:, None]
    for bit in range(8):
        luma[:16, bit * 16 : bit * 16 + 16] = 235 if number >> bit & 1 else 16
        chroma[:8, bit * 8 : bit * 8 + 8] = 128
    return frame


def number_of(frame: vs.Frame) -> int:
    """Read the number of a picture."""
    luma = np.asarray(frame.plane(0))
    bits = [luma[4:12, bit * 16 + 4 : bit * 16 + 12].mean() > 128 for bit in range(8)]
    return sum(is_set << bit for bit, is_set in enumerate(bits))


def psnr(one: vs.Frame, two: vs.Frame) -> float:
    """Return the similarity of two pictures (PSNR) in dB."""
    difference = one.to_rgb().astype(float) - two.to_rgb().astype(float)
    return float(10 * np.log10(255**2 / max(np.mean(difference**2), 1e-9)))


def needs(program: str) -> None:
    """Skip the test if a program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def probe(path: Path) -> dict:
    """Ask ffprobe about the video of a file, and count its frames."""
    needs("ffprobe")
    command = ["ffprobe", "-v", "error", "-count_frames", "-of", "json", "-show_streams"]
    ended = subprocess.run([*command, str(path)], capture_output=True, check=True)
    return json.loads(ended.stdout)["streams"][0]
