"""The container of a drill's evidence: an archive in which every byte is accounted for. Pure. Format: docs/evidence.md.

An uncompressed ustar archive written in one way only: it is read by dividing it into members and writing those again,
and what does not come out byte for byte the same is refused. So there is no place for a second member of a name, for a
path, a link, a compressed bomb, or a byte that nothing covers. MANIFEST lists the content by SHA-256, MANIFEST.sig
signs it; SEAL, the page one, tells drill, verdict and time-stamp class, names the manifest by hash, and is signed too.
SEAL.tsr is a time-stamp authority's answer over SEAL and its signature. Parts of such an answer are covered by no
signature of the authority, so STAMP names it by hash and is signed by the key that signed the rest.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cryptography.exceptions import UnsupportedAlgorithm

from dcops.core.errors import DcopsError, JournalInvalid
from dcops.core.words import StampClass
from dcops.records.canonical import sha256_hex
from dcops.records.ports import Signer
from dcops.records.sign import PublicKey, decode, encode

SEAL, SEAL_SIGNATURE, MANIFEST, MANIFEST_SIGNATURE, KEY = "SEAL", "SEAL.sig", "MANIFEST", "MANIFEST.sig", "key.pem"
TOKEN, STAMP, STAMP_SIGNATURE = "SEAL.tsr", "STAMP", "STAMP.sig"
_STAMPS = (TOKEN, STAMP, STAMP_SIGNATURE)
FRONT = (SEAL, SEAL_SIGNATURE, MANIFEST, MANIFEST_SIGNATURE, *_STAMPS)
REHEARSAL = "GLADI / REHEARSAL: made in a twin; it never counts as evidence that production recovers."
LIMIT = 64 * 2**20
_TITLE = "dcops drill evidence"
_BLOCK = 512
_END = bytes(2 * _BLOCK)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]{0,63})")
_ONE_LINE = re.compile(r"[\x20-\x7e]{1,200}")


@dataclass(frozen=True)
class Seal:
    """Page one of a bundle.

    Attributes:
        ended: when the run's result was recorded, by the host's clock; RFC 3339.
        time_stamp: class of the time stamp over this page. `none`: the time of the bundle is the host's word.
        authority: the time stamp's authority by its name in the inventory; empty when there is none.
        version: of the format. Version 1 knew no time stamp and did not say when the run ended; it is still read.
    """

    drill: str
    run: str
    environment: str
    is_rehearsal: bool
    verdict: str
    manifest_sha256: str
    ended: str = ""
    time_stamp: str = StampClass.NONE.value
    authority: str = ""
    version: int = 2

    @property
    def is_stamped(self) -> bool:
        """Whether a time stamp belongs to this page."""
        return self.time_stamp != StampClass.NONE

    @property
    def text(self) -> str:
        """The page, ASCII, one fact a line."""
        lines = [f"{_TITLE} {self.version}", *([REHEARSAL] if self.is_rehearsal else [])]
        facts = {
            "drill": self.drill,
            "run": self.run,
            **({"run ended": self.ended} if self.version > 1 else {}),
            "environment": self.environment,
            "verdict": self.verdict,
            "time-stamp class": self.time_stamp,
            **({"time-stamp authority": self.authority} if self.is_stamped else {}),
            "manifest sha256": self.manifest_sha256,
        }
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in facts.items())]) + "\n"

    @classmethod
    def read(cls, raw: bytes) -> "Seal":
        """Read a page one; raise JournalInvalid unless it is written exactly as `text` writes it."""
        lines = raw.decode("ascii", "replace").splitlines()
        facts = dict(line.split(": ", 1) for line in lines[1:] if ": " in line and line != REHEARSAL)
        try:
            seal = cls(
                drill=facts["drill"],
                run=facts["run"],
                environment=facts["environment"],
                is_rehearsal=REHEARSAL in lines,
                verdict=facts["verdict"],
                manifest_sha256=facts["manifest sha256"],
                ended=facts.get("run ended", ""),
                time_stamp=facts["time-stamp class"],
                authority=facts.get("time-stamp authority", ""),
                version=1 if lines[0] == f"{_TITLE} 1" else 2,
            )
        except (KeyError, IndexError) as error:
            raise JournalInvalid("page one lacks a line", where=SEAL) from error
        is_class = seal.time_stamp in tuple(StampClass) and not (seal.version == 1 and seal.is_stamped)
        if seal.text.encode("ascii", "replace") != raw or not is_class:
            raise JournalInvalid("page one is not written as the format says", where=SEAL)
        return seal


def seal_bundle(
    content: Mapping[str, bytes], page: Seal, signer: Signer, stamp: Callable[[bytes], bytes] | None = None
) -> bytes:
    """Return a whole bundle over `content`; `page` gets the manifest's hash here.

    Args:
        stamp: gives an authority's answer over the bytes it is called with; needed when `page` names a time stamp.
            What it raises is not caught.
    """
    key = PublicKey.from_jwk(dict(signer.jwk))
    members = {**content, KEY: key.pem.encode("ascii")}
    manifest = manifest_of(members)
    facts = (page.drill, page.run, page.environment, page.verdict, page.ended or "-", page.authority or "-")
    if not all(_ONE_LINE.fullmatch(fact) for fact in facts):
        raise JournalInvalid("a fact of page one is no single line of ASCII", where=SEAL)
    seal = replace(page, manifest_sha256=sha256_hex(manifest)).text
    front = {
        SEAL: seal.encode("ascii"),
        SEAL_SIGNATURE: decode(signer.sign(seal)),
        MANIFEST: manifest.encode("ascii"),
        MANIFEST_SIGNATURE: decode(signer.sign(manifest)),
    }
    if page.is_stamped:
        if stamp is None:
            raise JournalInvalid("page one names a time stamp, and there is none", where=SEAL)
        token = stamp(stamped(front))
        named = _names_token(token)
        front |= {TOKEN: token, STAMP: named.encode("ascii"), STAMP_SIGNATURE: decode(signer.sign(named))}
    return pack({**front, **members})


def stamped(members: Mapping[str, bytes]) -> bytes:
    """Return what a time stamp is over: page one and its signature, so that both are shown to have been there."""
    return members[SEAL] + members[SEAL_SIGNATURE]


def _names_token(token: bytes) -> str:
    """Return the text by which our key signs an authority's answer."""
    return f"{sha256_hex(token)}  {TOKEN}\n"


