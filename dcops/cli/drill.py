"""`dcops drill`: rehearse a loss, measure the recovery, read what it proved."""

import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dcops.cli.common import (
    CheckOption,
    InventoryOption,
    JsonOption,
    Out,
    PlanIdOption,
    YesOption,
    banner,
    confirm,
    reading_inventory,
    writing_inventory,
)
from dcops.cli.drill_scenarios import NameArgument, actions, lint, list_, show, show_drill
from dcops.core.clock import monotonic
from dcops.core.exitcodes import ExitCode
from dcops.core.settings import Settings
from dcops.core.units import format_duration, format_size

if TYPE_CHECKING:
    from dcops.drills.model import Drill
    from dcops.drills.ports import Say
    from dcops.records.kinds.drills import DrillResult
    from dcops.wiring.drills import Drills

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Recovery drills: lose something, recover it, measure, roll back, keep the evidence.\n\n"
    "Scenarios: dr_drills/scenarios/*.yml. Runs on the recovery site's operations server. Manual: docs/drills.md.",
)

_WHAT = {
    "restore": "restores into scratch and wipes it",
    "tabletop": "asks people what they would do, and changes nothing",
}
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")]


def open_drills_here(inventory: str | None, *, is_writing: bool = False) -> "Drills":
    """Give the scenarios, for an inventory chosen by the rule for reading or for writing verbs."""
    from dcops.wiring.drills import open_drills

    settings = Settings.load()
    name = writing_inventory(settings, inventory) if is_writing else reading_inventory(settings, inventory)
    return open_drills(settings, name)


def say_to(out: Out) -> "Say":
    """Give what prints one line of progress with the seconds since now."""
    began = monotonic()
    return lambda text: out.note(f"{monotonic() - began:7.1f} s  {text}")


app.command("list")(list_)
app.command()(lint)
app.command()(show)
app.command()(actions)


@app.command()
def plan(name: NameArgument, inventory: InventoryOption = None, as_json: JsonOption = False) -> int:
    """Plan a run: ask every guard and the steady state, and show the steps; nothing is touched (22 if one says no).

    \b
    Examples:
      dcops drill plan naskah-db-loss
    """
    return _check(Out(as_json=as_json), open_drills_here(inventory, is_writing=True), name, clear=ExitCode.DONE)


def _check(out: Out, drills: "Drills", name: str, *, clear: ExitCode) -> int:
    """Ask guards and steady state on this host; a dry run is never recorded as a drill."""
    from dcops.drills.model import Phase, StepState
    from dcops.runs.cancel import cancel_on_signals
    from dcops.wiring.drills import journal_of, plan_of, prepare, require_place, running

    drill = drills.load(name)
    require_place(drills, drill)
    journal = journal_of(drills)
    setting, plan = drills.setting(drill, None), plan_of(drills, drill)
    with cancel_on_signals() as token, running(drills, drill, "drill plan", journal) as run:
        prepared = prepare(drills, setting, run, say_to(out), token, journal=journal)
        prepared.service.runner.run_phase(Phase.GUARDS, drill.spec.guards, is_stopping=False)
        prepared.service.runner.run_phase(Phase.STEADY_BEFORE, drill.spec.steady_state, is_stopping=False)
        results = prepared.service.runner.results
        is_clear = all(result.state is StepState.OK for result in results)
        code = int(clear if is_clear else ExitCode.DRILL_REFUSED)
        run.finish({"clear": is_clear}, exit_code=code)
    if out.as_json:
        answers = [{"id": r.id, "state": r.state.value, "detail": r.detail} for r in results]
        out.json({"drill": name, "plan": plan.plan_id, "guards": answers, "targets": setting.targets})
    else:
        out.table(
            [(r.phase.value, r.id, r.state.value, r.detail) for r in results], ("phase", "id", "answer", "detail")
        )
        show_drill(out, drills, drill)
        out.line(f"plan {plan.plan_id[:12]}")
    return code


