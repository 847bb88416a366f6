"""Pages by cursor, and entity tags. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Protocol, TypeVar

from dcops.api.problems import FieldError, ProblemError

__all__ = ["etag_of", "is_known", "page"]


class HasId(Protocol):
    """An item of a list."""

    @property
    def id(self) -> str:
        """Its key, unique in the list."""


T = TypeVar("T", bound=HasId)


def page(items: Sequence[T], cursor: str | None, limit: int) -> tuple[Sequence[T], str | None]:
    """The `limit` items after `cursor`, and the cursor of the next page (None at the end).

    Raise a problem for a cursor that this list never gave.
    """
    start = 0
    if cursor is not None:
        key = _decode(cursor)
        positions = [index for index, item in enumerate(items) if item.id == key]
        if not positions:
            raise _wrong_cursor()
        start = positions[0] + 1
    chosen = items[start : start + limit]
    has_more = start + limit < len(items)
    return chosen, _encode(chosen[-1].id) if has_more and chosen else None


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _wrong_cursor() from None


def _wrong_cursor() -> ProblemError:
    errors = [FieldError(where="query.cursor", message="no cursor of this list; begin again without one")]
    return ProblemError(400, "invalid-request", "1 parameter(s) are wrong", errors)


def etag_of(body: bytes) -> str:
    """A strong entity tag of an answer's bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(etag: str, if_none_match: str | None) -> bool:
    """True when the asker already has this answer (RFC 9110, 13.1.2; weak comparison)."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag in known
