"""A refusal before a run begins leaves a record too, on a host that may write one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dcops.core.errors import DcopsError, Refused
from dcops.runs.identity import require_identity
from dcops.runs.run import RecordSink


@contextmanager
def refusals_recorded(verb: str, journal: RecordSink, identity: Path) -> Iterator[None]:
    """Append `run.refused` for a refusal raised inside, which goes on.

    Nothing is written on a host that is not enrolled or whose identity is not genuine: then the identity itself is what
    was refused, and nothing this host writes could be believed.
    """
    try:
        yield
    except Refused as refusal:
        if _is_enrolled(identity):
            with suppress(DcopsError):  # the refusal is what must be told, whatever becomes of its record
                journal.append("run.refused", {"verb": verb, "reasons": [str(refusal)]})
        raise


def _is_enrolled(identity: Path) -> bool:
    try:
        require_identity(identity)
    except Refused:
        return False
    return True
