"""What every noun of the command line shares: options, output for people and machines, the inventory rule.

Results go to standard output, progress and log to standard error; with --json both are JSON.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from dcops.core.errors import UsageError
from dcops.core.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
InventoryOption = Annotated[
    str | None,
    typer.Option(
        "--inventory", "-i", metavar="NAME", help="Inventory: a name under inventory/, or a path.", show_default=False
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before acting.")]
PlanIdOption = Annotated[
    str | None,
    typer.Option(
        "--plan-id", metavar="ID", help="Act only if --check would name this plan; --yes in production needs it."
    ),
]
CheckOption = Annotated[
    bool, typer.Option("--check", "-C", help="Plan and stop: show what would change (exit 4 if anything).")
]
LimitOption = Annotated[
    str | None, typer.Option("--limit", "-l", metavar="PATTERN", help="Only these hosts; patterns as in Ansible.")
]
ForksOption = Annotated[int, typer.Option("--forks", "-f", min=1, max=200, help="How many hosts at a time.")]


# What rich would read into the text of others: "[/etc/hosts]" as a tag, ":ab:" of a MAC address as a picture.
_VERBATIM: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
_UNCUT = 100_000


def plain(value: Any) -> Any:
    """Give `value` as JSON can hold it: models, enums, dates, paths and sets become plain values."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | Path):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


class Out:
    """Where results go: tables and lines for people, one JSON document for machines."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(**_VERBATIM, soft_wrap=not sys.stdout.isatty())
        self.log = Console(**_VERBATIM, stderr=True)

    def json(self, document: Any) -> None:
        """Print one JSON document, keys in the order given."""
        sys.stdout.write(json.dumps(plain(document), indent=2, ensure_ascii=False) + "\n")

    def result(self, document: Any, text: str) -> None:
        """Print `document` with --json, else `text` as it is."""
        if self.as_json:
            self.json(document)
        else:
            self.console.print(text)

    def table(self, rows: Sequence[Sequence[Any]], columns: Sequence[str], *, title: str | None = None) -> None:
        """Print a table: one row a thing; cells are shown by str(), None as a dash."""
        # Into a pipe nothing is folded or cut: the next program reads whole cells.
        console = Console(**_VERBATIM, width=None if sys.stdout.isatty() else _UNCUT)
        table = Table(*columns, title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
        for row in rows:
            table.add_row(*("-" if cell is None else str(cell) for cell in row))
        console.print(table)

    def line(self, text: str) -> None:
        """Print one line of result; nothing with --json."""
        if not self.as_json:
            self.console.print(text)

    def note(self, text: str) -> None:
        """Say one line beside the result, on standard error."""
        self.log.print(text, soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator["Reporter"]:
        """Show that long work goes on: a spinner with the last step on a terminal, plain lines elsewhere."""
        if not sys.stderr.isatty():
            self.note(f"{what} ...")
            yield self.note
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self.log, transient=True) as bar:
            task = bar.add_task(what, total=None)

            def step(text: str) -> None:
                bar.update(task, description=f"{what}: {text}")

            yield step


class Reporter(Protocol):
    """Called with one line for each step of long work."""

    def __call__(self, text: str) -> None:
        """Say `text`."""


def reading_inventory(settings: Settings, name: str | None) -> str:
    """Give the inventory a reading verb uses: named, DCOPS_INVENTORY, the enrolled host's own, else `lab`."""
    return name or settings.inventory or settings.enrolled_inventory() or "lab"


def writing_inventory(settings: Settings, name: str | None) -> str:
    """Give the inventory a writing verb acts on: the enrolled host's own or the one named with -i, never a default.

    DCOPS_INVENTORY counts as one: a variable set long ago decides nothing. Raises UsageError when neither names one.
    """
    chosen = name or settings.enrolled_inventory()
    if chosen is None:
        raise UsageError(
            "a verb that writes has no default inventory", hint="Name one with -i, such as -i lab, or enrol this host."
        )
    return chosen


def banner(out: Out, *, inventory: str, environment: str, revision: str, user: str) -> None:
    """Say before a writing verb what it acts on: inventory, environment, revision, user."""
    out.note(f"inventory {inventory}  environment {environment}  revision {revision[:12]}  user {user}")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before acting. Raises UsageError when nobody can answer or the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to confirm", hint="Add --yes, or --check to see the plan only.")
    if not typer.confirm(question, err=True):
        raise UsageError("stopped: not confirmed; nothing was touched")


def setup_logging(*, as_json: bool, verbosity: int) -> None:
    """Send the log to standard error: warnings, with -v information, with -vv everything; JSON lines with --json.

    The libraries that carry sessions stay quiet even then: what they would log is what was sent, secrets included.
    """
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for noisy in ("paramiko", "netmiko", "httpcore2", "httpx2", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: level, logger, event and the fields given as `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        fields = getattr(record, "fields", {})
        document = {"level": record.levelname.lower(), "logger": record.name, "event": record.getMessage(), **fields}
        return json.dumps(document, ensure_ascii=False, default=str)