@dataclass(frozen=True)
class Opened:
    """A bundle whose every byte was checked against `key`: its page one and its content by name.

    Attributes:
        token: the time-stamp authority's answer, not checked here; empty when page one says `none`.
        stamped: what the answer is over.
    """

    seal: Seal
    content: Mapping[str, bytes]
    key: PublicKey
    token: bytes = b""
    stamped: bytes = b""


def open_bundle(data: bytes, key: PublicKey | None = None) -> Opened:
    """Return what a bundle holds; `key` must have signed it, without one the key in the bundle itself.

    Raises JournalInvalid (exit 30) for anything that is not exactly as it was signed.
    """
    members = unpack(data)
    missing = [name for name in (*FRONT, KEY) if name not in members and name not in _STAMPS]
    if missing:
        raise JournalInvalid("a member is missing", where=missing[0])
    content = {name: value for name, value in members.items() if name not in FRONT}
    own = PublicKey.from_pem(content[KEY], where=KEY) if _is_pem(content[KEY]) else None
    if own is None or (key is not None and key != own):
        raise JournalInvalid("the bundle is signed by another key than the one it is held against", where=KEY)
    for name, signature in ((MANIFEST, MANIFEST_SIGNATURE), (SEAL, SEAL_SIGNATURE)):
        if not _is_signed(members[name], members[signature], own):
            raise JournalInvalid("the signature is not the key's over this text", where=name)
    _hold_against_manifest(members[MANIFEST], content)
    seal = Seal.read(members[SEAL])
    if seal.manifest_sha256 != sha256_hex(members[MANIFEST]):
        raise JournalInvalid("page one belongs to another manifest", where=SEAL)
    return Opened(seal, content, own, _token_of(members, seal, own), stamped(members))


