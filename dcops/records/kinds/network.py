"""Records of network work: configurations kept, configurations changed. Pure."""

from typing import ClassVar

from pydantic import Field

from dcops.core.words import Frozen
from dcops.records.kinds.base import Payload


class DeviceBackup(Frozen):
    """One device's share of a configuration backup: status ok, failed or unreachable."""

    status: str
    sha256: str = ""
    is_changed: bool = False
    error: str = ""


class NetworkBackup(Payload):
    """Running configurations were fetched and committed; `commit` is the git commit, empty when nothing changed."""

    kind: ClassVar[str] = "network.backup"

    commit: str = ""
    devices: dict[str, DeviceBackup]


class NetworkChange(Payload):
    """One device's configuration was changed, or put back (`is_rollback`). Hashes are of the running configuration."""

    kind: ClassVar[str] = "network.change"

    device: str
    plan_id: str = ""
    status: str
    commands: list[str] = Field(default_factory=list)
    before_sha256: str = ""
    after_sha256: str = ""
    is_rollback: bool = False
    error: str = ""


class ServiceMove(Payload):
    """A service address was moved from one site to another."""

    kind: ClassVar[str] = "network.service_move"

    service: str
    address: str
    from_site: str
    to_site: str
    status: str
    duration_seconds: float = 0.0


KINDS: tuple[type[Payload], ...] = (NetworkBackup, NetworkChange, ServiceMove)
