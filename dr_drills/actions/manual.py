"""What people do in a drill. The drill asks, waits and keeps who answered what and when; it does nothing itself."""

from datetime import timedelta

from dcops.core.clock import monotonic, rfc3339, utc_now
from dcops.core.units import Seconds, format_duration
from dcops.core.words import BlastClass, Frozen, Text
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Finding
from dcops.drills.people import Answer, Question

_POLL_SECONDS = 0.2
_LONGEST_SECONDS = 7 * 86400.0


class Task(Frozen):
    """Who is asked (a role of the drill), what for, and how long the drill waits for the answer."""

    role: str
    text: Text
    timeout: Seconds = 900.0


def _ask(context: DrillContext, parameters: Task) -> Finding:
    """Ask, and wait for the first answer; without one in time it is not known whether it was done."""
    step = context.step
    until = utc_now() + timedelta(seconds=parameters.timeout)
    deadline = monotonic() + parameters.timeout
    if context.people.answer(step) is None:
        context.people.ask(Question(step=step, role=parameters.role, text=parameters.text, until=until))
    while True:
        answer = context.people.answer(step)
        if answer is not None:
            return _told(parameters.role, answer)
        if monotonic() >= deadline:
            detail = f"{parameters.role} did not answer within {format_duration(parameters.timeout)}"
            return Finding(is_ok=None, reason="unanswered", detail=detail, facts={"role": parameters.role})
        context.token.wait(_POLL_SECONDS)
        context.token.raise_if_cancelled()


def _told(role: str, answer: Answer) -> Finding:
    said = "done" if answer.is_done else "not done"
    note = f": {answer.note}" if answer.note else ""
    facts = {"role": role, "answered_by": answer.who, "answered_at": rfc3339(answer.at)}
    detail = f"{role}: {said}, says {answer.who}{note}"
    return Finding(
        is_ok=answer.is_done, reason="" if answer.is_done else "not_done", detail=detail, facts=facts, at=answer.at
    )


TASK = Action(
    "manual.task", "Ask a person to do something, and wait for the answer", Task, BlastClass.OBSERVE, _ask,
    asks=True, timeout_seconds=_LONGEST_SECONDS,
)  # fmt: skip
