"""Makes and checks evidence bundles of drills: the journal's rows, the run's events, the scenario, this host's key."""

import platform
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from dcops import __version__
from dcops.core.clock import rfc3339
from dcops.core.errors import DcopsError, JournalInvalid, UsageError
from dcops.core.files import read_text, write_atomic
from dcops.core.process import run
from dcops.core.settings import Settings
from dcops.drills.bundle import KEY, LIMIT, Opened, Seal, open_bundle
from dcops.drills.evidence import Material, Told, check_content, content_of
from dcops.drills.history import read_progress
from dcops.drills.model import StepResult
from dcops.drills.seal import Sealed
from dcops.inventory.model import TimeStampAuthority
from dcops.records.canonical import sha256_hex
from dcops.records.key_files import FileSigner, KeyFiles
from dcops.records.model import Stored
from dcops.records.service import Journal
from dcops.records.sign import PublicKey
from dcops.runs.ports import Urgency
from dcops.runs.run import list_runs, run_events
from dcops.wiring.drills import Drills, find_result, journal_of
from dcops.wiring.notify import open_notify
from dcops.wiring.records import all_keys, records_folder, vouched_by
from dcops.wiring.stamps import Written, check_seal, write_sealed

_TOOLS = {"restic": ("restic", "version"), "postgresql": ("psql", "--version")}


@dataclass(frozen=True)
class Checked:
    """A bundle that is valid.

    Attributes:
        voucher: who vouches for that key: `given` (--key), the journal's name where this host keeps that journal's key,
            or empty: only the bundle itself names it.
        sealed: what its time stamp is worth.
    """

    opened: Opened
    told: Told
    voucher: str
    sealed: Sealed

    @property
    def seal(self) -> Seal:
        """Page one."""
        return self.opened.seal

    @property
    def key_id(self) -> str:
        """The key that signed it, by its thumbprint."""
        return self.opened.key.key_id

    @property
    def is_trusted(self) -> bool:
        """Whether anybody but the bundle itself vouches for its key."""
        return bool(self.voucher)


@dataclass(frozen=True)
class Against:
    """What a bundle is held against; all of it comes on another way than the bundle.

    Attributes:
        key: the PEM public key that must have signed it; None asks the keys this host knows.
        tsa: PEM file of the time-stamp authority's root; None asks the inventory.
        inventory: its name; `is_named`: somebody chose it, so it must be there and it counts for any environment.
    """

    key: Path | None = None
    tsa: Path | None = None
    inventory: str = "lab"
    is_named: bool = False


def build_evidence(drills: Drills, run_id: str, path: Path) -> Written:
    """Write the bundle of a drill's run, known by any unique ending of its id, and return it.

    The inventory's time-stamp authorities are asked to seal it; when none does it is written all the same, the gap is
    recorded and people are paged. Raises UsageError when no result, or more than one run's, belongs to `run_id`;
    JournalInvalid when the records do not agree with each other: then nothing is written.
    """
    if path.suffix != ".tar":
        raise UsageError("a bundle is a .tar file", where=str(path), hint="Name it FILE.tar.")
    journal = journal_of(drills)
    record = find_result(journal, run_id)
    rows = _slice(journal.store.rows(record.journal), [each.seq for each in journal.query(run=record.run)
                                                       if each.journal == record.journal])  # fmt: skip
    (head,) = [each for each in journal.heads() if each.journal == record.journal]
    material = Material(
        rows=rows,
        result=record.seq,
        results=_steps_of(drills.settings, str(record.run)),
        scenario=scenario_of(drills, str(record.payload["drill"])),
        head=journal.sign_heads([head])[0],
        keys=[key for key in all_keys(drills.settings, journal.store) if key.journal == record.journal],
        versions=versions_here(),
    )
    content, page = content_of(material)
    written = write_sealed(content, page, _signer(drills, journal), _authorities(drills))
    write_atomic(path, written.data)
    _keep(drills, journal, path, written)
    return written


def seal_evidence(drills: Drills, which: str, out: Path | None = None) -> tuple[Path, Written]:
    """Add the time stamp that a bundle lacks, over the file itself or into `out`; return where and what.

    Args:
        which: the file, or a run: then the bundle this host wrote for it last.

    Raises UsageError when it has one, or the inventory names no authority; JournalInvalid when it is not valid or not
    signed by this host's key; the last authority's error when none answered as it must: the file stays as it was.
    """
    journal = journal_of(drills)
    path = Path(which) if which.endswith(".tar") else _bundle_of(journal, which)
    if not drills.inventory.time_stamp_authorities:
        hint = "Name one under time_stamp_authorities, see docs/inventory.md."
        raise UsageError("there is no time-stamp authority", where=f"inventory {drills.inventory.name}", hint=hint)
    signer = _signer(drills, journal)
    opened = open_bundle(_bytes_of(path), PublicKey.from_jwk(dict(signer.jwk)))
    told = check_content(opened)
    if opened.seal.is_stamped:
        raise UsageError("it has its time stamp", where=str(path), hint="Nothing is left to do.")
    content = {name: value for name, value in opened.content.items() if name != KEY}
    written = write_sealed(content, told.page, signer, _authorities(drills))
    target = out or path
    if written.error is None:
        write_atomic(target, written.data)
    _keep(drills, journal, path if written.error else target, written)  # what there is to seal later
    if written.error is not None:
        raise written.error
    return target, written


