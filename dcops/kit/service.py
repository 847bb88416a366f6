"""Use cases of the kit: build one, check one, prove its shares, open it. Takes ports; knows no adapter."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import ValidationError

from dcops.core.errors import DcopsError, JournalInvalid
from dcops.core.files import private_dir, write_atomic
from dcops.core.words import Value
from dcops.kit import sheets
from dcops.kit.archive import (
    FRONT,
    MANIFEST,
    MANIFEST_SIGNATURE,
    PAGE,
    PAGE_SIGNATURE,
    Content,
    Member,
    Sink,
    hash_of,
    read_archive,
    write_archive,
)
from dcops.kit.model import (
    FORMAT,
    About,
    Built,
    Gap,
    InventoryFacts,
    Kit,
    RepositoryFacts,
    SecretFacts,
    SecretItem,
    Share,
)
from dcops.kit.parse import share_sha256, share_text
from dcops.kit.seal import (
    KEY_BYTES,
    Randomness,
    fingerprint,
    key_of,
    seal_secrets,
    signer_tag,
    split_key,
    unseal_secrets,
)
from dcops.records.canonical import sha256_hex
from dcops.records.ports import Signer
from dcops.records.sign import PublicKey, decode, encode

KEY, ABOUT, SECRETS = "key.pem", "about.json", "secrets.sealed"
REQUIRED = (*FRONT, KEY, ABOUT, SECRETS)
# What is held in memory of a kit: its front and what is said of it; nobody's file may ask for more.
_KEPT_LIMIT = 16 * 2**20


@dataclass(frozen=True)
class Material:
    """What a kit is made of: its open members by name, the secrets, and what is said of it."""

    members: Mapping[str, Content]
    secrets: Sequence[SecretItem]
    left_out: tuple[Gap, ...]
    inventory: InventoryFacts
    repositories: tuple[RepositoryFacts, ...]
    commit: str
    dcops_version: str
    debian: str
    python: str
    has_packages: bool
    max_age: Value[float] | None


@dataclass(frozen=True)
class Where:
    """The kit's id, where the archive goes, and the folder for the sheets of its shares."""

    kit: str
    archive: Path
    sheets: Path


def build_kit(
    material: Material,
    where: Where,
    signer: Signer,
    random: Randomness,
    *,
    threshold: int,
    shares: int,
    now: datetime,
) -> Built:
    """Write a kit and the sheets of its shares; the key exists in this call only.

    The sheets are written first: an archive whose shares are nowhere would look like a kit. On failure neither is left.
    Raises DcopsError when something cannot be written.
    """
    public = PublicKey.from_jwk(dict(signer.jwk))
    key = random(KEY_BYTES)
    parts = split_key(key, where.kit, signer_tag(public.raw), threshold, shares, random)
    about = _about(material, where.kit, parts, random(16), now)
    members: dict[str, Content] = {
        **material.members,
        ABOUT: (about.model_dump_json(indent=2) + "\n").encode(),
        KEY: public.pem.encode("ascii"),
        SECRETS: seal_secrets(material.secrets, key, where.kit, random),
    }
    manifest = _manifest({name: hash_of(content) for name, content in members.items()})
    digest = sha256_hex(manifest)
    page = sheets.page_one(about, digest, public.key_id)
    members |= _front(page, manifest, signer)
    try:
        written = _write_sheets(parts, about, digest, public.key_id, where)
        total = write_archive(where.archive, members)
    except BaseException:
        for path in where.sheets.glob("share-*-of-*.txt"):  # the folder was empty
            path.unlink(missing_ok=True)
        raise
    return Built(where.archive, written, about, total, digest, where.archive.stat().st_size, len(members))


def check_kit(path: Path, key: PublicKey | None = None, each: Callable[[], None] = lambda: None) -> Kit:
    """Return a kit whose every byte was checked; `key` must have signed it, without one the key in the kit itself.

    `each` is called for every piece that is read, and may raise. Raises JournalInvalid (exit 30) for any other file.
    """
    kept: dict[str, bytearray] = {}

    def sink(name: str, size: int) -> Sink:
        if name not in REQUIRED:
            return lambda _piece: each()
        if size > _KEPT_LIMIT:
            raise JournalInvalid("the member is too large to be what its name says", where=name)
        return kept.setdefault(name, bytearray()).extend

    members, digest, size = read_archive(path, sink)
    missing = [name for name in REQUIRED if name not in members]
    if missing:
        raise JournalInvalid("a member is missing", where=missing[0])
    front = {name: bytes(content) for name, content in kept.items()}
    signer = _signer_of(front, key)
    _hold_against_manifest(front[MANIFEST], members)
    about = _read_about(front[ABOUT])
    manifest_sha256 = sha256_hex(front[MANIFEST])
    if sheets.page_one(about, manifest_sha256, signer.key_id).encode("ascii", "replace") != front[PAGE]:
        raise JournalInvalid("page one does not say what the kit says", where=PAGE)
    return Kit(
        about, signer.key_id, signer_tag(signer.raw), manifest_sha256, digest, size, tuple(members), front[SECRETS]
    )


def prove_shares(kit: Kit, shares: Sequence[tuple[str, Share]]) -> tuple[SecretItem, ...]:
    """Return the secrets that these shares open; raise SharesRefused when they do not. Nothing is written."""
    key = key_of(kit.about, kit.signer, shares)
    return tuple(unseal_secrets(kit.sealed, key, kit.about))


