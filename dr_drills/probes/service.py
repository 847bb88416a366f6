"""The service as a client sees it: answering, gone, answering again, and a site that must not accept anything."""

import json
import uuid

from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError, TransportError
from dcops.core.units import Seconds
from dcops.core.words import Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.parameters import DeviceName

_POLL_SECONDS = 0.1
_FAILURES_TO_BELIEVE = 2
_OUTSIDE_ATTEMPTS = 3
_OUTSIDE_SECONDS = 10.0
_LETTER = {
    "nomor": "DRILL-0", "perihal": "Uji pagar", "pengirim": "dcops drill", "penerima": "Biro Umum",
    "isi": "Surat ini tidak boleh diterima.",
}  # fmt: skip


class AtSite(Frozen):
    """Which site must answer, and how long to wait for it; of the scope's service where none is named."""

    service: str | None = None

    path: str
    site: str
    within: Seconds = 0.0


class Gone(Frozen):
    """How long to wait until the service is seen to be down; the scope's where none is named."""

    service: str | None = None

    path: str
    within: Seconds = 60.0


class FencedSite(Frozen):
    """Which server must accept nothing, and where letters are sent to."""

    device: DeviceName
    path: str


class Refusing(FencedSite):
    """For how long letters are sent."""

    lasting: Seconds = 5.0


def _ask(context: DrillContext, parameters: AtSite | Gone) -> tuple[bool, str, str]:
    """Ask for the service's health: whether it is good, which site answers, and what is wrong."""
    try:
        status, body = context.web.get(parameters.service or context.scope.service, parameters.path)
    except TransportError as error:
        return False, "", error.message
    try:
        answer = json.loads(body)
    except ValueError:
        return False, "", _no_answer(status)
    if not isinstance(answer, dict) or status != 200 or answer.get("status") != "ok":
        if status == 200:
            return False, "", _no_answer(status)
        reason = answer.get("reason", "") if isinstance(answer, dict) else ""
        return False, "", f"status {status} {reason}".strip()
    return True, str(answer.get("site", "")), ""


def _no_answer(status: int) -> str:
    return f"status {status} with a page that is no health answer"


def _healthy(context: DrillContext, parameters: AtSite) -> Finding:
    """Wait until the wanted site answers; the moment of its first good answer is what counts."""
    deadline = monotonic() + parameters.within
    while True:
        is_good, site, problem = _ask(context, parameters)
        if is_good and site == parameters.site:
            return Finding(is_ok=True, detail=f"served from {site}", facts={"site": site}, at=utc_now())
        if monotonic() >= deadline or context.token.is_cancelled:
            detail = f"served from {site}, not {parameters.site}" if is_good else problem
            reason = "other_site" if is_good else "error_page" if problem == _no_answer(200) else "not_served"
            return Finding(is_ok=False, reason=reason, detail=detail)
        context.token.wait(_POLL_SECONDS)


def _down(context: DrillContext, parameters: Gone) -> Finding:
    """Wait until the service fails twice in a row; a single miss is no disaster."""
    deadline = monotonic() + parameters.within
    failures = 0
    while True:
        is_good, _, problem = _ask(context, parameters)
        failures = 0 if is_good else failures + 1
        if failures >= _FAILURES_TO_BELIEVE:
            return Finding(is_ok=True, detail=problem, at=utc_now())
        if monotonic() >= deadline or context.token.is_cancelled:
            return Finding(is_ok=None, reason="no_effect", detail="the service never went down: the fault was not seen")
        context.token.wait(_POLL_SECONDS)


def fenced(context: DrillContext, parameters: FencedSite) -> Finding:
    """Show that the lost site can acknowledge nothing: nobody announces it, and asked directly it refuses a letter.

    A router that does not answer proves nothing: it may still announce. Then only the outside observer can show that
    the address leads nowhere; else this stays undecided.
    """
    service = context.scope.service
    seen = context.routes.announced(service)
    if seen.sites:
        return Finding(is_ok=False, reason="announced", detail=f"still announced by {', '.join(seen.sites)}")
    try:
        letter = {"id": str(uuid.uuid4()), **_LETTER}
        status, _ = context.web.post(service, parameters.path, letter, device=parameters.device)
        answer = f"status {status}"
    except DcopsError as error:
        status, answer = 0, error.message
    if status in (200, 201):
        return Finding(is_ok=False, reason="accepts", detail=f"{parameters.device} still accepts letters")
    refusal = f"{parameters.device} refuses a letter: {answer}"
    unread = [name for name, site in sorted(seen.unread.items()) if site != context.scope.to_site]
    if not unread:
        return Finding(is_ok=True, detail=f"announced nowhere; {refusal}")
    return _unread(context, ", ".join(unread), refusal)


def _unread(context: DrillContext, routers: str, refusal: str) -> Finding:
    """Judge a fence whose `routers` did not answer, by what the observer's letters meet from now on."""
    began = utc_now()
    deadline = monotonic() + _OUTSIDE_SECONDS
    while True:
        try:
            attempts = [each for each in context.observer.attempts(began) if each.began >= began.timestamp()]
        except DcopsError as error:
            detail = f"{routers} did not answer and may still announce; nor can the observer be asked: {error.message}"
            return Finding(is_ok=None, reason="unread", detail=detail)
        if any(attempt.is_answered for attempt in attempts):
            detail = f"{routers} did not answer, and the address still answers an outside client"
            return Finding(is_ok=None, reason="unread", detail=detail)
        if len(attempts) >= _OUTSIDE_ATTEMPTS:
            detail = f"{routers} did not answer, but the address answers no outside client; {refusal}"
            return Finding(is_ok=True, detail=detail)
        if monotonic() > deadline or context.token.is_cancelled:
            detail = f"{routers} did not answer and may still announce; the observer sent {len(attempts)} letters since"
            return Finding(is_ok=None, reason="unread", detail=detail)
        context.token.wait(0.3)


def _refuses(context: DrillContext, parameters: Refusing) -> Finding:
    """Send letters straight to a server that must accept none, for a while: one that is accepted is one too many.

    A server that never answers refuses nothing; it leaves the question open.
    """
    deadline = monotonic() + parameters.lasting
    statuses: list[int] = []
    silent = ""
    while True:
        letter = {"id": str(uuid.uuid4()), **_LETTER}
        try:
            status, _ = context.web.post(context.scope.service, parameters.path, letter, device=parameters.device)
            statuses.append(status)
        except TransportError as error:
            silent = error.message
        if statuses and statuses[-1] in (200, 201):
            return Finding(is_ok=False, reason="accepts", detail=f"{parameters.device} accepts letters")
        if monotonic() >= deadline or context.token.is_cancelled:
            break
        context.token.wait(_POLL_SECONDS)
    if not statuses:
        return Finding(is_ok=None, reason="no_answer", detail=f"{parameters.device} never answered: {silent}")
    told = ", ".join(str(status) for status in sorted(set(statuses)))
    detail = f"{parameters.device} refused {len(statuses)} letters: status {told}"
    return Finding(is_ok=True, detail=detail, facts={"refused": len(statuses)})


HEALTHY = Probe("service.healthy", "The service answers from a site", AtSite, _healthy, timeout_seconds=300)
DOWN = Probe("service.down", "The service is seen to be down", Gone, _down, timeout_seconds=300)
FENCED = Probe("service.fenced", "The lost site can acknowledge nothing", FencedSite, fenced, fences=True)
REFUSES = Probe("service.refuses", "A server accepts nothing", Refusing, _refuses, timeout_seconds=180)