@app.command()
def run(
    name: NameArgument,
    seed: Annotated[int | None, typer.Option("--seed", help="Draw the moment of the fault from this number.")] = None,
    operator: Annotated[
        str | None, typer.Option("--as", metavar="PERSON", help="Who runs it, by name in the inventory.")
    ] = None,
    inventory: InventoryOption = None,
    check: CheckOption = False,
    yes: YesOption = False,
    plan_id: PlanIdOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run a drill: guards, steady state, fault, recovery, verification, controls, and always the way back.

    Steps for people are asked at this terminal too, unless --yes says that nobody sits here; from anywhere else they
    are answered by: dcops drill answer. A drill that two people must declare needs --as. INT and TERM stop it; the
    first act then is the rollback.

    Verdict and exit code: PASS 0, FAIL 20, INCONCLUSIVE 21, REFUSED 22 (a guard said no, nothing was touched),
    ABORTED 23; 24 when the rollback is incomplete: call a person. Exit 7: this host, its environment or its site is
    not the drill's; nothing was touched.

    \b
    Examples:
      dcops drill run naskah-db-loss
      dcops drill run naskah-db-loss --yes --seed 7
      dcops drill run naskah-db-loss --check
    """
    out = Out(as_json=as_json)
    drills = open_drills_here(inventory, is_writing=True)
    if check:
        return _check(out, drills, name, clear=ExitCode.DIFFERENCES)
    from dcops.runs.plan import require_seen
    from dcops.runs.refusals import refusals_recorded
    from dcops.runs.run import current_actor
    from dcops.wiring.drill_declaration import require_operator
    from dcops.wiring.drills import journal_of, plan_of, require_place

    drill = drills.load(name)
    inventory_ = drills.inventory
    operator = require_operator(drill, drills.catalogue, inventory_, operator)
    banner(out, inventory=inventory_.name, environment=inventory_.environment, revision=inventory_.revision,
           user=current_actor())  # fmt: skip
    journal = journal_of(drills)
    with refusals_recorded(f"drill run {drill.name}", journal, drills.settings.identity_path):
        require_place(drills, drill)
        require_seen(plan_of(drills, drill), yes=yes, named=plan_id)
    what = _WHAT.get(drill.spec.type, "breaks something on purpose and recovers it")
    confirm(f"Run drill {name}? It {what}.", yes=yes)
    result, run_id = _execute(out, drills, drill, seed, journal, is_asking_here=not yes, operator=operator)
    conclude(out, result, run_id)
    return result.exit_code


def _execute(
    out: Out,
    drills: "Drills",
    drill: "Drill",
    seed: int | None,
    journal: Any,
    *,
    is_asking_here: bool = False,
    operator: str = "",
) -> tuple["DrillResult", str]:
    from dcops.runs.cancel import cancel_on_signals
    from dcops.wiring.drills import prepare, running

    setting = drills.setting(drill, seed)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a lost terminal is no reason to stop in the middle
    with cancel_on_signals() as token, running(drills, drill, "drill run", journal, operator=operator) as run:
        out.note(f"run {run.run_id}")
        prepared = prepare(
            drills, setting, run, say_to(out), token, journal=journal, is_asking_here=is_asking_here, operator=operator
        )
        result = prepared.service.run()
        run.record(result.kind, result.model_dump(mode="json"))
        run.finish({"verdict": result.verdict, "exit_code": result.exit_code}, exit_code=result.exit_code)
        return result, run.run_id


def conclude(out: Out, result: "DrillResult", run_id: str) -> None:
    """Print a result: its report, or one document with --json."""
    from dcops.drills.report import render_text

    out.result({"run": run_id, **result.model_dump(mode="json")}, render_text(result, run_id))


@app.command()
def history(
    application: Annotated[str | None, typer.Option("--app", metavar="KEY", help="Only this application.")] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the recorded results, oldest first: refused and aborted ones too.

    `rpo worst` is how much the policy lets be lost, `rto projected` an estimate for production's volume: neither was
    measured. The last column is the time-stamp class of the run's evidence bundle; a dash: none was built.

    \b
    Examples:
      dcops drill history
      dcops drill history --app naskah_dinas_elektronik --json
    """
    from dcops.wiring.drills import journal_of

    out = Out(as_json=as_json)
    journal = journal_of(open_drills_here(inventory))
    records = [record for record in journal.query(kind="drill.result") if application in (None, record.payload["app"])]
    # By run: the class of the last bundle's time stamp; a run without a bundle has none.
    sealed = {each.payload["evidence_of"]: each.payload["time_stamp"] for each in journal.query(kind="drill.evidence")}
    if as_json:
        out.json({"results": [{"run": r.run, "at": r.at, "evidence": sealed.get(r.run), **r.payload} for r in records]})
        return
    rows = []
    for record in records:
        p = record.payload
        times = [_seconds(p.get(key)) for key in ("rto_service_seconds", "rto_verified_seconds", "rpo_seconds")]
        rows.append(
            (
                record.at[:19],
                record.run,
                p["drill"],
                p["verdict"],
                p.get("executed"),
                *times,
                _seconds(p.get("worst_rpo_seconds")),
                p.get("lost_acknowledged"),
                _size(p.get("restored_bytes")),
                _rate(p.get("restore_bytes_per_second")),
                _seconds(p.get("projected_rto_seconds")),
                p["rollback"],
                sealed.get(record.run),
            )
        )
    out.table(
        rows,
        (
            "at (UTC)",
            "run",
            "drill",
            "verdict",
            "executed",
            "rto service",
            "rto verified",
            "rpo",
            "rpo worst",
            "lost",
            "restored",
            "rate",
            "rto projected",
            "rollback",
            "evidence",
        ),
    )


def _seconds(value: Any) -> str | None:
    return None if value is None else format_duration(float(value))


def _size(value: Any) -> str | None:
    return None if value is None else format_size(int(value))


def _rate(value: Any) -> str | None:
    return None if value is None else f"{float(value) / 1e6:.1f} MB/s"


# Registered last, so that the help lists them after what they follow on.
from dcops.cli import (  # noqa: E402
    drill_answer,
    drill_calendar,
    drill_compare,
    drill_declare,
    drill_due,
    drill_evidence,
    drill_later,
    drill_report,
    drill_watch,
)

app.command()(drill_report.report)
app.command()(drill_later.abort)
app.command()(drill_later.resume)
app.command()(drill_answer.answer)
app.command()(drill_declare.declare)
app.command()(drill_watch.watch)
app.command()(drill_due.due)
app.command()(drill_calendar.calendar)
app.command()(drill_compare.compare)
app.add_typer(drill_evidence.app, name="evidence")
