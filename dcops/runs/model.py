"""A run as it lies on disk. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dcops.core.words import Environment


class RunStatus(StrEnum):
    """`killed` is never written: it is what a run is called whose process is gone and that left no result."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    KILLED = "killed"


class RunFile(BaseModel):
    """What `run.json` says. Times are RFC 3339 UTC; `boot` and `started_ticks` tell a reused pid from the same one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str
    verb: str
    environment: Environment
    inventory: str
    inventory_revision: str = ""
    actor: str
    host: str
    pid: int
    boot: str = ""
    started_ticks: int = 0
    started_at: str
    ended_at: str = ""
    status: RunStatus = RunStatus.RUNNING
    exit_code: int | None = None
    message: str = ""
    arguments: Mapping[str, Any] = Field(default_factory=dict)
    result: Mapping[str, Any] = Field(default_factory=dict)
