"""Records of runs: begun, ended, refused. Pure."""

from typing import ClassVar

from dcops.records.kinds.base import Payload


class RunStarted(Payload):
    """A verb began; the envelope's `run` names its folder."""

    kind: ClassVar[str] = "run.started"

    verb: str
    inventory: str
    host: str


class RunFinished(Payload):
    """A verb ended: status finished, failed or interrupted, and the exit code its caller saw."""

    kind: ClassVar[str] = "run.finished"

    verb: str
    status: str
    exit_code: int
    message: str = ""
    duration_seconds: float


class RunRefused(Payload):
    """A gate said no; nothing was touched."""

    kind: ClassVar[str] = "run.refused"

    verb: str
    reasons: list[str]


KINDS: tuple[type[Payload], ...] = (RunStarted, RunFinished, RunRefused)
