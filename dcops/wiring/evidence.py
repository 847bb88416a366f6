"""Makes and checks evidence bundles of drills: the journal's rows, the run's events, the scenario, this host's key."""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from dcops import __version__
from dcops.core.errors import DcopsError, JournalInvalid, UsageError
from dcops.core.files import read_text, write_atomic
from dcops.core.process import run
from dcops.core.settings import Settings
from dcops.drills.bundle import LIMIT, Seal, open_bundle, seal_bundle
from dcops.drills.evidence import Material, check_content, content_of
from dcops.drills.history import read_progress
from dcops.drills.model import StepResult
from dcops.records.key_files import FileSigner, KeyFiles
from dcops.records.keyring import read_key_set
from dcops.records.model import Stored
from dcops.records.sign import PublicKey
from dcops.runs.run import list_runs, run_events
from dcops.wiring.drills import Drills, find_result, journal_of
from dcops.wiring.handover import PEERS
from dcops.wiring.records import all_keys, known_keys, records_folder

_TOOLS = {"restic": ("restic", "version"), "postgresql": ("psql", "--version")}


@dataclass(frozen=True)
class Checked:
    """A bundle that is valid.

    Attributes:
        key_id: of the key that signed it.
        voucher: who vouches for that key: `given` (--key), the journal's name where this host keeps that journal's key,
            or empty: only the bundle itself names it.
    """

    seal: Seal
    key_id: str
    voucher: str

    @property
    def is_trusted(self) -> bool:
        """Whether anybody but the bundle itself vouches for its key."""
        return bool(self.voucher)


def build_evidence(drills: Drills, run_id: str, path: Path) -> Seal:
    """Write the bundle of a drill's run, known by any unique ending of its id, and return its page one.

    Raises UsageError when no result, or more than one run's, belongs to `run_id`; JournalInvalid when the records do
    not agree with each other: then nothing is written.
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
        scenario=_scenario(drills, str(record.payload["drill"])),
        head=journal.sign_heads([head])[0],
        keys=[key for key in all_keys(drills.settings, journal.store) if key.journal == record.journal],
        versions=_versions(),
    )
    content, page = content_of(material)
    data = seal_bundle(content, page, FileSigner(KeyFiles(records_folder(drills.settings)), journal.name))
    check_content(open_bundle(data))  # what would not verify is not handed out
    write_atomic(path, data)
    return page


def verify_evidence(settings: Settings, path: Path, key: Path | None) -> Checked:
    """Return what a valid bundle is and who vouches for its key; raise JournalInvalid (exit 30) for any other.

    With `key`, a PEM public key, only a bundle signed by that key is valid.
    """
    given = PublicKey.from_pem(read_text(key), where=str(key)) if key else None
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise DcopsError(f"cannot read: {error.strerror}", where=str(path)) from error
    try:
        opened = open_bundle(data, given)
        check_content(opened)
    except JournalInvalid as error:
        hint = "Do not rely on it: ask for the bundle again from whoever made it."
        raise JournalInvalid(error.message, where=f"{path}: {error.where}", hint=hint) from error
    return Checked(opened.seal, opened.key.key_id, "given" if given else _voucher(settings, opened.key))


def _voucher(settings: Settings, key: PublicKey) -> str:
    """Return the journal whose key this is as this host knows it: its own keys, then those it was provisioned with."""
    known = list(known_keys(settings))
    for file in sorted((settings.state / PEERS).glob("*.json")):
        known += read_key_set(read_text(file), where=str(file))
    return next((item.journal or "any journal" for item in known if item.key == key), "")


def _slice(rows: Iterator[Stored], places: list[int]) -> list[Stored]:
    """Return the rows from the run's first to its last, with whatever lies between."""
    inside = takewhile(lambda row: row.seq <= max(places), rows)
    return [row for row in inside if row.seq >= min(places)]


def _steps_of(settings: Settings, run_id: str) -> list[StepResult]:
    """Return the steps with their facts, by the events of the run and of those that finished it; none kept, none."""
    later = sorted(each.run for each in list_runs(settings.state) if each.arguments.get("of") == run_id)
    events = [event for each in (run_id, *later) for event in run_events(settings.state, each)]
    return read_progress(events).results


def _scenario(drills: Drills, name: str) -> bytes | None:
    try:
        return drills.path(name).read_bytes()
    except (OSError, UsageError):
        return None


def _versions() -> dict[str, str]:
    """Return the versions of what this host has: a tool that is not here is left out."""
    found = {"dcops": __version__, "python": platform.python_version()}
    for name, argv in _TOOLS.items():
        if shutil.which(argv[0]):
            answer = run(argv, check=False, timeout_seconds=10).stdout.decode("utf-8", "replace").strip()
            found[name] = answer.splitlines()[0] if answer else "unknown"
    return found
