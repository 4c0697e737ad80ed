"""Plain values that describe devices and their controls."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Size:
    """A picture size of a format, or a range of sizes.

    `width` and `height` are in pixels. A range goes from `smallest` (width, height) to them in
    steps of `step`; both are None for a single size. `rates` are the frames per second that the
    driver lists for the largest size; `rate_range` is the slowest and the fastest rate if the
    driver reports a range.
    """

    width: int
    height: int
    smallest: tuple[int, int] | None = None
    step: tuple[int, int] | None = None
    rates: list[Fraction] = field(default_factory=list)
    rate_range: tuple[Fraction, Fraction] | None = None

    def __str__(self) -> str:
        """Return "1280x720", or "from 32x32 to 1920x1080"."""
        largest = f"{self.width}x{self.height}"
        if self.smallest is None:
            return largest
        return f"from {self.smallest[0]}x{self.smallest[1]} to {largest}"


@dataclass(frozen=True)
class Format:
    """A pixel format of a device: its FourCC, the driver's description, and its sizes."""

    fourcc: str
    description: str
    is_compressed: bool
    sizes: list[Size]


@dataclass(frozen=True)
class Device:
    """A video device: its node, its kind and its formats.

    `card` is its readable name, `driver` the kernel driver, `bus` where it is attached. `kind` is
    "camera", "encoder", "decoder", "converter", "output", "metadata" or another word, and None for
    a node that could not be opened: `error` then has the reason. `gaps` lists what the driver
    failed to report.
    """

    path: str
    card: str = ""
    driver: str = ""
    bus: str = ""
    kind: str | None = None
    formats: list[Format] = field(default_factory=list)
    input_formats: list[Format] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    error: str | None = None

    def __str__(self) -> str:
        """Return a readable line."""
        if self.error is not None:
            return self.error
        formats = ", ".join(format.fourcc for format in self.formats + self.input_formats)
        return f"{self.path}: {self.card} ({self.driver}, {self.kind}): {formats}"


@dataclass(frozen=True)
class Control:
    """A control of a camera at the time of the query.

    `name` is the name to set it by, `title` the driver's name, `group` its control class. `kind` is
    "integer", "switch", "menu", "integer menu", "button", "text", "bit mask", "array", "area" or
    "other". `items` are the values of a menu by index. `unit` is the unit of its values if the
    kernel defines one ("100 µs", "K"); most controls use units of their driver.
    """

    name: str
    title: str
    group: str
    kind: str
    value: Any
    minimum: int
    maximum: int
    step: int
    default: Any
    unit: str | None
    items: dict[int, str | int]
    is_read_only: bool
    is_inactive: bool
    is_busy: bool
    is_volatile: bool


@dataclass(frozen=True)
class ControlChange:
    """A change of a control: its value, its range, or whether it is inactive.

    `value` is None for texts and arrays: read the control instead.
    """

    name: str
    value: Any
    value_changed: bool
    range_changed: bool
    is_inactive: bool


for _class in (Size, Format, Device, Control, ControlChange):
    _class.__module__ = "videostream"
