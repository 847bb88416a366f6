"""Gates: what must hold before the first change. All are asked, all reasons are told, nothing is touched. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dcops.core.errors import DcopsError, Refused


@dataclass(frozen=True)
class Decision:
    """The answer of one gate; `reason` says why not, `hint` what to do about it."""

    is_allowed: bool
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Gate:
    """A named question. `decide` only looks; a DcopsError it raises counts as a refusal with that message."""

    name: str
    decide: Callable[[], Decision]


def allowed() -> Decision:
    """Return the answer that lets the act pass."""
    return Decision(is_allowed=True)


def refused(reason: str, hint: str = "") -> Decision:
    """Return the answer that stops the act."""
    return Decision(is_allowed=False, reason=reason, hint=hint)


def ask_gates(gates: Sequence[Gate]) -> tuple[tuple[str, Decision], ...]:
    """Return each gate's name and answer, in order; every gate is asked whatever the others said."""
    return tuple((gate.name, _ask(gate)) for gate in gates)


def check_gates(gates: Sequence[Gate], *, what: str) -> None:
    """Raise Refused (exit 7) naming every gate that says no; return when all let `what` pass."""
    closed = [(name, answer) for name, answer in ask_gates(gates) if not answer.is_allowed]
    if closed:
        reasons = "; ".join(f"{name}: {answer.reason}" for name, answer in closed)
        hints = " ".join(answer.hint for _, answer in closed if answer.hint)
        raise Refused(reasons, where=what, hint=hints or None)


def _ask(gate: Gate) -> Decision:
    try:
        return gate.decide()
    except DcopsError as error:
        return refused(str(error))
