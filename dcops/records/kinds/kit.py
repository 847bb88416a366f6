"""Records of recovery kits: built, proved by their shares, opened. No secret and no share, only hashes. Pure."""

from typing import ClassVar, Literal

from pydantic import Field

from dcops.records.kinds.base import Payload


class KitBuilt(Payload):
    """A recovery kit was written.

    Attributes:
        kit: its id; archive: the file's name; sha256: of the whole file; manifest_sha256: as its sheets print it.
        share_sha256: of each share's text, in order of its index.
        secrets: names of the secrets in it; left_out: names of the credentials that are not.
    """

    kind: ClassVar[str] = "kit.built"

    kit: str
    archive: str
    sha256: str
    manifest_sha256: str
    size_bytes: int
    members: int
    commit: str
    built_at: str
    threshold: int
    shares: int
    share_sha256: list[str]
    secrets: list[str]
    left_out: list[str] = Field(default_factory=list)
    has_packages: bool


class KitVerified(Payload):
    """A recovery kit was held against today, or its shares were proved to open it.

    Attributes:
        shares_used: SHA-256 of each share that was brought; empty when none was asked for.
        failed, unknown: rules that did not hold, or about which nothing is known.
    """

    kind: ClassVar[str] = "kit.verified"

    kit: str
    sha256: str
    status: Literal["pass", "fail"]
    error: str = ""
    shares_used: list[str] = Field(default_factory=list)
    failed: list[str] = Field(default_factory=list)
    unknown: list[str] = Field(default_factory=list)


KINDS: tuple[type[Payload], ...] = (KitBuilt, KitVerified)
