"""`dcops drill answer`: what a person did that a drill asked for."""

from typing import TYPE_CHECKING, Annotated

import typer

from dcops.cli.common import InventoryOption, JsonOption, Out
from dcops.core.errors import UsageError

if TYPE_CHECKING:
    from dcops.wiring.drill_people import Asked

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, or any unique ending of one.")]


def answer(
    run_id: RunArgument,
    step: Annotated[
        str | None, typer.Argument(metavar="[STEP]", help="The step that asks; without it the open questions.")
    ] = None,
    not_done: Annotated[bool, typer.Option("--not-done", help="It could not be done, or was not.")] = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What to keep beside the answer.")] = "",
    person: Annotated[
        str | None, typer.Option("--as", metavar="PERSON", help="Who answers: a name of the inventory's people.")
    ] = None,
    inventory: InventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a step that asks a person; without STEP, list what is asked now.

    The answer is kept with who gave it and when, in the run and in the journal. The first answer to a step counts. A
    step that nobody answers in its time stays undecided. The name behind --as is what you say: it is no signature.

    \b
    Examples:
      dcops drill answer 5NBK7
      dcops drill answer 5NBK7 freeze-links --note "both links to PDN shut" --as operator-1
      dcops drill answer 5NBK7 call-unit --not-done --note "nobody picks up"
    """
    from dcops.cli.drill import open_drills_here
    from dcops.wiring.drill_people import answer_of, find_asked, require_person, take_answer
    from dcops.wiring.drills import journal_of

    out = Out(as_json=as_json)
    drills = open_drills_here(inventory, is_writing=step is not None)
    asked = find_asked(drills.settings, run_id)
    if step is None:
        _list(out, asked)
        return
    asked.question(step)
    given = answer_of(step, is_done=not not_done, note=note, person=require_person(drills.inventory.people, person))
    counted = take_answer(drills.settings, journal_of(drills), asked.run, asked.drill, given)
    if counted != given:
        raise UsageError(f"{counted.who} answered before", where=f"{asked.run} {step}", hint="The first answer counts.")
    if not asked.is_waiting:
        out.note(f"no process waits for it: dcops drill resume {asked.run[-8:]}")
    said = "done" if given.is_done else "not done"
    out.result({"run": asked.run, **given.model_dump(mode="json")}, f"{asked.run} {step}: {said}, by {given.who}")


def _list(out: Out, asked: "Asked") -> None:
    """Show what is asked."""
    if out.as_json:
        document = {"run": asked.run, "drill": asked.drill, "waiting": asked.is_waiting}
        out.json({**document, "questions": [dict(each) for each in asked.questions]})
        return
    if not asked.questions:
        out.note(f"run {asked.run} asks nobody now")
        return
    rows = [(q["id"], q["role"], q["until_utc"][:19], q["text"]["en"], q["text"]["id"]) for q in asked.questions]
    out.table(rows, ("step", "role", "until (UTC)", "asked", "ditanyakan"))
