"""What a drill's evidence bundle says, and whether it agrees with itself. Pure. Format: docs/evidence.md."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dcops.core.errors import DcopsError, JournalInvalid
from dcops.drills.bundle import KEY, SEAL, Opened, Seal
from dcops.drills.model import StepResult
from dcops.records.anchors import Anchor, anchor_text, read_anchor
from dcops.records.canonical import canonical_text, parse_canonical, sha256_hex
from dcops.records.chain import read_envelope
from dcops.records.export import export_line, read_line
from dcops.records.keyring import KnownKey
from dcops.records.model import Envelope, Head, SignedHead, Stored
from dcops.records.sign import PublicKey

ABOUT, RESULT, STEPS, RECORDS, HEADS, SCENARIO = (
    "about.json", "result.json", "steps.json", "records.jsonl", "heads.json", "scenario.yml"
)  # fmt: skip
# Named where the record has them: bundles made before there were any stay what they were.
_RECKONED = ("worst_rpo_seconds", "worst_rpo_parts", "projected_rto_seconds", "projection")
CONTENT = frozenset({ABOUT, RESULT, STEPS, RECORDS, HEADS})
_FIGURES = (
    "rto_service_seconds", "rto_verified_seconds", "rpo_seconds", "rto_target_seconds", "rpo_target_seconds",
    "target_standing", "restored_bytes", "restore_bytes_per_second", "lost_acknowledged", "observer_rto_seconds",
    "observer_gap_seconds", "observer_lost_acknowledged",
)  # fmt: skip


@dataclass(frozen=True)
class Material:
    """What a bundle is made of.

    Attributes:
        rows: one journal's records, without a gap, from the first of the run to its last.
        result: place in that journal of the drill's result.
        results: steps as the run's own events tell them, facts included; empty when the events are not here.
        scenario: the scenario's file as it is now, None when there is none.
        head: the journal's end when the bundle was made, signed.
        keys: public keys of the journal.
    """

    rows: Sequence[Stored]
    result: int
    results: Sequence[StepResult]
    scenario: bytes | None
    head: SignedHead
    keys: Sequence[KnownKey]
    versions: Mapping[str, str]


def content_of(material: Material) -> tuple[dict[str, bytes], Seal]:
    """Return the members of a bundle and its page one, the manifest's hash still empty.

    Facts of steps are kept as their hash: they can hold names and rows of people.
    """
    row = next(row for row in material.rows if row.seq == material.result)
    envelope = read_envelope(row.text)
    payload = envelope.payload
    is_same = material.scenario is not None and sha256_hex(material.scenario) == payload["spec_sha256"]
    content = {
        ABOUT: _json(_about(envelope, is_scenario_here=is_same, versions=material.versions)),
        RESULT: _json(_result(row, payload)),
        STEPS: _json(_steps(payload, material.results)),
        RECORDS: "".join(export_line(each) + "\n" for each in material.rows).encode(),
        HEADS: anchor_text([material.head], material.keys).encode(),
    }
    if is_same and material.scenario is not None:
        content[SCENARIO] = material.scenario
    return content, _page(envelope)


def _page(envelope: Envelope) -> Seal:
    return Seal(
        drill=str(envelope.payload["drill"]),
        run=str(envelope.run),
        environment=envelope.environment.value,
        is_rehearsal=bool(envelope.payload["is_rehearsal"]),
        verdict=str(envelope.payload["verdict"]),
        manifest_sha256="",
        ended=envelope.at,
    )


def _about(envelope: Envelope, *, is_scenario_here: bool, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return what was run, where, on which inventory; the versions are those of the host that made the bundle."""
    return {
        "drill": envelope.payload["drill"],
        "drill_version": envelope.payload["drill_version"],
        "run": envelope.run,
        "environment": envelope.environment.value,
        "is_rehearsal": envelope.payload["is_rehearsal"],
        "inventory_revision": envelope.inventory_revision,
        "scenario_sha256": envelope.payload["spec_sha256"],
        "is_scenario_here": is_scenario_here,
        "versions_at_build": dict(versions),
    }


