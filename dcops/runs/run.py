"""One act from its start to its end: an id, its folder, its events, its result.

    with start_run(settings.state, "backup run", environment="twin", inventory="lab", actor=actor) as run:
        run.event("dump.started", app="naskah_dinas_elektronik")
        run.finish({"snapshot": "ab12"})

`$DCOPS_STATE/runs/<ULID>/run.json` is written at the start and again at the end, `events.jsonl` line by line, both
fsynced: after kill -9 at any instant `load_run` tells what was done and that the run was killed.
"""

import getpass
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from dcops.core.clock import monotonic, rfc3339, utc_now
from dcops.core.errors import DcopsError, Interrupted, Refused, UsageError
from dcops.core.files import sync_folder, write_atomic
from dcops.core.ulid import new_ulid
from dcops.core.words import Environment
from dcops.records.canonical import plain
from dcops.records.memory import memory_folder
from dcops.runs.events import Event, EventLog, read_events
from dcops.runs.model import RunFile, RunStatus

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class RecordSink(Protocol):
    """What a run needs of the journal: `dcops.records.service.Journal` is one."""

    def append(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        run: str | None = None,
        actor: str | None = None,
        change: str | None = None,
    ) -> object:
        """Write one record."""


class Run:
    """A run in progress. Made by `start_run` only."""

    def __init__(self, folder: Path, file: RunFile, journal: RecordSink | None, change: str | None) -> None:
        self.folder = folder
        self.run_id = file.run
        self.file = file
        self._journal, self._change = journal, change
        self._events = EventLog(folder / "events.jsonl")
        self._result: dict[str, Any] = {}
        self._exit_code = 0
        self._began = monotonic()

    @property
    def actor(self) -> str:
        """Who acts, as user@host."""
        return self.file.actor

    def event(self, name: str, /, **fields: Any) -> Event:
        """Append one event; it is on disk when this returns."""
        return self._events.append(name, fields)

    def record(self, kind: str, payload: Mapping[str, Any]) -> object | None:
        """Append a record of this run to the journal; None when the run was started without one."""
        if self._journal is None:
            return None
        return self._journal.append(kind, payload, run=self.run_id, actor=self.actor, change=self._change)

    @property
    def exit_code(self) -> int:
        """What the run ends with when nothing is raised."""
        return self._exit_code

    def finish(self, result: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """Set the run's result; it is written when the block ends. A second call adds and overrides.

        `exit_code`: of an act that ends by itself and still has bad news, such as a drill that fails.
        """
        self._result.update(plain(result, where="result"))
        self._exit_code = int(exit_code)

    def close(self, status: RunStatus, exit_code: int, message: str) -> None:
        """Write the end of the run: event, run.json, and a record when there is a journal."""
        self._events.append(f"run.{status.value}", {"exit_code": exit_code, "message": message})
        self._events.close()
        update = {
            "status": status,
            "exit_code": exit_code,
            "message": message,
            "ended_at": rfc3339(utc_now()),
            "result": self._result,
        }
        self.file = self.file.model_copy(update=update)
        _rewrite(self.folder, self.file)
        self._record_end(status, exit_code, message)

    def record_start(self) -> None:
        """Append run.started."""
        self.record("run.started", {"verb": self.file.verb, "inventory": self.file.inventory, "host": self.file.host})

    def _record_end(self, status: RunStatus, exit_code: int, message: str) -> None:
        if status is RunStatus.REFUSED:
            self.record("run.refused", {"verb": self.file.verb, "reasons": [message]})
            return
        self.record(
            "run.finished",
            {
                "verb": self.file.verb,
                "status": status.value,
                "exit_code": exit_code,
                "message": message,
                "duration_seconds": round(monotonic() - self._began, 3),
            },
        )


@contextmanager
def start_run(
    state: Path,
    verb: str,
    *,
    environment: Environment | str,
    inventory: str,
    actor: str | None = None,
    inventory_revision: str = "",
    arguments: Mapping[str, Any] | None = None,
    journal: RecordSink | None = None,
    change: str | None = None,
    run_id: str | None = None,
) -> Iterator[Run]:
    """Begin a run and end it whatever happens inside; the exception goes on after the end is written.

    With a `journal`, run.started and run.finished (or run.refused) are appended too.
    """
    file = _new_file(
        verb, Environment(environment), inventory, inventory_revision, actor or current_actor(), arguments or {}, run_id
    )
    folder = _make_folder(state, file)
    run = Run(folder, file, journal, change)
    run.event("run.started", verb=verb)
    run.record_start()
    with _Ending(run):
        yield run


class _Ending:
    """Writes the end of a run for every way out of the block."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None or _is_exit_zero(error):
            self._run.close(RunStatus.FINISHED, self._run.exit_code, "")
        elif isinstance(error, Refused):
            self._run.close(RunStatus.REFUSED, int(error.exit_code), str(error))
        elif isinstance(error, Interrupted | KeyboardInterrupt):
            self._run.close(RunStatus.INTERRUPTED, 130, str(error) or "interrupted")
        elif isinstance(error, DcopsError):
            self._run.close(RunStatus.FAILED, int(error.exit_code), str(error))
        else:  # a defect or an exit status; its text may hold anything, so only its type is kept
            code = getattr(error, "code", getattr(error, "exit_code", 1))
            self._run.close(RunStatus.FAILED, code if isinstance(code, int) else 1, type(error).__name__)


def _is_exit_zero(error: BaseException) -> bool:
    """Whether an exception only means to leave with status 0; the command line's own kind has `exit_code`."""
    return (isinstance(error, SystemExit) and not error.code) or getattr(error, "exit_code", None) == 0


def current_actor() -> str:
    """Return who acts: user@host, with the user who called sudo in front when there is one."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    caller = os.environ.get("SUDO_USER", "")
    name = f"{caller}/{user}" if caller and caller != user else user
    return f"{name}@{os.uname().nodename}"


def load_run(state: Path, run_id: str) -> RunFile:
    """Return what is known of a run; status `killed` when its process is gone without an end.

    Raises UsageError when no run, or more than one, has an id ending in `run_id`.
    """
    folder = state / "runs"
    found = sorted(path.name for path in folder.glob(f"*{run_id.upper()}")) if run_id.isalnum() else []
    if len(found) != 1:
        several = f"{len(found)} runs end so" if found else "no run ends so"
        raise UsageError(several, where=f"run {run_id}", hint="Give more of the id.")
    file = _read(folder / found[0])
    if file is None:
        raise UsageError("the run left no readable run.json", where=f"run {found[0]}")
    return file


def list_runs(state: Path) -> Iterator[RunFile]:
    """Yield all runs, newest first; folders without a readable run.json are left out."""
    for folder in sorted((state / "runs").glob("*"), reverse=True):
        file = _read(folder)
        if file is not None:
            yield file


def run_events(state: Path, run_id: str) -> tuple[Event, ...]:
    """Return the events of a run in order, up to the last whole line."""
    return tuple(read_events(state / "runs" / run_id / "events.jsonl"))


def _new_file(
    verb: str,
    environment: Environment,
    inventory: str,
    revision: str,
    actor: str,
    arguments: Mapping[str, Any],
    run_id: str | None,
) -> RunFile:
    now = utc_now()
    return RunFile(
        run=run_id or new_ulid(now),
        verb=verb,
        environment=environment,
        inventory=inventory,
        inventory_revision=revision,
        actor=actor,
        host=os.uname().nodename,
        pid=os.getpid(),
        boot=boot_id(),
        started_ticks=_ticks(os.getpid()),
        started_at=rfc3339(now),
        arguments=plain(arguments, where="arguments"),
    )


def _make_folder(state: Path, file: RunFile) -> Path:
    """Make the run's folder; with a full disk in memory instead, because a record never stops an act."""
    try:
        return _new_folder(state / "runs", file)
    except (OSError, DcopsError) as error:
        folder = _new_folder(memory_folder() / "runs", file)
        print(f"dcops: the run's folder is in memory only, {folder}: {error}", file=sys.stderr, flush=True)
        return folder


def _new_folder(runs: Path, file: RunFile) -> Path:
    folder = runs / file.run
    folder.mkdir(parents=True, exist_ok=False)
    sync_folder(runs)
    write_atomic(folder / "run.json", _text(file))
    return folder


def _rewrite(folder: Path, file: RunFile) -> None:
    try:
        write_atomic(folder / "run.json", _text(file))
    except DcopsError as error:
        print(f"dcops: the run's end was not kept ({error}): {file.model_dump_json()}", file=sys.stderr, flush=True)


def _text(file: RunFile) -> str:
    return file.model_dump_json(indent=2) + "\n"


def _read(folder: Path) -> RunFile | None:
    try:
        file = RunFile.model_validate_json((folder / "run.json").read_bytes())
    except (OSError, ValueError):
        return None
    if file.status is RunStatus.RUNNING and not _is_alive(file):
        return file.model_copy(update={"status": RunStatus.KILLED})
    return file


def _is_alive(file: RunFile) -> bool:
    """Whether the very process that began the run is still there: same boot, same pid, same start."""
    if file.host != os.uname().nodename:
        return True  # another machine's run: nothing here can tell, so nothing is claimed
    return file.boot == boot_id() and file.started_ticks == _ticks(file.pid) and file.started_ticks > 0


def boot_id() -> str:
    """Return the id of this boot; monotonic times of another one mean nothing in it. Empty when it cannot be read."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""


def _ticks(pid: int) -> int:
    """Clock ticks from boot to the start of process `pid`, 0 when it is gone (proc(5), field 22 of stat)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
        return int(stat.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
