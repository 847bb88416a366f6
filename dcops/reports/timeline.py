"""A picture of what happened when, as SVG that stands in a page or alone. Pure.

It is read in print and by the colour-blind: each state has a pattern and a sign of its own beside its colour, and the
colours are those of Okabe and Ito. Time runs linear, so lengths can be compared.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

_WIDTH, _LEFT, _RIGHT = 760.0, 178.0, 742.0
_ROW, _BAR, _SPAN, _MARK = 15.0, 9.0, 19.0, 13.0
_LETTER = 5.6  # width of a letter of size 10, on the wide side
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_INK, _FAINT, _MARKED = "#1a1a1a", "#d9dde2", "#0072b2"
_GREY = ' fill="#4b5563"'
_FONT = f'font-family="DejaVu Sans, sans-serif" font-size="9.5" fill="{_INK}" class="timeline"'
# state -> colour, fill, sign
STATES = {
    "ok": ("#009e73", "#009e73", "✓"),
    "failed": ("#d55e00", "url(#failed)", "✗"),
    "undecided": ("#a86f00", "url(#undecided)", "?"),
    "started": ("#56306b", "url(#started)", "!"),
    "skipped": ("#6b7280", "none", "–"),
}
_PATTERN = '<pattern id="{name}" width="{size}" height="{size}" patternUnits="userSpaceOnUse">{inside}</pattern>'
_INSIDES = {
    "failed": (5, '<path d="M-1 6 6 -1M-1 1 1 -1M4 6 6 4" stroke="#d55e00" stroke-width="1.7"/>'),
    "undecided": (4, '<circle cx="2" cy="2" r="1.3" fill="#a86f00"/>'),
    "started": (4, '<path d="M0 2H4M2 0V4" stroke="#56306b" stroke-width="1"/>'),
}


@dataclass(frozen=True)
class Bar:
    """Something that took time, in seconds from zero; bars of one group stand together, in the order given."""

    group: str
    label: str
    start: float
    seconds: float
    state: str


@dataclass(frozen=True)
class Mark:
    """A moment, in seconds from zero."""

    label: str
    at: float


@dataclass(frozen=True)
class Span:
    """A stretch that has a name, above all bars; one that begins before the picture is drawn with an arrow."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """What a picture shows.

    Attributes:
        title: read to those who do not see it.
        duration: writes seconds for people; `tick` writes the whole seconds below the picture.
        legend: state -> its word, for the states that occur.
        axis: what the numbers below count.
    """

    title: str
    bars: Sequence[Bar]
    marks: Sequence[Mark]
    spans: Sequence[Span]
    duration: Callable[[float], str]
    tick: Callable[[float], str]
    legend: dict[str, str]
    axis: str


class _Scale:
    """From seconds to places."""

    def __init__(self, line: Timeline) -> None:
        starts = [bar.start for bar in line.bars] + [mark.at for mark in line.marks]
        ends = [bar.start + bar.seconds for bar in line.bars] + [mark.at for mark in line.marks]
        self.first, self.last = min(starts), max(ends)
        self._unit = (_RIGHT - _LEFT) / max(self.last - self.first, 0.001)

    def x(self, seconds: float) -> float:
        return _LEFT + (min(max(seconds, self.first), self.last) - self.first) * self._unit

    def ticks(self) -> list[float]:
        """Give round numbers, at most eight."""
        width = self.last - self.first
        step = next((each for each in _STEPS if width / each <= 8), _STEPS[-1])
        start = int(self.first // step) + (self.first % step > 0)
        return [float(number * step) for number in range(start, int(self.last // step) + 1)]


def draw(line: Timeline) -> str:
    """Give the picture; empty when there is nothing to show."""
    if not line.bars:
        return ""
    scale = _Scale(line)
    levels = _levels(line.marks, scale)
    top = 6 + _SPAN * len(line.spans)
    body = top + _MARK * (max(levels, default=-1) + 1) + 6
    groups = [(name, list(bars)) for name, bars in groupby(line.bars, key=lambda bar: bar.group)]
    bottom = body + _ROW * (len(line.bars) + len(groups))
    height = bottom + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" {_FONT}>',
        f"<title>{escape(line.title)}</title><defs>",
        *(_PATTERN.format(name=name, size=size, inside=inside) for name, (size, inside) in _INSIDES.items()),
        "</defs>",
        *_bands(groups, body),
        *_axis(line, scale, body, bottom),
        *_spans(line.spans, scale),
        *_marks(line.marks, levels, scale, top, bottom),
        *_rows(line, scale, groups, body),
        *_legend(line, bottom + 34),
        "</svg>",
    ]
    return "".join(parts)


def _text(x: float, y: float, text: str, *, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _levels(marks: Sequence[Mark], scale: _Scale) -> list[int]:
    """Give for each mark the line its label stands on, so that no two labels meet."""
    ends: list[float] = []
    found = []
    for mark in marks:
        start, width = _label_place(mark, scale)
        level = next((number for number, end in enumerate(ends) if end < start), len(ends))
        ends[level : level + 1] = [start + width + 6]
        found.append(level)
    return found


def _label_place(mark: Mark, scale: _Scale) -> tuple[float, float]:
    width = len(mark.label) * _LETTER
    return min(scale.x(mark.at) + 3, _WIDTH - 4 - width), width


def _axis(line: Timeline, scale: _Scale, body: float, bottom: float) -> Iterator[str]:
    for tick in scale.ticks():
        x = scale.x(tick)
        yield f'<path d="M{x:.1f} {body:.1f}V{bottom:.1f}" stroke="{_FAINT}" stroke-width=".7"/>'
        yield _text(x, bottom + 11, line.tick(tick), anchor="middle", more=_GREY)
    yield f'<path d="M{_LEFT} {bottom:.1f}H{_RIGHT}" stroke="{_INK}" stroke-width=".8"/>'
    yield _text(_RIGHT, bottom + 25, line.axis, anchor="end", more=_GREY)


Groups = Sequence[tuple[str, list[Bar]]]


def _bands(groups: Groups, body: float) -> Iterator[str]:
    """Give every other group a ground of its own, below all else."""
    y = body
    for number, (_, bars) in enumerate(groups):
        height = _ROW * (len(bars) + 1)
        if number % 2 == 0:
            yield f'<rect x="0" y="{y:.1f}" width="{_WIDTH:.0f}" height="{height:.1f}" fill="#f1f4f7"/>'
        y += height


def _rows(line: Timeline, scale: _Scale, groups: Groups, body: float) -> Iterator[str]:
    y = body
    for number, (name, bars) in enumerate(groups):
        yield _text(4, y + 11, name, more=' font-weight="bold"')
        for bar in bars:
            y += _ROW
            yield from _bar(line, scale, bar, y, "#f1f4f7" if number % 2 == 0 else "#fff")
        y += _ROW


def _bar(line: Timeline, scale: _Scale, bar: Bar, y: float, ground: str) -> Iterator[str]:
    """Give one step: its name, its length, and beside it sign and duration on a ground that keeps lines off."""
    state = bar.state if bar.state in STATES else "undecided"  # a stranger's bundle may say anything
    colour, fill, sign = STATES[state]
    x, end = scale.x(bar.start), scale.x(bar.start + bar.seconds)
    is_skipped = state == "skipped"
    width = 9.0 if is_skipped else max(2.5, end - x)
    dash = ' stroke-dasharray="2,1.5"' if is_skipped else ""
    yield _text(14, y + 11, bar.label if len(bar.label) <= 28 else f"{bar.label[:27]}…")
    yield (
        f'<rect x="{x:.1f}" y="{y + 3:.1f}" width="{width:.1f}" height="{_BAR}" fill="{fill}" stroke="{colour}"'
        f' stroke-width=".8"{dash} class="{state}"/>'
    )
    said = sign if is_skipped else f"{sign} {line.duration(bar.seconds)}"
    room = len(said) * _LETTER + 4
    is_left = x + width + room > _WIDTH
    place = x - 4 - room if is_left else x + width + 3
    yield f'<rect x="{place:.1f}" y="{y + 2:.1f}" width="{room:.1f}" height="{_ROW - 4}" fill="{ground}"/>'
    anchor = ("end", x - 5) if is_left else ("start", x + width + 4)
    yield _text(anchor[1], y + 11, said, anchor=anchor[0], more=f' fill="{colour}"')


def _spans(spans: Sequence[Span], scale: _Scale) -> Iterator[str]:
    for number, span in enumerate(spans):
        y = 6 + _SPAN * number + 15
        x, end = scale.x(span.start), scale.x(span.end)
        is_cut = span.start < scale.first
        head = (
            f"M{x + 5:.1f} {y - 3:.1f}L{x:.1f} {y:.1f}L{x + 5:.1f} {y + 3:.1f}" if is_cut else f"M{x:.1f} {y - 4:.1f}v8"
        )
        yield (
            f'<path d="{head}M{x:.1f} {y:.1f}H{end:.1f}M{end:.1f} {y - 4:.1f}v8" fill="none" stroke="{_INK}"'
            ' stroke-width="1.3"/>'
        )
        width = len(span.label) * _LETTER
        middle = min(max((x + end) / 2, width / 2 + 2), _WIDTH - width / 2 - 2)
        yield _text(middle, y - 5, span.label, anchor="middle", more=' font-weight="bold"')


def _marks(marks: Sequence[Mark], levels: Sequence[int], scale: _Scale, top: float, bottom: float) -> Iterator[str]:
    for mark, level in zip(marks, levels, strict=True):
        x, y = scale.x(mark.at), top + _MARK * level + 11
        line = f'stroke="{_MARKED}" stroke-width=".9" stroke-dasharray="4,2"'
        yield f'<path d="M{x:.1f} {y - 9:.1f}V{bottom:.1f}" {line}/>'
        yield _text(_label_place(mark, scale)[0], y, mark.label, more=f' fill="{_MARKED}"')


def _legend(line: Timeline, y: float) -> Iterator[str]:
    x = 4.0
    for state, word in line.legend.items():
        colour, fill, sign = STATES.get(state, STATES["undecided"])
        dash = ' stroke-dasharray="2 1.5"' if state == "skipped" else ""
        yield f'<rect x="{x:.1f}" y="{y - 8:.1f}" width="16" height="{_BAR}" fill="{fill}" stroke="{colour}"{dash}/>'
        yield _text(x + 21, y, f"{sign} {word}")
        x += 34 + (len(word) + 2) * _LETTER
