"""Names: what the ministry's servers answer, and what an outside client sees through its caching resolver."""

from datetime import datetime, timedelta

from dcops.core.clock import monotonic, rfc3339, utc_now
from dcops.core.errors import TransportError
from dcops.core.units import Seconds, format_duration
from dcops.core.words import Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding, MarkName, NameAnswer
from dr_drills.actions.name import pointed_at
from dr_drills.parameters import DeviceName, DomainName

_POLL_SECONDS = 0.5
_GRANULARITY = timedelta(seconds=1)  # a time to live is whole seconds


class Served(Frozen):
    """Which name; `site` for one that can be moved; `everywhere`: a name server that does not answer counts, too."""

    name: DomainName
    site: DeviceName | None = None
    everywhere: bool = False


class Outside(Frozen):
    """Which name; `site` for one that can be moved.

    `fresh`: the answer must have been fetched after the fault, so it came from a name server that is still there.
    """

    name: DomainName
    site: DeviceName | None = None
    fresh: bool = False
    within: Seconds = 180.0


def _served(context: DrillContext, parameters: Served) -> Finding:
    """Hold the answer of each name server of the ministry against the inventory."""
    wanted = context.names.expected(parameters.name, parameters.site).addresses
    answers = context.names.served(parameters.name)
    silent = [server for server, answer in answers.items() if answer is None]
    wrong = [f"{server} answers {_told(answer)}" for server, answer in answers.items() if answer and
             answer.addresses != wanted]  # fmt: skip
    if wrong:
        return Finding(is_ok=False, reason="other_answer", detail=f"{'; '.join(wrong)}, not {', '.join(wanted)}")
    if len(silent) == len(answers) or (silent and parameters.everywhere):
        return Finding(is_ok=None, reason="no_answer", detail=f"no answer from {', '.join(silent)}")
    good = ", ".join(server for server, answer in answers.items() if answer)
    also = f"; no answer from {', '.join(silent)}" if silent else ""
    return Finding(is_ok=True, detail=f"{parameters.name} is {', '.join(wanted)} at {good}{also}")


def _outside(context: DrillContext, parameters: Outside) -> Finding:
    """Wait until the outside resolver gives the wanted answer; say how long the old one lived there."""
    names, began = context.names, utc_now()
    wanted = names.expected(parameters.name, parameters.site)
    since = pointed_at(context, parameters.name) or context.marks.get(MarkName.FAULT.value) or began
    after = since if parameters.fresh else None
    deadline, unanswered = monotonic() + parameters.within, 0
    last: NameAnswer | None = None
    while True:
        try:
            last = names.outside(parameters.name)
        except TransportError:
            unanswered += 1
        else:
            fetched = _fetched(last, wanted)
            if last.addresses == wanted.addresses and (after is None or fetched - _GRANULARITY > after):
                return _good(parameters, last, fetched, since, unanswered)
        if monotonic() >= deadline or context.token.is_cancelled:
            return _bad(parameters, last, wanted)
        context.token.wait(_POLL_SECONDS)


def _good(parameters: Outside, answer: NameAnswer, fetched: datetime, since: datetime, unanswered: int) -> Finding:
    lived = max(0.0, round((fetched - since).total_seconds(), 1))
    detail = f"{parameters.name} is {_told(answer)} to an outside client for {answer.ttl_seconds} s more"
    detail += f"; the old answer lived {format_duration(lived)}"
    detail += f"; {unanswered} questions went unanswered" if unanswered else ""
    facts = {
        "old_answer_seconds": lived,
        "fetched_at": rfc3339(fetched),
        "ttl_seconds": answer.ttl_seconds,
        "unanswered": unanswered,
    }
    return Finding(is_ok=True, detail=detail, facts=facts)


def _bad(parameters: Outside, last: NameAnswer | None, wanted: NameAnswer) -> Finding:
    if last is None:
        return Finding(is_ok=False, reason="no_answer", detail=f"no answer for {parameters.name} to an outside client")
    if last.addresses != wanted.addresses:
        detail = f"an outside client still gets {_told(last)} for {parameters.name}, not {_told(wanted)}"
        return Finding(is_ok=False, reason="other_answer", detail=detail)
    detail = f"{parameters.name} is only remembered by the outside resolver: no name server was asked since"
    return Finding(is_ok=False, reason="remembered", detail=detail)


def _fetched(answer: NameAnswer, wanted: NameAnswer) -> datetime:
    """Give when the resolver fetched an answer: it counts the time down from the whole one."""
    return utc_now() - timedelta(seconds=max(0, wanted.ttl_seconds - answer.ttl_seconds))


def _told(answer: NameAnswer) -> str:
    return ", ".join(answer.addresses) or "nothing"


SERVED = Probe("name.served", "The ministry's name servers give the answer of the inventory", Served, _served)
OUTSIDE = Probe(
    "name.seen_from_outside", "An outside client's resolver gives the answer; how long the old one lived", Outside,
    _outside, timeout_seconds=900,
)  # fmt: skip
