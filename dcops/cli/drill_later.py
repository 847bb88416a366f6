"""`dcops drill abort` and `dcops drill resume`: runs that somebody stops, or whose process died."""

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.clock import sleep
from dcops.core.errors import UsageError
from dcops.core.exitcodes import ExitCode

if TYPE_CHECKING:
    from dcops.drills.history import Progress
    from dcops.wiring.drills import Drills

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")]


def abort(run_id: RunArgument, inventory: InventoryOption = None, as_json: JsonOption = False) -> int:
    """Stop a run and roll back what it started; when its process is dead, do its rollbacks now (23, or 24).

    A run that still lives is asked by TERM and rolls back itself; this command waits for its end.

    \b
    Examples:
      dcops drill abort 5NBK7
    """
    from dcops.cli.drill import open_drills_here
    from dcops.runs.model import RunStatus
    from dcops.runs.run import load_run

    out = Out(as_json=as_json)
    drills = open_drills_here(inventory, is_writing=True)
    state = drills.settings.state
    file = load_run(state, run_id)
    if file.status is not RunStatus.RUNNING:
        return _finish(out, drills, file.run, is_resuming=False)
    if not file.verb.startswith("drill "):
        hint = "Runs of drills: dcops drill history."
        raise UsageError(f"the run is no drill but {file.verb}", where=f"run {file.run}", hint=hint)
    with suppress(ProcessLookupError):  # it ended by itself just now
        os.kill(file.pid, signal.SIGTERM)
    out.note(f"run {file.run}: asked to stop; it rolls back first")
    while load_run(state, file.run).status is RunStatus.RUNNING:
        sleep(0.5)
    file = load_run(state, file.run)
    document = {"run": file.run, "status": file.status, "result": dict(file.result)}
    out.result(document, f"{file.run}: {file.status.value}")
    return int(file.result.get("exit_code", ExitCode.DRILL_ABORTED))


def resume(run_id: RunArgument, inventory: InventoryOption = None, as_json: JsonOption = False) -> int:
    """Go on with a run whose process died: steps it ended well are kept, the one it died in is done again.

    The clock has not stopped meanwhile: the recovery time counts from the fault. Exit codes as of run.

    \b
    Examples:
      dcops drill resume 5NBK7
    """
    from dcops.cli.drill import open_drills_here

    return _finish(Out(as_json=as_json), open_drills_here(inventory, is_writing=True), run_id, is_resuming=True)


def _finish(out: Out, drills: "Drills", run_id: str, *, is_resuming: bool) -> int:
    """Take over a run whose process died, from its events: go on with it, or only roll back."""
    from dcops.cli.drill import conclude, say_to
    from dcops.runs.cancel import cancel_on_signals
    from dcops.runs.refusals import refusals_recorded
    from dcops.runs.run import load_run
    from dcops.wiring.drills import journal_of, prepare, require_place, running

    journal = journal_of(drills)
    full, progress = _progress(drills, run_id, journal)
    drill = drills.load(progress.drill)
    verb = "drill resume" if is_resuming else "drill abort"
    with refusals_recorded(f"{verb} {full}", journal, drills.settings.identity_path):
        require_place(drills, drill)
    setting = drills.setting(drill, progress.seed)
    if setting.spec_sha256 != progress.spec_sha256:
        out.note("warning: the scenario has changed since this run began; its rollbacks are those of today")
    operator = str(load_run(drills.settings.state, full).arguments.get("operator", ""))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a lost terminal is no reason to stop in the middle
    with cancel_on_signals() as token, running(drills, drill, verb, journal, of=full) as run:
        prepared = prepare(drills, setting, run, say_to(out), token, journal=journal, run_id=full, operator=operator)
        if progress.backup_run:
            prepared.context.point = prepared.recovery.find(drill.spec.scope.app, progress.backup_run)
        prepared.service.restore_progress(progress.results, progress.marks, progress.began)
        if is_resuming:
            result = prepared.service.resume()
        else:
            result = prepared.service.finish("its process died; rolled back by dcops drill abort")
        journal.append(result.kind, result.model_dump(mode="json"), run=full)
        run.finish(
            {"verdict": result.verdict, "exit_code": result.exit_code, "finished": full}, exit_code=result.exit_code
        )
    conclude(out, result, full)
    return result.exit_code


def _progress(drills: "Drills", run_id: str, journal: Any) -> tuple[str, "Progress"]:
    """Give the run's whole id and how far it came, with what later processes did for it.

    Raises UsageError when nothing is left to do: it is no drill, it lives, or its result says it was rolled back.
    """
    from dcops.drills.engine import now
    from dcops.drills.history import read_progress, rebased
    from dcops.runs.model import RunStatus
    from dcops.runs.run import boot_id, list_runs, load_run, run_events

    state = drills.settings.state
    file = load_run(state, run_id)
    if file.status is RunStatus.RUNNING:
        raise UsageError("the run is still running", where=f"run {file.run}", hint="Stop it: dcops drill abort.")
    later = sorted((each for each in list_runs(state) if each.arguments.get("of") == file.run), key=lambda run: run.run)
    files = (file, *later)
    progress = read_progress(event for each in files for event in run_events(state, each.run))
    if any(each.boot != boot_id() for each in files):
        progress = rebased(progress, now())
    if not progress.drill:
        hint = "Nothing was touched."
        raise UsageError("this run is no drill, or died before it began", where=f"run {file.run}", hint=hint)
    ends = [record.payload for record in journal.query(kind="drill.result", run=file.run)]
    if ends and not str(ends[-1]["rollback"]).startswith("incomplete"):
        raise UsageError(
            f"the run has its result, {ends[-1]['verdict']}, and is rolled back",
            where=f"run {file.run}",
            hint="Nothing is left to do.",
        )
    return file.run, progress
