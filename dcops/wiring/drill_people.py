"""The people of a drill's run: where they are asked, how their answers are kept and recorded."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError, UsageError
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.drills.answers import AnswerFile, TerminalToo, find_answer, open_questions, write_answer
from dcops.drills.people import Answer
from dcops.drills.ports import People, Say
from dcops.records.kinds.drills import DrillAnswer
from dcops.records.service import Journal
from dcops.runs.model import RunStatus
from dcops.runs.run import Run, current_actor, list_runs, load_run, run_events


@dataclass(frozen=True)
class Asked:
    """A run that asks people: its whole id, its drill, the open questions, and whether a process waits for answers."""

    run: str
    drill: str
    questions: tuple[Mapping[str, Any], ...]
    is_waiting: bool

    def question(self, step: str) -> Mapping[str, Any]:
        """Give the open question of a step. Raises UsageError with those that are open."""
        for each in self.questions:
            if each["id"] == step:
                return each
        known = [str(each["id"]) for each in self.questions]
        guess = did_you_mean(step, known)
        hint = f'Did you mean "{guess}"?' if guess else f"Open: {', '.join(known) or 'none'}."
        raise UsageError(f'nobody is asked by "{step}" now', where=f"run {self.run}", hint=hint)


def people_of(
    settings: Settings, journal: Journal, run: Run, own_id: str, drill: str, say: Say, *, is_asking_here: bool
) -> People:
    """Give the people of a run: by `drill answer`, and with `is_asking_here` at this terminal too.

    Args:
        own_id: the run whose work is done; answers lie with it.
    """
    folder = settings.state / "runs" / own_id
    others = AnswerFile(folder if folder.is_dir() else run.folder, own_id, run.event, say)
    if not (is_asking_here and sys.stdin.isatty()):
        return others
    return TerminalToo(others, lambda answer: take_answer(settings, journal, own_id, drill, answer),
                       current_actor(), say)  # fmt: skip


def find_asked(settings: Settings, run_id: str) -> Asked:
    """Give a drill's run with what it asks now. Raises UsageError unless it is one drill's run."""
    state = settings.state
    file = load_run(state, run_id)
    if not file.verb.startswith("drill "):
        hint = "Runs of drills: dcops drill history."
        raise UsageError(f"the run is no drill but {file.verb}", where=f"run {file.run}", hint=hint)
    first = str(file.arguments.get("of") or file.run)
    later = sorted(each.run for each in list_runs(state) if each.arguments.get("of") == first)
    files = [load_run(state, first), *(load_run(state, each) for each in later)]
    events = [(event.name, dict(event.fields)) for each in files for event in run_events(state, each.run)]
    is_waiting = any(each.status is RunStatus.RUNNING for each in files)
    return Asked(first, str(file.arguments.get("drill", "")), tuple(open_questions(events)), is_waiting)


def require_person(people: Mapping[str, object], person: str | None) -> str:
    """Give the person's name, empty for none. Raises UsageError when the inventory does not know them."""
    if person is None or person in people:
        return person or ""
    guess = did_you_mean(person, people)
    hint = f"Did you mean {guess}?" if guess else "The inventory's people are listed in its people.yml."
    raise UsageError(f'"{person}" is nobody in this inventory', where="--as", hint=hint)


def answer_of(step: str, *, is_done: bool, note: str, person: str) -> Answer:
    """Give what the caller answers, at this moment."""
    return Answer(step=step, is_done=is_done, note=note, person=person, actor=current_actor(), at=utc_now())


def take_answer(settings: Settings, journal: Journal, run: str, drill: str, answer: Answer) -> Answer:
    """Keep an answer where the run reads it, then record it; give the answer that counts.

    The record comes second and its failure is only said: a drill that waits is not held up by a full journal.
    """
    folder = settings.state / "runs" / run
    before = find_answer(folder, answer.step)
    counted = before or write_answer(folder, answer)
    if counted == answer:
        payload = DrillAnswer(drill=drill, **answer.model_dump(mode="json", exclude={"actor"}))
        try:
            journal.append(payload.kind, payload.model_dump(mode="json"), run=run, actor=answer.actor)
        except DcopsError as error:
            with suppress(OSError):
                os.write(2, f"dcops: the answer was not recorded: {error}\n".encode())
    return counted
