"""One figure: what was promised, what was measured, how far from the floor, and the table they are shown in."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Promise:
    """What the project says of itself. Whatever is None is not promised.

    `at_least` and `below` bound the measured value, `p99` the latency in milliseconds, `of_floor` the part of the
    floor (or of the line it is compared with) that must be reached, 0.4 for 40 %.
    """

    at_least: float | None = None
    below: float | None = None
    p99: float | None = None
    of_floor: float | None = None

    def __str__(self) -> str:
        words = []
        if self.at_least is not None:
            words.append(f"≥ {_number(self.at_least)}")
        if self.below is not None:
            words.append(f"< {_number(self.below)}")
        if self.of_floor is not None:
            words.append(f"≥ {self.of_floor:.0%} of floor")
        if self.p99 is not None:
            words.append(f"p99 < {_number(self.p99)} ms")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table.

    `runs` are the values of interleaved runs, `floor` those of the floor beside them, in `unit`; the median counts.
    `latencies` are seconds, one per thing done. `note` says what a reader must know to believe it.
    """

    what: str
    unit: str
    promise: Promise
    runs: Sequence[float]
    floor: Sequence[float] = ()
    latencies: Sequence[float] = field(default=(), repr=False)
    note: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.runs)

    @property
    def shown(self) -> str:
        """The measured value with its unit."""
        return f"{_number(self.value)} {self.unit}"

    @property
    def ratio(self) -> float | None:
        """The part of the floor that is reached: the median over pairs that ran beside each other."""
        if not self.floor:
            return None
        return statistics.median(ours / raw for ours, raw in zip(self.runs, self.floor, strict=True))

    @property
    def spread(self) -> float:
        """How far apart the runs lie, as a part of their median."""
        return (max(self.runs) - min(self.runs)) / self.value if self.value else 0.0

    @property
    def holds(self) -> bool:
        """Whether all that is promised of it was measured."""
        promise, ratio = self.promise, self.ratio
        return (
            (promise.at_least is None or self.value >= promise.at_least)
            and (promise.below is None or self.value < promise.below)
            and (promise.p99 is None or percentile(self.latencies, 99) * 1000 < promise.p99)
            and (promise.of_floor is None or (ratio is not None and ratio >= promise.of_floor))
        )


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` per cent of the values lie. Raises ValueError when there are none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))]


def machine() -> str:
    """What the figures were measured on."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    names = ("sqlalchemy", "aiosqlite", "asyncpg", "aiohttp", "aiogram")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return f"{os.cpu_count()} cores ({model}), load {load}, Python {platform.python_version()}, {versions}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as one table of plain text; a remark follows its figure."""
    heads = ("what", "promised", "measured", "floor", "ratio", "spread", "p50 ms", "p99 ms", "")
    rows = [_row(figure) for figure in figures]
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = [_line(heads, widths), "  ".join("-" * width for width in widths)]
    for figure, row in zip(figures, rows, strict=True):
        lines.append(_line(row, widths))
        if figure.note:
            lines.append(f"    {figure.note}")
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = figure.ratio
    return (
        figure.what,
        str(figure.promise),
        figure.shown,
        f"{_number(statistics.median(figure.floor))} {figure.unit}" if figure.floor else "",
        f"{ratio:.0%}" if ratio is not None else "",
        f"{figure.spread:.0%}" if len(figure.runs) > 1 else "",
        f"{percentile(figure.latencies, 50) * 1000:.1f}" if figure.latencies else "",
        f"{percentile(figure.latencies, 99) * 1000:.1f}" if figure.latencies else "",
        "holds" if figure.holds else "MISSED",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readlines()
    except OSError:
        return []
