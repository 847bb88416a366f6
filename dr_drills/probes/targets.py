"""The recovery site before a restore: empty, and serving nothing; and a database that answers again."""

from dcops.core.clock import monotonic
from dcops.core.errors import TransportError
from dcops.core.units import Seconds
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.actions.files import list_files
from dr_drills.parameters import Database, Folder, Unit


class Answering(Database):
    """How long to wait for it."""

    within: Seconds = 60.0


def _absent(context: DrillContext, parameters: Database) -> Finding:
    present = context.databases.names(parameters.device)
    if parameters.database in present:
        detail = f'{parameters.device} already has a database "{parameters.database}"'
        return Finding(is_ok=False, reason="not_empty", detail=detail)
    return Finding(is_ok=True, detail=f"{parameters.device} answers and has no {parameters.database}")


def _answers(context: DrillContext, parameters: Answering) -> Finding:
    """Wait until the database's own server says that it takes connections."""
    deadline = monotonic() + parameters.within
    argv = ["pg_isready", "--quiet", "--dbname", parameters.database]
    while True:
        try:
            if context.hosts.status(parameters.device, argv) == 0:
                return Finding(is_ok=True, detail=f"{parameters.device} takes connections again")
        except TransportError:
            pass  # still booting
        if monotonic() > deadline:
            return Finding(is_ok=False, reason="no_answer", detail=f"{parameters.device} does not answer")
        context.token.wait(0.3)


def _stopped(context: DrillContext, parameters: Unit) -> Finding:
    if context.hosts.status(parameters.device, ["systemctl", "is-active", "--quiet", parameters.unit]) == 0:
        detail = f"{parameters.unit} runs at {parameters.device}: a restore goes where nothing is served"
        return Finding(is_ok=False, reason="serving", detail=detail)
    return Finding(is_ok=True, detail=f"{parameters.unit} is stopped at {parameters.device}")


def _empty(context: DrillContext, parameters: Folder) -> Finding:
    count = len(list_files(context, parameters.device, parameters.path))
    if count:
        detail = f"{parameters.device}:{parameters.path} holds {count} files"
        return Finding(is_ok=False, reason="not_empty", detail=detail)
    return Finding(is_ok=True, detail=f"{parameters.device}:{parameters.path} is empty")


DATABASE_ABSENT = Probe("database.absent", "The cluster answers and lacks the database", Database, _absent)
DATABASE_ANSWERS = Probe("database.answers", "The database server takes connections", Answering, _answers)
APPLICATION_STOPPED = Probe("application.stopped", "A unit does not run", Unit, _stopped)
FILES_ABSENT = Probe("files.absent", "A folder holds no file", Folder, _empty)
