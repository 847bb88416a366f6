"""Who says when a piece of evidence was there: time-stamp authorities, RFC 3161."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from dcops.core.words import Frozen, StampClass
from dcops.inventory.model.base import Name

# Without a user and password before the host: a URL is no place for a secret.
_URL = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:/[^\s@]*)?", re.IGNORECASE)


class AuthorityClass(StrEnum):
    """Who holds an authority's key: nobody of the ministry, or the ministry itself."""

    INDEPENDENT = StampClass.INDEPENDENT.value
    SELF = StampClass.SELF.value


def _url(text: str) -> str:
    """Refuse what is no URL of HTTP, or carries a password."""
    if not _URL.fullmatch(text):
        raise ValueError("is no URL such as https://tsa.example/stamp, without user and password")
    return text


def _certificates(text: str) -> str:
    """Refuse what has not the form of PEM certificates; whether they are sound is seen when they are used."""
    if not text.strip().startswith("-----BEGIN CERTIFICATE-----") or "PRIVATE KEY" in text:
        raise ValueError("is no PEM certificate, -----BEGIN CERTIFICATE-----")
    return text


class TimeStampAuthority(Frozen):
    """An authority that is asked to seal evidence.

    Attributes:
        certificate: its root as PEM, with the certificates between where its tokens do not carry them. It lies here,
            under the inventory's revision, because a token is only worth what its root came by.
        stamp_class: `independent` when nobody of the ministry holds its key, `self` else; written `class`.
    """

    name: Name
    url: Annotated[str, AfterValidator(_url)]
    certificate: Annotated[str, AfterValidator(_certificates)]
    stamp_class: AuthorityClass = Field(alias="class")
