"""Answers of a walk as scalars and tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dcops.core.errors import ParseError
from dcops.snmp.model import Oid, Value, Varbind

__all__ = ["Walk", "as_counter", "as_integer", "as_text", "format_oid", "parse_oid", "require_rising"]


def parse_oid(text: str) -> Oid:
    """An object identifier written with dots, without a leading one. Raise ParseError for anything else."""
    try:
        return tuple(int(part) for part in text.strip(".").split("."))
    except ValueError:
        raise ParseError(f'"{text}" is no object identifier') from None


def format_oid(oid: Oid) -> str:
    """An object identifier with dots, without a leading one."""
    return ".".join(map(str, oid))


def require_rising(varbinds: Iterable[Varbind], where: str) -> list[Varbind]:
    """The answers as a list; raise ParseError when one does not rise above the one before: such a walk never ends."""
    rising: list[Varbind] = []
    for oid, value in varbinds:
        if rising and oid <= rising[-1][0]:
            raise ParseError(f"the agent's answers do not rise: {format_oid(oid)} again", where=where)
        rising.append((oid, value))
    return rising


class Walk:
    """All that an agent answered, looked up by object identifier."""

    def __init__(self, varbinds: Iterable[Varbind]) -> None:
        self._values: dict[Oid, Value] = dict(varbinds)

    def __len__(self) -> int:
        return len(self._values)

    def scalar(self, oid: str) -> Value:
        """The value at `oid` (with its `.0`); None when the agent has none."""
        return self._values.get(parse_oid(oid))

    def table(self, entry: str, columns: Mapping[int, str]) -> dict[Oid, dict[str, Value]]:
        """The rows of the table whose entry is `entry`: index -> column name -> value, rows by index, columns that
        the agent left out missing."""
        base = parse_oid(entry)
        size = len(base)
        rows: dict[Oid, dict[str, Value]] = {}
        for oid, value in self._values.items():
            if len(oid) > size + 1 and oid[:size] == base and oid[size] in columns:
                rows.setdefault(oid[size + 1 :], {})[columns[oid[size]]] = value
        return {index: rows[index] for index in sorted(rows)}


def as_integer(value: Value) -> int | None:
    """A number, None when the agent gave none or something else."""
    return int(value) if isinstance(value, int | float) else None


def as_counter(value: Value, bits: int = 64) -> int | None:
    """An unsigned counter: agents that print it as a signed number are put right. None when there is none."""
    number = as_integer(value)
    return None if number is None else number % (1 << bits)


def as_text(value: Value) -> str:
    """A text; bytes that are not UTF-8 are replaced; empty when there is none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").rstrip("\0")
    return "" if value is None else str(value)
