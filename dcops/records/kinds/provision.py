"""Records of Ansible runs. Pure."""

from typing import ClassVar

from pydantic import Field

from dcops.core.words import Frozen
from dcops.records.kinds.base import Payload


class HostCounts(Frozen):
    """Counted runner events of one host."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0


class ProvisionResult(Payload):
    """A playbook ran, or was checked only (`is_check`). Counts are of runner events, not of exit codes."""

    kind: ClassVar[str] = "provision.result"

    playbook: str
    playbook_sha256: str = ""
    limit: str = ""
    is_check: bool = False
    status: str
    duration_seconds: float
    hosts: dict[str, HostCounts] = Field(default_factory=dict)


KINDS: tuple[type[Payload], ...] = (ProvisionResult,)
