"""Joins results and pages: a drill's report from the journal of this host, or from a bundle that came from anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcops.core import yaml
from dcops.core.clock import parse_rfc3339
from dcops.core.errors import DcopsError
from dcops.core.files import write_atomic
from dcops.core.settings import Settings
from dcops.core.words import StampClass, Text
from dcops.drills.evidence import Told
from dcops.drills.page import Origin, render_drill
from dcops.records.canonical import sha256_hex
from dcops.records.kinds.drills import DrillResult
from dcops.records.model import Head, Record
from dcops.reports.language import Language
from dcops.wiring.drills import Drills, find_result, journal_of
from dcops.wiring.evidence import Against, scenario_of, verify_evidence, versions_here
from dcops.wiring.records import vouched_by


@dataclass(frozen=True)
class DrillReport:
    """A result with where it comes from."""

    result: DrillResult
    origin: Origin

    def write(self, language: Language, *, html: Path | None = None, pdf: Path | None = None) -> list[Path]:
        """Write the page as HTML, as PDF or as both, and return the files written.

        Raises DcopsError when this host cannot make a PDF; the HTML is written then all the same.
        """
        page = render_drill(self.result, self.origin, language)
        written = []
        if html is not None:
            write_atomic(html, page)
            written.append(html)
        if pdf is not None:
            from dcops.reports.weasyprint_pdf import html_to_pdf

            write_atomic(pdf, html_to_pdf(page))
            written.append(pdf)
        return written


def report_of_run(drills: Drills, run_id: str) -> DrillReport:
    """Return the report of a run of this host's journals, known by any unique ending of its id.

    Raises UsageError when no result, or more than one run's, belongs to it.
    """
    journal = journal_of(drills)
    record = find_result(journal, run_id)
    (head,) = [each for each in journal.heads() if each.journal == record.journal]
    result = DrillResult.model_validate(dict(record.payload))
    raw = scenario_of(drills, result.drill)
    is_same = raw is not None and sha256_hex(raw) == result.spec_sha256
    stamps = [
        each
        for each in journal.query(kind="drill.evidence")
        if each.payload["evidence_of"] == record.run and each.payload["stamped_at"]
    ]
    origin = Origin(
        run=str(record.run),
        ended=record.at,
        inventory_revision=record.envelope.inventory_revision or "",
        record=_place(record.journal, record.seq, record.hash),
        head=_head(head),
        key_id=record.key_id,
        voucher=vouched_by(drills.settings, record.key_id),
        versions=versions_here(),
        **_scenario(raw if is_same else None),
        **_recorded(stamps),
    )
    return DrillReport(result, origin)


def report_of_bundle(settings: Settings, path: Path, against: Against) -> DrillReport:
    """Return the report of a bundle, with nothing but the file; raise JournalInvalid for one that is not valid."""
    checked = verify_evidence(settings, path, against)
    told, seal, sealed = checked.told, checked.seal, checked.sealed
    origin = Origin(
        run=seal.run,
        ended=told.envelope.at,
        inventory_revision=told.envelope.inventory_revision or "",
        record=_place(told.row.journal, told.row.seq, told.row.hash),
        head=_head(told.head),
        key_id=checked.key_id,
        voucher=checked.voucher,
        time_stamp=seal.time_stamp,
        authority=seal.authority,
        seal=sealed.state.value,
        stamped_at=sealed.at,
        bundle=path.name,
        manifest_sha256=seal.manifest_sha256,
        versions=_versions(told),
        **_scenario(told.scenario),
    )
    return DrillReport(DrillResult.model_validate(told.envelope.payload), origin)


def _place(journal: str, seq: int, digest: str) -> str:
    return f"{journal}:{seq} {digest}"


def _head(head: Head) -> str:
    return _place(head.journal, head.seq, head.hash)


def _versions(told: Told) -> dict[str, str]:
    found = told.about.get("versions_at_build", {})
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def _recorded(stamps: list[Record]) -> dict[str, Any]:
    """Return the class of the time stamp as the journal tells of it: that of the last bundle that got one."""
    if not stamps:
        return {"time_stamp": StampClass.NONE.value}
    last = stamps[-1].payload
    at = parse_rfc3339(str(last["stamped_at"]))
    return {"time_stamp": last["time_stamp"], "authority": last["authority"], "seal": "recorded", "stamped_at": at}


def _scenario(raw: bytes | None) -> dict[str, Any]:
    """Return title, owner and clauses as a scenario says them; a form of another version is passed over."""
    try:
        found = yaml.loads((raw or b"").decode("utf-8"), "scenario")["metadata"]
        title = Text.model_validate(found["title"])
        return {"title": title, "owner": str(found["owner"]), "clauses": [str(each) for each in found["clauses"]]}
    except (DcopsError, KeyError, TypeError, ValueError):
        return {}
