"""From looks to a state, and from the catalogue to what others may see. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from dcops.core.text import plural
from dcops.core.words import Status
from dcops.inventory.model import Application
from dcops.inventory.model.application import HostingState
from dcops.registry.model import Check, CheckKind, LinkStatus, PublicApplication, Session

__all__ = ["aged", "bgp_check", "conclude", "matches", "public_application", "select"]

# Read from the left: a failure is told whatever else is unknown, and what is unknown is never called well.
_WORST = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS)


def bgp_check(session: Session, now: datetime, max_age_seconds: float) -> Check:
    """The check of one session; one observed longer ago than `max_age_seconds` is unknown."""
    target = f"{session.router} {session.peer}"
    state, detail = Status.UNKNOWN, session.detail or "not observed"
    is_stale = session.observed_at is not None and now - session.observed_at > timedelta(seconds=max_age_seconds)
    if is_stale:
        detail = "the last observation is stale"
    elif session.is_established is not None:
        state = Status.PASS if session.is_established else Status.FAIL
        detail = session.detail or ("established" if session.is_established else "not established")
    return Check(kind=CheckKind.BGP, target=target, state=state, observed_at=session.observed_at, detail=detail)


def conclude(checks: Sequence[Check]) -> tuple[Status, str]:
    """The state of a link from its checks, and the reason in one sentence.

    A link with one of several sessions down or not seen still carries: `warn`. All sessions down, or no answer over
    HTTPS: `fail`. No session seen up and one not seen at all: `unknown`.
    """
    if not checks:
        return Status.UNKNOWN, "no probe is set in the inventory"
    sessions = [check for check in checks if check.kind is CheckKind.BGP]
    others = [check for check in checks if check.kind is not CheckKind.BGP]
    states = [check.state for check in others]
    reasons = [f"{check.target}: {check.detail}" for check in others if check.state is not Status.PASS]
    if sessions:
        state, reason = _sessions(sessions)
        states.append(state)
        reasons += [reason] if state is not Status.PASS else []
    worst = next(state for state in _WORST if state in states)
    return worst, "; ".join(reasons) or _well(sessions, others)


def _sessions(sessions: Sequence[Check]) -> tuple[Status, str]:
    up = sum(check.state is Status.PASS for check in sessions)
    down = [check.target for check in sessions if check.state is Status.FAIL]
    unknown = [check for check in sessions if check.state is Status.UNKNOWN]
    total = len(sessions)
    if unknown:
        # While one session is seen to be up the link carries; that others cannot be seen is worth a look.
        state = Status.WARN if up else Status.UNKNOWN
        return state, f"{len(unknown)} of {total} BGP sessions not known ({unknown[0].target}: {unknown[0].detail})"
    if not up:
        return Status.FAIL, f"none of {total} BGP sessions is established"
    if down:
        return Status.WARN, f"of the BGP sessions {up} of {total} established, not {', '.join(down)}"
    return Status.PASS, f"{plural(total, 'BGP session')} established"


def _well(sessions: Sequence[Check], others: Sequence[Check]) -> str:
    said = [f"{plural(len(sessions), 'BGP session')} established"] if sessions else []
    return ", ".join([*said, *(f"{check.target} answers" for check in others)])


def aged(status: LinkStatus, now: datetime) -> LinkStatus:
    """`status` as it is to be read at `now`: past `stale_after` it is unknown."""
    if status.stale_after is None or now <= status.stale_after:
        return status
    reason = f"the last observation is older than it may be (it was {status.state.value})"
    return status.model_copy(update={"state": Status.UNKNOWN, "reason": reason, "since": status.stale_after})


def public_application(application: Application) -> PublicApplication:
    """What anybody may see of an application: an allow-list, so that a new field is hidden until it is put here."""
    facts, operations = application.facts, application.operations
    targets = [value for value in (operations.rto, operations.rpo) if value is not None and value.is_set]
    return PublicApplication(
        id=application.key,
        name=application.name,
        role=application.role.value,
        owner_unit=(operations.owner_unit.value if operations.owner_unit else None) or facts.owner_unit,
        lifecycle="production" if operations.hosting.state is HostingState.HOSTED else None,
        hosting=operations.hosting.state.value,
        criticality=_word(operations.criticality.value if operations.criticality else None),
        data_class=_word(operations.data_class.value if operations.data_class else None),
        service_levels=tuple(level.value for level in facts.service_levels),
        clauses=facts.clauses,
        depends_on=operations.dependencies,
        is_public=facts.public,
        rto_target=_iso_duration(application.rto_seconds) if application.rto_seconds is not None else None,
        rpo_target=_iso_duration(application.rpo_seconds) if application.rpo_seconds is not None else None,
        target_status=min((value.status.value for value in targets), key=("proposed", "adopted").index, default=None),
    )


def matches(application: PublicApplication, text: str) -> bool:
    """True when every word of `text` is in the id or in one of the names, whatever the case."""
    haystack = " ".join((application.id, application.name.id, application.name.en)).casefold()
    return all(word in haystack for word in text.casefold().split())


def select(
    applications: Iterable[PublicApplication],
    *,
    owner: str | None = None,
    lifecycle: str | None = None,
    criticality: str | None = None,
    hosting: str | None = None,
    text: str | None = None,
) -> tuple[PublicApplication, ...]:
    """The applications that fit every condition given; `unknown` chooses those where nobody set the value."""
    wanted = {"owner_unit": owner, "lifecycle": lifecycle, "criticality": criticality, "hosting": hosting}
    return tuple(
        item
        for item in applications
        if all(value is None or (getattr(item, name) or "unknown") == value for name, value in wanted.items())
        and (text is None or matches(item, text))
    )


def _iso_duration(seconds: float) -> str:
    """An ISO 8601 duration such as PT15M or PT1H30M; days are written as hours, whose length is not in doubt."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [(hours, "H"), (minutes, "M"), (rest, "S")]
    return "PT" + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0S")


def _word(value: object) -> str | None:
    return None if value is None else str(value)
