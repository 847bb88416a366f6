"""Makes recovery kits of this installation: checkout, inventory, backup policies, secrets, keys; and opens them."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from dcops import __version__
from dcops.backup.model import RepositorySpec
from dcops.core.clock import parse_rfc3339, rfc3339, utc_now
from dcops.core.errors import DcopsError, JournalInvalid, Refused, UsageError
from dcops.core.files import private_dir, read_text, write_atomic
from dcops.core.secrets import SecretStore, file_below
from dcops.core.settings import Settings
from dcops.core.words import Status
from dcops.inventory import Inventory, load
from dcops.kit.exposition import exposition
from dcops.kit.folders import filled, unpack_source, write_environment
from dcops.kit.git import GitContent
from dcops.kit.model import About, Built, Gap, Kit, Line, RepositoryFacts, SecretItem, Share, Today, Wanted
from dcops.kit.parse import read_shares, share_sha256, share_text
from dcops.kit.plan import inventory_facts, judge, wanted_secrets
from dcops.kit.seal import fingerprint
from dcops.kit.service import Material, Where, build_kit, check_kit, extract, prove_shares, write_secrets
from dcops.kit.sheets import REHEARSAL
from dcops.records.key_files import FileSigner, KeyFiles
from dcops.records.kinds.kit import KitBuilt, KitVerified
from dcops.records.service import Journal
from dcops.records.sign import PublicKey
from dcops.runs.cancel import CancelToken
from dcops.runs.run import Run, current_actor, start_run
from dcops.wiring.backup import TEXTFILES, load_policies
from dcops.wiring.kit_members import DEBIAN, PYTHON, Say, fetch_packages, open_members, readme
from dcops.wiring.records import open_journal, records_folder, vouched_by


@dataclass(frozen=True)
class Kits:
    """An inventory from which kits are made, or against which they are held."""

    settings: Settings
    inventory: Inventory
    journal: Journal
    repositories: tuple[RepositoryFacts, ...]
    wanted: tuple[Wanted, ...]
    left_out: tuple[Gap, ...]

    @contextmanager
    def run(self, verb: str) -> Iterator[Run]:
        """Start a run of `verb`, recorded in the journal."""
        with start_run(
            self.settings.state,
            verb,
            environment=self.inventory.environment,
            inventory=self.inventory.name,
            inventory_revision=self.inventory.revision,
            journal=self.journal,
        ) as run:
            yield run


@dataclass(frozen=True)
class Order:
    """What a build is asked for: the archive, the folder for the sheets, how the key is split, what goes along."""

    archive: Path
    sheets: Path
    threshold: int
    shares: int
    has_packages: bool
    known_hosts: Path | None


def open_kits(settings: Settings, inventory_name: str) -> Kits:
    """Give what kits of an inventory are made of. Raises Refused on a host that is enrolled for another one."""
    inventory = load(settings.inventory_root(inventory_name))
    journal = open_journal(settings, inventory, inventory.environment)
    repositories = _repositories(inventory)
    wanted, left_out = wanted_secrets(inventory, repositories)
    return Kits(settings, inventory, journal, repositories, wanted, left_out)


def places_for(kit: str, inventory: str, to: Path, sheets_to: Path | None, now: datetime) -> tuple[Path, Path]:
    """Give where archive and sheets go, for a target that is a folder or a .tar file.

    Raises Refused (exit 7) when something lies there: a kit overwrites nothing.
    """
    archive = to if to.suffix == ".tar" else to / f"dcops-kit-{inventory}-{now:%Y%m%d}-{kit[-5:]}.tar"
    sheets = sheets_to or archive.with_suffix(".shares")
    for path in (archive, sheets):
        if os.path.lexists(path) and not (path is sheets and path.is_dir() and not any(path.iterdir())):
            raise Refused("it is there already", where=str(path), hint="A kit overwrites nothing: name another place.")
    return archive, sheets


def secrets_here(settings: Settings, wanted: Sequence[Wanted]) -> tuple[list[SecretItem], list[Gap]]:
    """Give the wanted secrets that this host holds, and the others with the reason."""
    store, found, gaps = SecretStore(settings), [], []
    for each in wanted:
        try:
            value = _public_text(settings, each.ref) if each.is_public else store.get(each.ref).reveal()
        except DcopsError as error:
            gaps.append(Gap(name=each.name, why=f"not on the host that built the kit: {error.message}"))
            continue
        found.append(SecretItem(each.name, each.ref, each.file, each.purpose, value))
    return found, gaps


def build(kits: Kits, kit: str, order: Order, now: datetime, token: CancelToken, say: Say) -> Built:
    """Build a kit; what was fetched for it is removed, and on failure nothing is left.

    Raises Refused (exit 7) for content that is not as committed, and when a key that opens a repository is not here.
    """
    content = GitContent(kits.settings.home)
    commit = content.commit()
    secrets, gaps = secrets_here(kits.settings, kits.wanted)
    _require_keys(kits, gaps)
    order.archive.parent.mkdir(parents=True, exist_ok=True)
    staging = order.archive.with_name(f".{order.archive.name}.building")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        private_dir(staging)
        say("content with its history")
        content.write_bundle(staging / "content.bundle")
        content.write_source(staging / "source.tar")
        unpack_source(staging / "source.tar", staging / "home")  # what cannot be opened is found today
        members = open_members(kits.settings, kits.inventory, kits.repositories, staging, order.known_hosts)
        members["README.txt"] = _readme(kits.inventory, kit, order, commit)
        token.raise_if_cancelled()
        if order.has_packages:
            members |= fetch_packages(kits.settings, staging, say, token)
        say("sealing and writing")
        material = Material(
            members=members,
            secrets=secrets,
            left_out=(*kits.left_out, *gaps),
            inventory=inventory_facts(kits.inventory, [each.name for each in kits.repositories]),
            repositories=kits.repositories,
            commit=commit,
            dcops_version=__version__,
            debian=DEBIAN,
            python=PYTHON,
            has_packages=order.has_packages,
            max_age=kits.inventory.policy.continuity.recovery_kit_age,
        )
        signer = FileSigner(KeyFiles(records_folder(kits.settings)), kits.journal.name)
        where = Where(kit, order.archive, order.sheets)
        return build_kit(material, where, signer, os.urandom, threshold=order.threshold, shares=order.shares, now=now)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def record_built(kits: Kits, built: Built, run: str) -> None:
    """Append the record of a kit."""
    about = built.about
    payload = KitBuilt(
        kit=about.kit,
        archive=built.path.name,
        sha256=built.sha256,
        manifest_sha256=built.manifest_sha256,
        size_bytes=built.size_bytes,
        members=built.members,
        commit=about.commit,
        built_at=rfc3339(about.created_at),
        threshold=about.threshold,
        shares=about.shares,
        share_sha256=list(about.share_sha256),
        secrets=[each.name for each in about.secrets],
        left_out=[each.name for each in about.left_out],
        has_packages=about.has_packages,
    )
    kits.journal.append(payload.kind, payload.model_dump(mode="json"), run=run)


def write_metrics(kits: Kits, folder: Path = TEXTFILES) -> None:
    """Write the text file that this host's node exporter reads; nothing where there is no such folder."""
    if folder.is_dir():
        built = [parse_rfc3339(str(r.payload["built_at"])) for r in kits.journal.query(kind=KitBuilt.kind)]
        max_age = kits.inventory.policy.continuity.recovery_kit_age
        write_atomic(folder / "dcops_kit.prom", exposition(built, max_age.value if max_age else None))