def verify_evidence(settings: Settings, path: Path, against: Against) -> Checked:
    """Return what a valid bundle is and who vouches for its key; raise JournalInvalid (exit 30) for any other."""
    given = PublicKey.from_pem(read_text(against.key), where=str(against.key)) if against.key else None
    data = _bytes_of(path)
    try:
        opened = open_bundle(data, given)
        told = check_content(opened)
        sealed = check_seal(
            settings,
            opened,
            told.envelope.at,
            certificate=against.tsa,
            inventory=against.inventory,
            is_named=against.is_named,
        )
    except JournalInvalid as error:
        hint = "Do not rely on it: ask for the bundle again from whoever made it."
        raise JournalInvalid(error.message, where=f"{path}: {error.where}", hint=hint) from error
    return Checked(opened, told, "given" if given else vouched_by(settings, opened.key.key_id), sealed)


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except OSError as error:
        raise DcopsError(f"cannot read: {error.strerror}", where=str(path)) from error


def _signer(drills: Drills, journal: Journal) -> FileSigner:
    return FileSigner(KeyFiles(records_folder(drills.settings)), journal.name)


def _authorities(drills: Drills) -> Iterable[TimeStampAuthority]:
    return drills.inventory.time_stamp_authorities.values()


def _bundle_of(journal: Journal, run_id: str) -> Path:
    """Return where this host wrote the bundle of a run last."""
    ending = run_id.upper()
    found = [
        each.payload
        for each in journal.query(kind="drill.evidence")
        if each.journal == journal.name and str(each.payload["evidence_of"]).endswith(ending)
    ]
    if len({each["evidence_of"] for each in found}) != 1:
        hint = "Name the file, or make it: dcops drill evidence build RUN --out FILE.tar."
        raise UsageError("no one bundle was written here for such a run", where=f"run {run_id}", hint=hint)
    return Path(str(found[-1]["file"]))


def _keep(drills: Drills, journal: Journal, path: Path, written: Written) -> None:
    """Record what was written; a gap is paged as well, because a person must seal it later."""
    page, at = written.page, written.sealed.at
    payload = {
        "drill": page.drill,
        "evidence_of": page.run,
        "file": str(path.resolve()),
        "bundle_sha256": sha256_hex(written.data),
        "time_stamp": page.time_stamp,
        "authority": page.authority,
        "stamped_at": rfc3339(at) if at else None,
        "gap": written.gap,
    }
    journal.append("drill.evidence", payload)
    if written.gap:
        notify = open_notify(drills.settings, drills.inventory)
        body = f"{written.gap}; later: dcops drill evidence seal {path}"
        notify.send(Urgency.PAGE, f"evidence of run {page.run} has no time stamp", body)


def _slice(rows: Iterator[Stored], places: list[int]) -> list[Stored]:
    """Return the rows from the run's first to its last, with whatever lies between."""
    inside = takewhile(lambda row: row.seq <= max(places), rows)
    return [row for row in inside if row.seq >= min(places)]


def _steps_of(settings: Settings, run_id: str) -> list[StepResult]:
    """Return the steps with their facts, by the events of the run and of those that finished it; none kept, none."""
    later = sorted(each.run for each in list_runs(settings.state) if each.arguments.get("of") == run_id)
    events = [event for each in (run_id, *later) for event in run_events(settings.state, each)]
    return read_progress(events).results


def scenario_of(drills: Drills, name: str) -> bytes | None:
    """Return a scenario's file as it lies here now, None when there is none."""
    try:
        return drills.path(name).read_bytes()
    except (OSError, UsageError):
        return None


def versions_here() -> dict[str, str]:
    """Return the versions of what this host has: a tool that is not here is left out."""
    found = {"dcops": __version__, "python": platform.python_version()}
    for name, argv in _TOOLS.items():
        if shutil.which(argv[0]):
            answer = run(argv, check=False, timeout_seconds=10).stdout.decode("utf-8", "replace").strip()
            found[name] = answer.splitlines()[0] if answer else "unknown"
    return found