def _token_of(members: Mapping[str, bytes], seal: Seal, key: PublicKey) -> bytes:
    """Return the answer of the authority, that our key names it checked; raise JournalInvalid when page one lies."""
    here = [name for name in _STAMPS if name in members]
    if len(here) != (len(_STAMPS) if seal.is_stamped else 0):
        raise JournalInvalid("page one says another time-stamp class than what is here", where=SEAL)
    if not seal.is_stamped:
        return b""
    if not _is_signed(members[STAMP], members[STAMP_SIGNATURE], key):
        raise JournalInvalid("the signature is not the key's over this text", where=STAMP)
    if members[STAMP] != _names_token(members[TOKEN]).encode("ascii"):
        raise JournalInvalid("it does not have the hash that was signed", where=TOKEN)
    return members[TOKEN]


def manifest_of(members: Mapping[str, bytes]) -> str:
    """Return the manifest: SHA-256, two spaces, name; sorted by name, as `sha256sum` reads it."""
    return "".join(f"{sha256_hex(members[name])}  {name}\n" for name in sorted(members))


def _hold_against_manifest(manifest: bytes, content: Mapping[str, bytes]) -> None:
    listed = {}
    for line in manifest.decode("ascii", "replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise JournalInvalid("a line is not SHA-256, two spaces and a name", where=MANIFEST)
        listed[found[2]] = found[1]
    for name in sorted(listed.keys() | content.keys()):
        if name not in content:
            raise JournalInvalid("the manifest lists it, the bundle lacks it", where=name)
        if listed.get(name) != sha256_hex(content[name]):
            problem = "it does not have the hash in the manifest" if name in listed else "the manifest does not list it"
            raise JournalInvalid(problem, where=name)
    if manifest_of(content).encode("ascii") != manifest:
        raise JournalInvalid("it is not written as the format says", where=MANIFEST)


def _is_signed(text: bytes, signature: bytes, key: PublicKey) -> bool:
    try:
        return key.verifies(text.decode("ascii"), encode(signature))
    except UnicodeDecodeError:
        return False


def _is_pem(raw: bytes) -> bool:
    """Whether these bytes are an Ed25519 key in the one form that we write."""
    try:
        return PublicKey.from_pem(raw, where=KEY).pem.encode("ascii") == raw
    except (DcopsError, UnsupportedAlgorithm, TypeError, ValueError):
        return False


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return the one archive of these members: page one, manifest and signatures first, the others by name."""
    order = [name for name in FRONT if name in members] + sorted(members.keys() - set(FRONT))
    return b"".join(_header(name, len(members[name])) + _padded(members[name]) for name in order) + _END


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive; raise JournalInvalid unless `pack` writes exactly these bytes for them."""
    if len(data) > LIMIT:
        raise JournalInvalid(f"the file is larger than {LIMIT // 2**20} MiB, no bundle is", where="bundle")
    members: dict[str, bytes] = {}
    at = 0
    while data[at : at + _BLOCK].strip(b"\0"):
        name, size = _head(data[at : at + _BLOCK])
        if name in members:
            raise JournalInvalid("the name is taken twice", where=name)
        members[name] = data[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + size + -size % _BLOCK
    if pack(members) != data:
        raise JournalInvalid("the archive is damaged, or not written as the format says", where="bundle")
    return members


def _head(block: bytes) -> tuple[str, int]:
    """Return name and size as a header gives them, nothing else of it is believed: the archive is written again."""
    name = block[:100].rstrip(b"\0").decode("ascii", "replace")
    digits = block[124:135]
    if not _NAME.fullmatch(name) or not re.fullmatch(rb"[0-7]{11}", digits):
        raise JournalInvalid("a member's name or size is not of the format", where="bundle")
    return name, int(digits, 8)


def _header(name: str, size: int) -> bytes:
    """Return the ustar header (POSIX.1-1988) of a file of mode 0444, owner 0, time 0."""
    start = name.encode("ascii").ljust(100, b"\0") + b"0000444\0" + b"0000000\0" * 2
    start += f"{size:011o}\0".encode("ascii") + b"00000000000\0"
    rest = b"0" + bytes(100) + b"ustar\00000" + bytes(64) + b"0000000\0" * 2 + bytes(167)
    total = sum(start) + 8 * 0x20 + sum(rest)
    return start + f"{total:06o}\0 ".encode("ascii") + rest


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % _BLOCK)