def check(settings: Settings, path: Path, key: Path | None, token: CancelToken) -> tuple[Kit, Line]:
    """Give a kit whose every byte was checked, and who vouches for the key that signed it. Raises JournalInvalid."""
    given = PublicKey.from_pem(read_text(key), where=str(key)) if key else None
    try:
        kit = check_kit(path, given, token.raise_if_cancelled)
    except JournalInvalid as error:
        hint = error.hint or "Do not rely on it: take another copy, or build a new kit."
        raise JournalInvalid(error.message, where=f"{path}: {error.where}", hint=hint) from error
    voucher = "the key given with --key" if given else vouched_by(settings, kit.key_id)
    if voucher:
        return kit, Line("signature", Status.PASS, f"by {voucher} ({kit.key_id})")
    return kit, Line("signature", Status.UNKNOWN, f"only the kit itself names its key {kit.key_id}: give --key")


def hold_against_today(settings: Settings, inventory_name: str, about: About) -> list[Line]:
    """Give what holds a kit against the inventory and the secrets of this host, now."""
    inventory = load(settings.inventory_root(inventory_name))
    repositories = _repositories(inventory)
    wanted, _ = wanted_secrets(inventory, repositories)
    here, _ = secrets_here(settings, wanted)
    salt = bytes.fromhex(about.salt)
    fingerprints: dict[str, str | None] = dict.fromkeys(each.name for each in wanted)
    fingerprints |= {each.name: fingerprint(each.value, salt) for each in here}
    facts = inventory_facts(inventory, [each.name for each in repositories])
    today = Today(facts, fingerprints, inventory.policy.continuity.recovery_kit_age)
    return judge(about, today, utc_now())


def record_verified(
    settings: Settings, inventory_name: str, kit: Kit, shares: Sequence[Share], lines: Sequence[Line], error: str
) -> None:
    """Append the record of a verification to this host's journal."""
    inventory = load(settings.inventory_root(inventory_name))
    failed = [line.rule for line in lines if line.status is Status.FAIL]
    payload = KitVerified(
        kit=kit.about.kit,
        sha256=kit.sha256,
        status="fail" if error or failed else "pass",
        error=error,
        shares_used=[share_sha256(share_text(each)) for each in shares],
        failed=failed,
        unknown=[line.rule for line in lines if line.status is Status.UNKNOWN],
    )
    journal = open_journal(settings, inventory, inventory.environment)
    journal.append(payload.kind, payload.model_dump(mode="json"))


