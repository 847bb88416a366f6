"""Receipts of backups that other tools took: JSON, CSV and pgBackRest's `info` -> rows, all problems at once. Pure.

They tell of a backup and prove none: nobody here saw it. docs/backup.md documents the forms.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from dcops.core.errors import Problem, SpecError
from dcops.core.text import did_you_mean
from dcops.core.words import Frozen

_Word = Annotated[str, Field(min_length=1, max_length=200)]
_FUTURE = timedelta(minutes=1)
FIELDS = ("application", "tool", "repository", "label", "status", "error", "site", "started_at", "finished_at",
          "size_bytes")  # fmt: skip


class Format(StrEnum):
    """How a file tells of backups."""

    JSON = "json"
    CSV = "csv"
    PGBACKREST = "pgbackrest"


class ForeignBackup(Frozen):
    """One backup as another tool tells it; times carry their zone."""

    application: _Word
    tool: _Word
    repository: _Word
    label: _Word
    status: Literal["done", "failed"]
    error: str = ""
    site: str = ""
    started_at: AwareDatetime
    finished_at: AwareDatetime
    size_bytes: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> "ForeignBackup":
        if self.finished_at < self.started_at:
            raise ValueError("finished_at is before started_at")
        return self

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names a backup."""
        return self.application, self.tool, self.repository, self.label


class Defaults(Frozen):
    """What the command line says of a file that does not say it itself; None where it says nothing."""

    application: str | None = None
    repository: str | None = None
    site: str | None = None


Row = tuple[int, Mapping[str, Any]]
Locate = Callable[[Sequence[str | int]], int]


def read_foreign(
    text: str,
    form: Format,
    where: str,
    defaults: Defaults,
    *,
    applications: Iterable[str],
    locate: Locate,
    now: datetime,
) -> list[tuple[int, ForeignBackup]]:
    """Give (line, backup) of a file, in its order.

    Args:
        where: the file's name, for messages.
        applications: keys of the catalogue; others are refused with a suggestion.
        locate: keys of a JSON document -> line.
        now: a backup that ends later is refused.
    Raises:
        SpecError: with every problem of the file and its line; then nothing of it may be kept.
    """
    known, problems, found = set(applications), list[Problem](), list[tuple[int, ForeignBackup]]()
    seen: dict[tuple[str, str, str, str], tuple[int, ForeignBackup]] = {}
    for line, row in _rows(text, form, where, defaults, locate):
        try:
            backup = ForeignBackup.model_validate({**_given(defaults), **row})
        except ValidationError as error:
            problems += [_problem(f"{where}:{line}", each) for each in error.errors()]
            continue
        wrong = list(_wrong(f"{where}:{line}", backup, known, now))
        first = seen.setdefault(backup.key, (line, backup))
        if first[1] != backup:
            text_ = f'"{backup.label}" is told otherwise in line {first[0]}'
            wrong.append(Problem(f"{where}:{line}", "label", text_, "Keep one of them."))
        problems += wrong
        if not wrong and first[0] == line:
            found.append((line, backup))
    if problems:
        raise SpecError(problems)
    return found


def _given(defaults: Defaults) -> dict[str, str]:
    return {name: value for name, value in defaults.model_dump().items() if value is not None}


def _wrong(where: str, backup: ForeignBackup, known: set[str], now: datetime) -> Iterator[Problem]:
    if backup.application not in known:
        guess = did_you_mean(backup.application, known)
        hint = f'Did you mean "{guess}"?' if guess else "Its key in the catalogue: dcops inventory list."
        yield Problem(where, "application", f'"{backup.application}" is unknown', hint)
    if backup.finished_at > now + _FUTURE:
        yield Problem(where, "finished_at", "it lies in the future", "Compare the clocks, and the zone.")


