"""A share as text: 32 groups of four characters that a person can read out and type. Pure.

Four rows of eight groups. The first seven groups of a row are data, the eighth is the row's check, so a typing error is
found in its row. The alphabet is Crockford's base32 (no I, L, O, U); small letters, O for 0 and I or L for 1 are
understood. The data are 70 bytes: version, threshold, shares, index, kit (16, a ULID's number), signer (14), value
(32), and the first four bytes of the SHA-256 of all that.
"""

import hashlib
import re

from dcops.core.errors import DcopsError
from dcops.kit.model import Share

BEGIN, END = "-----BEGIN SHARE-----", "-----END SHARE-----"
ROWS, GROUPS, GROUP = 4, 8, 4
VALUE_BYTES, SIGNER_BYTES = 32, 14
_ROW = GROUPS * GROUP
_DATA = _ROW - GROUP
_VERSION = 1
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_UNDERSTOOD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BYTES = ROWS * _DATA * 5 // 8
_BLOCK = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)


class BadShare(DcopsError):
    """A text is no share, or one that was damaged."""


def share_text(share: Share) -> str:
    """Return the four rows of a share, without an end of line."""
    head = bytes((_VERSION, share.threshold, share.shares, share.index))
    raw = head + _number(share.kit).to_bytes(16, "big") + share.signer + share.value
    raw += hashlib.sha256(raw).digest()[:4]
    digits = _base32(int.from_bytes(raw, "big"), ROWS * _DATA)
    rows = [digits[at : at + _DATA] for at in range(0, len(digits), _DATA)]
    return "\n".join(_grouped(row + _check(number, row)) for number, row in enumerate(rows, 1))


def share_sha256(text: str) -> str:
    """Return what records and the kit say of a share: the hash of its four rows as `share_text` writes them."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def check_row(number: int, text: str, *, where: str = "share") -> str:
    """Return a row (1 to 4) as 32 characters; raise BadShare naming it when it is mistyped."""
    row = _plain(text, where)
    if len(row) != _ROW:
        raise BadShare(f"row {number} has {len(row)} characters, not {_ROW}", where=where)
    if _check(number, row[:_DATA]) != row[_DATA:]:
        raise BadShare(f"row {number} is mistyped or damaged", where=where, hint="Compare it with the sheet.")
    return row


def read_share(text: str, *, where: str = "share") -> Share:
    """Return the share in a text: a whole sheet, or its rows alone. Raise BadShare, which quotes nothing of it."""
    blocks = _BLOCK.findall(text)
    if len(blocks) > 1:
        raise BadShare("more than one share is in it", where=where, hint="One file, one share.")
    body = _plain(blocks[0] if blocks else text, where)
    if len(body) != ROWS * _ROW:
        hint = f"A share is {ROWS} rows of {GROUPS} groups of {GROUP} characters."
        raise BadShare(f"{len(body)} characters are no share", where=where, hint=hint)
    rows = [check_row(at + 1, body[at * _ROW : (at + 1) * _ROW], where=where) for at in range(ROWS)]
    number = 0
    for digit in "".join(row[:_DATA] for row in rows):
        number = number << 5 | _ALPHABET.index(digit)
    return _share(number.to_bytes(_BYTES, "big"), where)


def read_shares(text: str, *, where: str) -> list[Share]:
    """Return the shares of a text that may hold several sheets, as standard input does."""
    blocks = _BLOCK.findall(text)
    if len(blocks) < 2:
        return [read_share(text, where=where)]
    return [read_share(block, where=f"{where}, share {at}") for at, block in enumerate(blocks, 1)]


def _share(raw: bytes, where: str) -> Share:
    if hashlib.sha256(raw[:-4]).digest()[:4] != raw[-4:]:
        raise BadShare("the share is damaged", where=where, hint="Its rows are right but do not belong together.")
    version, threshold, shares, index = raw[:4]
    if version != _VERSION:
        raise BadShare(f"version {version} of shares is not known here", where=where, hint="Use a newer dcops.")
    kit = _base32(int.from_bytes(raw[4:20], "big"), 26)
    return Share(kit, threshold, shares, index, raw[20 : 20 + SIGNER_BYTES], raw[20 + SIGNER_BYTES : -4])


def _plain(text: str, where: str) -> str:
    """Return the characters alone, in the alphabet."""
    found = re.sub(r"[\s\-]+", "", text).upper().translate(_UNDERSTOOD)
    strange = sum(digit not in _ALPHABET for digit in found)
    if strange:
        raise BadShare(f"{strange} characters are none of a share", where=where, hint="Letters and digits, but no U.")
    return found


def _check(number: int, row: str) -> str:
    """Return the four characters that end a row: 20 bits of a hash, so rows cannot be exchanged either."""
    digest = hashlib.sha256(f"{number}:{row}".encode("ascii")).digest()
    return _base32(int.from_bytes(digest[:3], "big") >> 4, GROUP)


def _grouped(row: str) -> str:
    return " ".join(row[at : at + GROUP] for at in range(0, len(row), GROUP))


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * at & 31] for at in range(length - 1, -1, -1))


def _number(ulid: str) -> int:
    number = 0
    for digit in ulid:
        number = number << 5 | _ALPHABET.index(digit)
    return number
