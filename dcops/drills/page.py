"""A drill's report as a page, in Indonesian or English: what it says, not how it looks. Pure, but for its template.

The same result and origin give the same bytes. No personal data: who ran the drill is in the records, not here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dcops.core.clock import parse_rfc3339
from dcops.core.errors import ParseError
from dcops.core.words import StampClass, Text
from dcops.drills.model import Phase, StepState, Verdict
from dcops.drills.page_timeline import timeline_of
from dcops.drills.page_volume import tell_projection, tell_worst
from dcops.records.kinds.drills import DrillResult, DrillStep, RecoveredApplication
from dcops.reports import formats
from dcops.reports.language import Catalogue, Language, open_catalogue
from dcops.reports.page import picture, render_page
from dcops.reports.timeline import STATES, draw

_WAY_BACK = (Phase.ROLLBACKS.value, Phase.STEADY_AFTER.value)
_SIGNS = {"met": "✓", "missed": "✗", "unknown": "?"}
_VERDICT_SIGNS = {Verdict.PASS.value: "✓", Verdict.FAIL.value: "✗", Verdict.ABORTED.value: "✗"}
# figure -> the result's field, how it is written, the target's name
_FIGURES = (
    ("rto_verified", "rto_verified_seconds", formats.duration, "rto"),
    ("rpo", "rpo_seconds", formats.duration, "rpo"),
    ("rto_service", "rto_service_seconds", formats.duration, ""),
    ("observer_rto", "observer_rto_seconds", formats.duration, ""),
    ("observer_gap", "observer_gap_seconds", formats.duration, ""),
    ("lost", "lost_acknowledged", formats.number, ""),
    ("observer_lost", "observer_lost_acknowledged", formats.number, ""),
    ("restored", "restored_bytes", formats.size, ""),
    ("rate", "restore_bytes_per_second", formats.size, ""),
)


@dataclass(frozen=True)
class Origin:
    """Where a result comes from, so that its report can be held against it.

    Attributes:
        ended: when the result was recorded, RFC 3339. record, head: `JOURNAL:SEQ SHA-256` of the result's record and of
            the journal's end. key_id: of the key that signed them.
        voucher: who vouches for the key: `given`, a journal's name, or empty: nobody.
        time_stamp, authority: class and name of the time stamp; `seal`: sealed, late or unchecked as it was checked
            here, `recorded` when only the journal tells of it; `stamped_at` its time.
        bundle: name of the file the report was made from; empty when it was made from the journal.
        title, owner, clauses: of the scenario, where it is at hand.
    """

    run: str
    ended: str
    inventory_revision: str
    record: str
    head: str
    key_id: str
    voucher: str
    time_stamp: str = StampClass.NONE.value
    authority: str = ""
    seal: str = ""
    stamped_at: datetime | None = None
    bundle: str = ""
    manifest_sha256: str = ""
    title: Text | None = None
    owner: str = ""
    clauses: Sequence[str] = ()
    versions: dict[str, str] = field(default_factory=dict)


def render_drill(result: DrillResult, origin: Origin, language: Language) -> str:
    """Give the page; the PDF is made from it."""
    return render_page("drill.html.j2", _Page(result, origin, language).values())


class _Page:
    """What the template is filled with."""

    def __init__(self, result: DrillResult, origin: Origin, language: Language) -> None:
        self.result, self.origin, self.language = result, origin, language
        self.say: Catalogue = open_catalogue("drill", language)

    def values(self) -> dict[str, Any]:
        say, result, origin = self.say, self.result, self.origin
        figures = [self._figure(*each) for each in _FIGURES]
        word = say.known(f"verdict.{result.verdict}", result.verdict)
        line = timeline_of(result, origin.run, say)
        title = origin.title.in_language(self.language.value) if origin.title else result.drill
        banners = list(self._banners())
        return {
            "say": say,
            "language": self.language.value,
            "title": f"{result.drill} {origin.run} {result.verdict}",
            "heading": title,
            "banner": " · ".join(name for name, _ in banners),
            "foot": f"{result.drill}, {origin.run}, {result.environment}",
            "of": say("page.of"),
            "banners": banners,
            "verdict": result.verdict,
            "verdict_sign": _VERDICT_SIGNS.get(result.verdict, "?"),
            "verdict_word": word if word == result.verdict else f"{result.verdict} · {word}",
            "verdict_why": say.known(f"verdict.{result.verdict}_why", ""),
            "reasons": result.reasons,
            "cards": [each for each in figures if each["outcome"]],
            "figures": figures + list(self._reckoned()),
            "applications": [self._application(each) for each in result.applications],
            "facts": list(self._facts()),
            "stamp": self._stamp(),
            "point": self._point(),
            "timeline": picture(draw(line)) if line else "",
            "marks": list(self._marks()),
            "deviations": list(self._deviations()),
            "steps": self._steps(lambda phase: phase not in (Phase.CONTROLS.value, *_WAY_BACK)),
            "controls": self._steps(lambda phase: phase == Phase.CONTROLS.value),
            "rollbacks": self._steps(lambda phase: phase in _WAY_BACK),
            "rollback": say.known(f"rollback.{result.rollback}", result.rollback),
            "versions": sorted(origin.versions.items()),
            "bundle": origin.bundle or f"{result.drill}.tar",
            "how_to_verify": say("verify.bundle", file=origin.bundle) if origin.bundle else say("verify.journal"),
            "proof": list(self._proof()),
        }

    def _banners(self) -> Iterator[tuple[str, str]]:
        if self.result.is_rehearsal:
            yield self.say("page.rehearsal"), self.say("page.rehearsal_why")
        if self.result.drill_type == "tabletop":
            yield self.say("page.tabletop"), self.say("page.tabletop_why")

    def _figure(self, name: str, attribute: str, write: Any, target: str) -> dict[str, str]:
        """Give one figure as a row, its target and whether it was met where it has one."""
        say, value = self.say, getattr(self.result, attribute)
        text = write(value, self.language)
        row = {
            "name": say(f"figure.{name}"),
            "how": say.known(f"figure.{name}_how", ""),
            "measured": f"{text}/{'dtk' if self.language is Language.ID else 's'}"
            if name == "rate" and value
            else text,
            "target": "",
            "standing": "",
            "outcome": "",
        }
        return row | (self._against(value, target) if target and self.result.drill_type != "tabletop" else {})

    def _reckoned(self) -> Iterator[dict[str, str]]:
        """Give what was not measured, each against its target and with what it is reckoned from."""
        result = self.result
        if result.worst_rpo_parts:
            how = "; ".join(tell_worst(part, self.say) for part in result.worst_rpo_parts)
            yield self._figure("worst_rpo", "worst_rpo_seconds", formats.duration, "rpo") | {"how": how}
        if result.projection is not None:
            how = tell_projection(result.projection, self.say)
            yield self._figure("projected_rto", "projected_rto_seconds", formats.duration, "rto") | {"how": how}

    def _application(self, each: RecoveredApplication) -> dict[str, str]:
        """Give another application of the drill: when it served again, against its own target."""
        measured = {"name": each.app, "measured": formats.duration(each.rto_service_seconds, self.language)}
        return measured | self._held(each.rto_service_seconds, each.rto_target_seconds, each.target_standing)

    def _against(self, value: float | None, name: str) -> dict[str, str]:
        limit = getattr(self.result, f"{name}_target_seconds")
        return self._held(value, limit, self.result.target_standing.get(name, "unset"))

    def _held(self, value: float | None, limit: float | None, standing: str) -> dict[str, str]:
        outcome = "unknown" if value is None or limit is None else "met" if value <= limit else "missed"
        return {
            "target": formats.duration(limit, self.language),
            "standing": self.say.known(f"standing.{standing}", standing),
            "outcome": outcome,
            "outcome_word": self.say(f"outcome.{outcome}"),
            "sign": _SIGNS[outcome],
        }

    def _facts(self) -> Iterator[tuple[str, str]]:
        say, result, origin = self.say, self.result, self.origin
        kind = say.known(f"type.{result.drill_type}", result.drill_type or say("fact.unknown"))
        executed = {True: "executed_yes", False: "executed_no", None: "executed_unknown"}[result.executed]
        yield say("fact.drill"), f"{result.drill}, {say('fact.version')} {result.drill_version} ({kind})"
        yield say("fact.run"), origin.run
        yield say("fact.ended"), formats.moment(parse_rfc3339(origin.ended), self.language)
        yield say("fact.environment"), say.known(f"environment.{result.environment}", result.environment)
        yield say("fact.application"), result.app or result.subject or formats.DASH
        if origin.owner:
            yield say("fact.owner"), origin.owner
        if origin.clauses:
            yield say("fact.clauses"), ", ".join(origin.clauses)
        yield say("fact.executed"), say(f"fact.{executed}")
        yield say("fact.duration"), formats.duration(result.duration_seconds, self.language)
        yield say("fact.rollback"), say.known(f"rollback.{result.rollback}", result.rollback or say("fact.unknown"))
        yield say("fact.revision"), origin.inventory_revision[:16] or say("fact.unknown")
        yield say("fact.head"), _short(origin.head)

    def _stamp(self) -> str:
        """Say the class, and as what it was found."""
        say, origin = self.say, self.origin
        text = say.known(f"stamp.{origin.time_stamp}", origin.time_stamp)
        if origin.stamped_at is None:
            return text
        at = formats.moment(origin.stamped_at, self.language)
        found = f"{at}, {say('stamp.recorded')}" if origin.seal == "recorded" else say(f"stamp.{origin.seal}", at=at)
        return f"{text} ({origin.authority}). {found}"

    def _point(self) -> str:
        point = self.result.recovery_point
        if not point:
            return ""
        return self.say(
            "point.line",
            run=point.get("backup_run", formats.DASH),
            at=self._maybe_moment(point.get("snapshot_at")),
            files=point.get("files", formats.DASH),
            manifest=str(point.get("manifest_sha256", formats.DASH))[:16],
        )

    def _maybe_moment(self, value: Any) -> str:
        try:
            return formats.moment(parse_rfc3339(str(value).replace(" ", "T")), self.language)
        except ParseError:  # the record holds what a server answered; then it is shown as it is
            return str(value)

    def _marks(self) -> Iterator[dict[str, str]]:
        marks = {name: parse_rfc3339(at) for name, at in self.result.marks.items()}
        fault = marks.get("t_fault")
        for name, at in sorted(marks.items(), key=lambda item: item[1]):
            since = (at - fault).total_seconds() if fault else None
            yield {
                "name": name,
                "at": formats.time_of_day(at, self.language),
                "since": formats.duration(since, self.language),
                "meaning": self.say.known(f"mark.{name}", ""),
            }

    def _deviations(self) -> Iterator[str]:
        """Give the steps that did not end ok, an incomplete rollback, and targets nobody has adopted."""
        say, result = self.say, self.result
        for step in result.steps:
            if step.state != StepState.OK.value:
                words = {"phase": say.known(f"phase.{step.phase}", step.phase), "step": step.id}
                state = say.known(f"state.{step.state}", step.state)
                yield say("deviation.step", **words, state=state, detail=step.detail).rstrip(". ")
        if result.rollback.startswith("incomplete"):
            yield say("deviation.rollback", rollback=result.rollback)
        standings = [(name.upper(), standing) for name, standing in result.target_standing.items()]
        standings += [(f"RTO {each.app}", each.target_standing) for each in result.applications]
        for name, standing in standings:
            if standing != "adopted":
                said = say.known(f"standing.{standing}", standing)
                yield say("deviation.target", name=name, standing=said)

    def _steps(self, is_wanted: Any) -> list[dict[str, str]]:
        return [self._step(step) for step in self.result.steps if is_wanted(step.phase)]

    def _step(self, step: DrillStep) -> dict[str, str]:
        is_known = step.state in STATES
        return {
            "phase": self.say.known(f"phase.{step.phase}", step.phase),
            "id": step.id,
            "started": formats.time_of_day(parse_rfc3339(step.started_at), self.language),
            "took": formats.duration(step.duration_seconds, self.language),
            "state": step.state if is_known else "undecided",
            "sign": STATES[step.state][2] if is_known else "?",
            "word": self.say.known(f"state.{step.state}", step.state),
            "detail": step.detail,
        }

    def _proof(self) -> Iterator[tuple[str, str]]:
        say, origin, result = self.say, self.origin, self.result
        yield say("verify.record"), origin.record
        yield say("fact.head"), origin.head
        if origin.manifest_sha256:
            yield say("verify.manifest"), origin.manifest_sha256
        yield say("fact.spec"), result.spec_sha256
        yield say("fact.revision"), origin.inventory_revision or say("fact.unknown")
        yield say("fact.seed"), formats.DASH if result.seed is None else str(result.seed)
        yield say("fact.signer"), f"{origin.key_id}, {self._voucher()}"

    def _voucher(self) -> str:
        if self.origin.voucher == "given":
            return self.say("signer.given")
        known = self.origin.voucher
        return self.say("signer.known", journal=known) if known else self.say("signer.nobody")


def _short(place: str) -> str:
    """Write `JOURNAL:SEQ SHA-256` with the hash's first 16 digits."""
    name, _, digest = place.partition(" ")
    return f"{name} {digest[:16]}".strip()
