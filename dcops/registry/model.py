"""Frozen types of the registry: an application as others may see it, a link's status with its checks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from dcops.core.words import Frozen, Status, Text

__all__ = ["Check", "CheckKind", "LinkStatus", "PublicApplication", "PublicLink", "Session"]


class CheckKind(StrEnum):
    """What was looked at."""

    BGP = "bgp"
    HTTPS = "https"


class Check(Frozen):
    """One look at a link: a BGP session, an HTTPS question. One that was never made is `unknown`, not `pass`."""

    kind: CheckKind
    target: str
    state: Status
    latency_seconds: float | None = None
    observed_at: datetime | None = None
    detail: str = ""


class LinkStatus(Frozen):
    """The state of an upstream link. Past `stale_after` it is to be read as unknown, whatever it says."""

    state: Status
    since: datetime | None = None
    observed_at: datetime | None = None
    stale_after: datetime | None = None
    source: str = ""
    reason: str = ""
    checks: tuple[Check, ...] = ()


class Session(Frozen):
    """A BGP session as somebody read it; `is_established` None means nobody could tell."""

    router: str
    peer: str
    is_established: bool | None = None
    observed_at: datetime | None = None
    detail: str = ""


class PublicApplication(Frozen):
    """An application of the catalogue: exactly the fields that anybody may see. Hosts, addresses and notes are not."""

    id: str
    name: Text
    role: str
    owner_unit: str | None = None
    lifecycle: str | None = Field(default=None, description="`production` when hosted here, else not known (null).")
    hosting: str
    criticality: str | None = None
    data_class: str | None = None
    service_levels: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    is_public: bool | None = None
    rto_target: str | None = Field(default=None, description="ISO 8601 duration")
    rpo_target: str | None = Field(default=None, description="ISO 8601 duration")
    target_status: str | None = Field(default=None, description="proposed or adopted")


class PublicLink(Frozen):
    """A link upstream and its status."""

    id: str
    kind: str
    name: Text
    clauses: tuple[str, ...]
    hosting: str
    status: LinkStatus