def _result(row: Stored, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return verdict, reasons, marks, figures and deviations, as the record has them."""
    deviations = [
        f"{s['phase']} {s['id']}: {s['state']}: {s['detail']}" for s in payload["steps"] if s["state"] != "ok"
    ]
    if str(payload["rollback"]).startswith("incomplete"):
        deviations.append(f"rollback: {payload['rollback']}")
    standings = payload["target_standing"].items()
    deviations += [f"target {name}: {standing}, not adopted" for name, standing in standings if standing != "adopted"]
    return {
        "record": {"journal": row.journal, "seq": row.seq, "sha256": row.hash},
        **{name: payload[name] for name in ("verdict", "exit_code", "reasons", "rollback", "marks", "seed")},
        "figures": {name: payload.get(name) for name in _FIGURES}
        | {name: payload[name] for name in _RECKONED if payload.get(name)},
        **({"applications": payload["applications"]} if payload.get("applications") else {}),
        "deviations": deviations,
    }


def _steps(payload: Mapping[str, Any], results: Iterable[StepResult]) -> list[dict[str, Any]]:
    """Return the record's steps, each with the hash of its facts where the run's events are at hand."""
    facts = {(each.phase.value, each.id): canonical_text(each.facts, where=each.id) for each in results}
    steps = []
    for step in payload["steps"]:
        text = facts.get((step["phase"], step["id"]))
        steps.append({**step, "facts_sha256": None if text is None else sha256_hex(text)})
    return steps


def _json(value: Any) -> bytes:
    return canonical_text(value, where="evidence").encode("utf-8")


@dataclass(frozen=True)
class Told:
    """What a bundle that agrees with itself says.

    Attributes:
        row, envelope: the drill's own record.
        head: the end of the journal when the bundle was made.
        scenario: the scenario as it was run, None where only its hash is known.
    """

    row: Stored
    envelope: Envelope
    about: Mapping[str, Any]
    head: Head
    scenario: bytes | None

    @property
    def page(self) -> Seal:
        """Page one as the record has it: without manifest and time stamp."""
        return _page(self.envelope)


def check_content(opened: Opened) -> Told:
    """Hold what an opened bundle says against the records in it; raise JournalInvalid for the first disagreement.

    Shown is: every record has its hash, follows the one before and is signed by a key of the journal; page one, what
    was run, result and steps say what the drill's own record says; the scenario has the hash that record names.
    """
    content = opened.content
    if strangers := (content.keys() ^ CONTENT) - {KEY, SCENARIO}:
        raise JournalInvalid("the format knows no such member, or lacks it", where=min(strangers))
    rows, anchor, keys = _records(content)
    _check_chain(rows, keys)
    _check_head(rows[-1], anchor.signed, opened.key)
    about, result, steps = _read(content, ABOUT), _read(content, RESULT), _read(content, STEPS)
    try:
        place = (result["record"]["journal"], result["record"]["seq"])
        row = next(row for row in rows if (row.journal, row.seq) == place)
        envelope = read_envelope(row.text)
        payload = envelope.payload
        said = _about(envelope, is_scenario_here=SCENARIO in content, versions=about["versions_at_build"])
        agrees = {
            RESULT: envelope.kind == "drill.result" and _result(row, payload) == result,
            ABOUT: said == about,
            STEPS: [{name: step[name] for name in step if name != "facts_sha256"} for step in steps]
            == payload["steps"],
            SEAL: _same_page(opened.seal, _page(envelope)),
            SCENARIO: SCENARIO not in content or sha256_hex(content[SCENARIO]) == payload["spec_sha256"],
        }
    except (KeyError, TypeError, AttributeError, StopIteration, ValueError) as error:
        raise JournalInvalid("the drill's record is not in the bundle", where=RECORDS) from error
    for name, does in agrees.items():
        if not does:
            raise JournalInvalid("it says something else than the drill's record", where=name)
    return Told(row, envelope, about, anchor.head, content.get(SCENARIO))


def _same_page(said: Seal, page: Seal) -> bool:
    """Whether page one says what the record says; the time stamp is not the record's to say."""
    if said.version == 1:
        page = replace(page, ended="", version=1)
    page = replace(page, time_stamp=said.time_stamp, authority=said.authority)
    return replace(said, manifest_sha256="") == page


def _read(content: Mapping[str, bytes], name: str) -> Any:
    try:
        return parse_canonical(content[name].decode("utf-8"))
    except ValueError as error:
        raise JournalInvalid("it is no canonical JSON", where=name) from error


def _records(content: Mapping[str, bytes]) -> tuple[list[Stored], Anchor, dict[str, PublicKey]]:
    try:
        lines = content[RECORDS].decode("utf-8").splitlines()
        rows = [read_line(line, where=f"{RECORDS}:{number}") for number, line in enumerate(lines, 1)]
        anchors, known = read_anchor(content[HEADS].decode("utf-8"), where=HEADS)
        (anchor,) = anchors
    except (ValueError, RecursionError, DcopsError) as error:
        raise JournalInvalid(f"records or head cannot be read: {error}", where=RECORDS) from error
    if not rows:
        raise JournalInvalid("there is no record", where=RECORDS)
    return rows, anchor, {item.key.key_id: item.key for item in known if item.journal in ("", rows[0].journal)}


def _check_chain(rows: Sequence[Stored], keys: Mapping[str, PublicKey]) -> None:
    previous: Stored | None = None
    for row in rows:
        where = f"record {row.journal}:{row.seq}"
        try:
            envelope = read_envelope(row.text)
        except ValueError as error:
            raise JournalInvalid("the text is no record", where=where) from error
        if sha256_hex(row.text) != row.hash or (envelope.journal, envelope.seq) != (row.journal, row.seq):
            raise JournalInvalid("the text does not have the stored hash or place", where=where)
        if previous and (row.journal, row.seq, envelope.previous) != (
            previous.journal, previous.seq + 1, previous.hash
        ):  # fmt: skip
            raise JournalInvalid("it does not follow the record before it", where=where)
        key = keys.get(row.key_id)
        if key is None or not key.verifies(row.text, row.signature):
            raise JournalInvalid("it is not signed by a key of its journal", where=where)
        previous = row


def _check_head(last: Stored, head: SignedHead, key: PublicKey) -> None:
    """Hold the signed end of the journal against the last record: it is that record, or one after it."""
    found = json.loads(head.text)
    if head.key_id != key.key_id or not key.verifies(head.text, head.signature):
        raise JournalInvalid("the head is not signed by the bundle's key", where=HEADS)
    is_it = found["seq"] > last.seq or (found["seq"], found["hash"]) == (last.seq, last.hash)
    if found["journal"] != last.journal or not is_it:
        raise JournalInvalid("the head is not one of this chain", where=HEADS)