def shares_from(files: Sequence[Path], text: str | None = None) -> list[tuple[str, Share]]:
    """Give the shares of files and of a text (standard input), each with where it came from. Raises BadShare."""
    places = [(str(path), read_text(path)) for path in files]
    if text is not None:
        places.append(("standard input", text))
    return [(where, share) for where, content in places for share in read_shares(content, where=where)]


def open_to(kit: Kit, path: Path, shares: Sequence[tuple[str, Share]], target: Path, token: CancelToken) -> int:
    """Open a checked kit into a new or empty folder, all of it or nothing; give how many secrets were written."""
    secrets = prove_shares(kit, shares)
    facts = {
        "kit": kit.about.kit,
        "sha256": kit.sha256,
        "opened_at": rfc3339(utc_now()),
        "by": current_actor(),
        "shares": sorted(share_sha256(share_text(share)) for _, share in shares),
    }
    with filled(target) as folder:
        extract(kit, path, folder, token.raise_if_cancelled)
        unpack_source(folder / "source.tar", folder / "home")
        write_secrets(secrets, folder / "secrets")
        private_dir(folder / "state")
        write_environment(folder, target.absolute(), facts)
        token.raise_if_cancelled()
    return len(secrets)


def _readme(inventory: Inventory, kit: str, order: Order, commit: str) -> bytes:
    fields = {
        "kit": kit,
        "rehearsal": REHEARSAL if inventory.environment.is_rehearsal else "",
        "debian": DEBIAN,
        "threshold": str(order.threshold),
        "shares": str(order.shares),
        "commit": commit[:12],
    }
    return readme(fields)


def _public_text(settings: Settings, ref: str) -> str:
    """Give a certificate, which is no secret: its file may be readable by everybody."""
    return read_text(file_below(settings.secrets, ref)).rstrip("\n")


def _require_keys(kits: Kits, gaps: Sequence[Gap]) -> None:
    """Raise Refused when a secret that opens a repository is not on this host: such a kit would recover nothing."""
    needed = {ref for each in kits.repositories for ref in (*each.secrets, each.ca)}
    missing = {gap.name for gap in gaps}
    here = {each.ref for each in kits.wanted if each.name not in missing}
    lacking = sorted(ref for ref in needed if ref and ref not in here)
    if not kits.repositories or lacking:
        what = f"{lacking[0]} is not here" if lacking else "the inventory has no backup policy"
        hint = "Build the kit on a host that holds the keys of the repositories; DCOPS_SECRETS says where."
        raise Refused(f"a kit without the keys of the backups recovers nothing: {what}", hint=hint)


def _repositories(inventory: Inventory) -> tuple[RepositoryFacts, ...]:
    """Give the repositories of the backup policies, copies included, one entry an application and repository."""
    found = []
    for policy in load_policies(inventory).values():
        sources = [part.device for part in (policy.database, policy.files) if part is not None]
        for spec in (policy.repository, *policy.copies):
            found.append(_repository(inventory, policy.application, spec, tuple(dict.fromkeys(sources))))
    return tuple(found)


def _repository(
    inventory: Inventory, application: str, spec: RepositorySpec, sources: tuple[str, ...]
) -> RepositoryFacts:
    host = urlsplit(spec.url.removeprefix("rest:")).hostname or ""
    device = next((each for each in inventory.devices.values() if host and host in (each.fqdn, each.name)), None)
    return RepositoryFacts(
        name=spec.name,
        url=spec.url,
        application=application,
        host=host or "this machine",
        addresses=tuple(sorted({each.ip for each in device.interfaces if each.ip})) if device else (),
        logins={site: login.user for site, login in spec.logins.items()},
        secrets=(spec.password, *(login.password for login in spec.logins.values())),
        ca=spec.ca,
        sources=sources,
    )


def about_fields(kit: Kit) -> Mapping[str, object]:
    """Give a kit's description for --json; fingerprints and salt are of no use to a reader."""
    fields = kit.about.model_dump(mode="json", exclude={"salt", "share_sha256", "secrets"})
    names = [each.name for each in kit.about.secrets]
    return {**fields, "secrets": names, "sha256": kit.sha256, "size_bytes": kit.size_bytes, "key_id": kit.key_id}


def refuse_odd_numbers(threshold: int, shares: int) -> None:
    """Raise UsageError unless so many shares of so many make sense for people."""
    if not 2 <= threshold <= shares <= 16:
        hint = "At least 2, at most as many as there are shares, and at most 16 shares."
        raise UsageError(f"{threshold} of {shares} shares cannot be", hint=hint)
