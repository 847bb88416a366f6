"""RFC 8785 text of a value: how records, heads, identities and plans are written before they are hashed or signed.

Pure. What JSON cannot carry exactly is refused rather than rounded: numbers outside the range of an IEEE double's
integers, NaN and the infinities, bytes, sets, and above all secrets.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

from dcops.core.errors import DcopsError

_SAFE = 2**53 - 1


def canonical_text(value: Any, *, where: str = "record") -> str:
    """Return the RFC 8785 text of `value`; raise DcopsError naming the place of what cannot be written."""
    try:
        return rfc8785.dumps(plain(value, where=where)).decode("utf-8")
    except rfc8785.CanonicalizationError as error:
        raise DcopsError(f"this value has no exact JSON form ({type(error).__name__})", where=where) from error
    except UnicodeEncodeError as error:
        raise DcopsError("a text holds half of a surrogate pair", where=where) from error


def plain(value: Any, *, where: str = "record") -> Any:
    """Return `value` as nested dict, list, str, int, float, bool and None.

    Raises:
        DcopsError: a secret, or a type JSON does not know; the message names the place and the type, never the value.
    """
    if hasattr(value, "reveal"):  # dcops.core.secrets.Secret; that module starts processes, so it is not imported here
        raise DcopsError("a secret may not be written", where=where, hint="Write the reference's name instead.")
    if value is None or isinstance(value, bool | str | int | float):
        return _bare(value)
    if isinstance(value, Mapping):
        return {_key(key, where): plain(item, where=f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item, where=f"{where}[{index}]") for index, item in enumerate(value)]
    raise DcopsError(f"a {type(value).__name__} has no JSON form", where=where)


def sha256_hex(text: str | bytes) -> str:
    """Return the SHA-256 of a text (as UTF-8) or of bytes, 64 lower-case hex digits."""
    return hashlib.sha256(text.encode("utf-8") if isinstance(text, str) else text).hexdigest()


def parse_canonical(text: str) -> Any:
    """Return the value of a canonical text; raise ValueError when the text is not exactly its own RFC 8785 form."""
    try:
        value = json.loads(text, parse_int=_number)
        again = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise ValueError("not canonical JSON") from error
    if again != text.encode("utf-8"):
        raise ValueError("not canonical JSON")
    return value


def _number(digits: str) -> int | float:
    """Read an integer literal: beyond 2**53 RFC 8785 writes doubles so, and only as doubles are they exact."""
    number = int(digits)
    return number if abs(number) <= _SAFE else float(digits)


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise DcopsError(f"a key is a {type(key).__name__}, JSON knows only strings", where=where)
    return str(key)


def _bare(value: Any) -> Any:
    """Strip an enum or another subclass down to the plain type below it."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind.__str__(value) if kind is str else kind(value)
    return value