def extract(kit: Kit, path: Path, folder: Path, each: Callable[[], None] = lambda: None) -> None:
    """Write the open members of a checked kit below `folder`, which is empty and private.

    Raises JournalInvalid when the file is no longer the one that was checked.
    """
    with ExitStack() as last:

        def sink(name: str, _size: int) -> Sink:
            last.close()
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write = last.enter_context(target.open("xb")).write

            def piece_by_piece(piece: bytes) -> None:
                write(piece)
                each()

            return piece_by_piece

        try:
            _members, digest, _size = read_archive(path, sink)
        except OSError as error:
            raise DcopsError(f"cannot write: {error.strerror}", where=str(folder)) from error
    if digest != kit.sha256:
        raise JournalInvalid("the file changed while it was opened", where=str(path))


def write_secrets(secrets: Sequence[SecretItem], folder: Path) -> None:
    """Write each secret to its file below `folder` (0700, files 0600)."""
    private_dir(folder)
    for each in secrets:
        target = folder / each.file
        for parent in reversed(target.relative_to(folder).parents[:-1]):
            private_dir(folder / parent)
        write_atomic(target, each.value + "\n", mode=0o600)


def _about(material: Material, kit: str, parts: Sequence[Share], salt: bytes, now: datetime) -> About:
    secrets = tuple(
        SecretFacts(name=s.name, ref=s.ref, file=s.file, purpose=s.purpose, fingerprint=fingerprint(s.value, salt))
        for s in material.secrets
    )
    return About(
        kit=kit,
        created_at=now,
        commit=material.commit,
        dcops_version=material.dcops_version,
        inventory=material.inventory,
        threshold=parts[0].threshold,
        shares=parts[0].shares,
        share_sha256=tuple(share_sha256(share_text(part)) for part in parts),
        salt=salt.hex(),
        secrets=secrets,
        left_out=material.left_out,
        repositories=material.repositories,
        has_packages=material.has_packages,
        debian=material.debian,
        python=material.python,
        max_age=material.max_age,
    )


def _front(page: str, manifest: str, signer: Signer) -> dict[str, Content]:
    return {
        PAGE: page.encode("ascii"),
        PAGE_SIGNATURE: decode(signer.sign(page)),
        MANIFEST: manifest.encode("ascii"),
        MANIFEST_SIGNATURE: decode(signer.sign(manifest)),
    }


def _manifest(hashes: Mapping[str, str]) -> str:
    """Return the manifest: SHA-256, two spaces, name; sorted by name, as `sha256sum -c` reads it."""
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))


def _write_sheets(
    parts: Sequence[Share], about: About, manifest_sha256: str, key_id: str, where: Where
) -> tuple[Path, ...]:
    """Write one sheet a share, 0600, in a private folder; return the files in order of the index."""
    private_dir(where.sheets)
    paths = []
    for part in parts:
        path = where.sheets / f"share-{part.index}-of-{part.shares}.txt"
        write_atomic(path, sheets.sheet(part, about, manifest_sha256, key_id, where.archive.name), mode=0o600)
        paths.append(path)
    return tuple(paths)


def _signer_of(front: Mapping[str, bytes], key: PublicKey | None) -> PublicKey:
    """Return the key that signed page one and manifest; raise JournalInvalid when `key`, or the kit's own, did not."""
    try:
        own = PublicKey.from_pem(front[KEY], where=KEY)
    except (DcopsError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise JournalInvalid("it is no public key", where=KEY) from error
    if own.pem.encode("ascii") != front[KEY] or (key is not None and key != own):
        raise JournalInvalid("the kit is signed by another key than the one it is held against", where=KEY)
    for name, signature in ((MANIFEST, MANIFEST_SIGNATURE), (PAGE, PAGE_SIGNATURE)):
        text = front[name].decode("ascii", "replace")
        if text.encode("ascii", "replace") != front[name] or not own.verifies(text, encode(front[signature])):
            raise JournalInvalid("the signature is not the key's over this text", where=name)
    return own


def _hold_against_manifest(manifest: bytes, members: Mapping[str, Member]) -> None:
    """Raise JournalInvalid unless the manifest lists exactly these members, each with its hash."""
    found = {name: member.sha256 for name, member in members.items() if name not in FRONT}
    if _manifest(found).encode("ascii") == manifest:
        return
    listed = {line[66:]: line[:64] for line in manifest.decode("ascii").splitlines()}
    for name in sorted(listed.keys() | found.keys()):
        if name not in found:
            raise JournalInvalid("the manifest lists it, the kit lacks it", where=name)
        if listed.get(name) != found[name]:
            problem = "it does not have the hash in the manifest" if name in listed else "the manifest does not list it"
            raise JournalInvalid(problem, where=name)
    raise JournalInvalid("it is not written as the format says", where=MANIFEST)


def _read_about(raw: bytes) -> About:
    try:
        about = About.model_validate_json(raw)
    except ValidationError as error:
        raise JournalInvalid(f"{error.error_count()} fields are not of the format", where=ABOUT) from error
    if about.format != FORMAT:
        raise JournalInvalid(f'"{about.format}" is not known here', where=ABOUT, hint="Use the dcops in that kit.")
    if len(about.share_sha256) != about.shares or about.threshold > about.shares:
        raise JournalInvalid("it does not say of each share what it is", where=ABOUT)
    return about