def _problem(where: str, row: Any) -> Problem:
    name = ".".join(map(str, row["loc"]))
    if row["type"] == "extra_forbidden":
        guess = did_you_mean(name, FIELDS)
        return Problem(where, name, f'"{name}" is unknown', f'Did you mean "{guess}"?' if guess else "")
    hint = "Write 2026-11-24T04:00:00Z, with its zone." if name.endswith("_at") else ""
    return Problem(where, name, str(row["msg"]).rstrip("."), hint)


def _rows(text: str, form: Format, where: str, defaults: Defaults, locate: Locate) -> Iterable[Row]:
    if form is Format.CSV:
        return _csv_rows(text, where)
    try:
        document = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise SpecError(
            [Problem(f"{where}:{line}", "", f"this is no JSON: {error}", "Compare docs/backup.md.")]
        ) from None
    if form is Format.JSON:
        return _json_rows(document, where, locate)
    return _pgbackrest_rows(document, where, defaults, locate)


def _json_rows(document: Any, where: str, locate: Locate) -> Iterator[Row]:
    """Read `{"version": 1, "backups": [...]}`."""
    listed = document.get("backups") if isinstance(document, dict) and document.get("version") == 1 else None
    if not isinstance(listed, list):
        raise SpecError([Problem(f"{where}:1", "backups", 'expected {"version": 1, "backups": [...]}')])
    for number, row in enumerate(listed):
        line = locate(("backups", number))
        if not isinstance(row, dict):
            raise SpecError([Problem(f"{where}:{line}", f"backups[{number}]", "this is no object")])
        yield line, row


def _csv_rows(text: str, where: str) -> Iterator[Row]:
    """Read rows below a line of column names; an empty cell is a field that is not told."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    names = next(reader, [])
    unknown = [name for name in names if name not in FIELDS]
    if unknown or "label" not in names:
        problems = [_problem(f"{where}:1", {"loc": (name,), "type": "extra_forbidden"}) for name in unknown]
        missing = [] if "label" in names else [Problem(f"{where}:1", "", "there is no line of column names")]
        raise SpecError([*problems, *missing])
    for cells in reader:
        if not cells:
            continue
        row: dict[str, Any] = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
        if len(cells) > len(names):
            row["columns"] = f"{len(cells)} cells, {len(names)} names"
        if str(row.get("size_bytes", "")).isdigit():
            row["size_bytes"] = int(row["size_bytes"])
        yield reader.line_num, row


def _pgbackrest_rows(document: Any, where: str, defaults: Defaults, locate: Locate) -> Iterator[Row]:
    """Read `pgbackrest info --output=json`: backups of each stanza; one without --app cannot tell its application."""
    if not isinstance(document, list):
        raise SpecError([Problem(f"{where}:1", "", "expected the output of pgbackrest info --output=json")])
    if defaults.application is None:
        raise SpecError([Problem(f"{where}:1", "", "pgBackRest does not name the application", "Say it: --app KEY.")])
    for index, stanza in enumerate(document):
        for number, backup in enumerate(stanza.get("backup", []) if isinstance(stanza, dict) else []):
            line = locate((index, "backup", number))
            try:
                yield line, _pgbackrest_row(stanza, backup, defaults)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                yield line, {"label": str(error)[:50]}  # its missing fields are told with the others


def _pgbackrest_row(stanza: Mapping[str, Any], backup: Mapping[str, Any], defaults: Defaults) -> dict[str, Any]:
    repository = f"pgbackrest-{stanza['name']}-repo{backup.get('database', {}).get('repo-key', 1)}"
    is_damaged = bool(backup.get("error"))
    return {
        "tool": "pgbackrest",
        "repository": defaults.repository or repository,
        "label": backup["label"],
        "status": "failed" if is_damaged else "done",
        "error": "pages with wrong checksums" if is_damaged else "",
        "started_at": datetime.fromtimestamp(backup["timestamp"]["start"], UTC),
        "finished_at": datetime.fromtimestamp(backup["timestamp"]["stop"], UTC),
        "size_bytes": backup.get("info", {}).get("size"),
    }
