"""The recovery site before a restore: empty, and serving nothing; and a database that answers again."""

from typing import Annotated

from pydantic import Field

from dcops.core.clock import monotonic
from dcops.core.errors import TransportError
from dcops.core.units import Seconds, format_size
from dcops.core.words import Frozen
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.actions.files import list_files
from dr_drills.parameters import Database, DeviceName, Folder, FolderPath, Unit


class Answering(Database):
    """How long to wait for it."""

    within: Seconds = 60.0


class Room(Frozen):
    """How much of the file system under a path must be free, 0.1 for a tenth."""

    device: DeviceName
    path: FolderPath
    at_least: Annotated[float, Field(gt=0, lt=1)]


def _absent(context: DrillContext, parameters: Database) -> Finding:
    present = context.databases.names(parameters.server)
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


def _free(context: DrillContext, parameters: Room) -> Finding:
    """Ask the device itself how full the file system is that holds the path."""
    argv = ["df", "--block-size=1", "--output=size,avail", "--", parameters.path]
    told = context.hosts.run(parameters.device, argv, timeout_seconds=20).splitlines()
    numbers = told[-1].split() if len(told) == 2 else []
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers) or numbers[0] == "0":
        return Finding(is_ok=None, reason="unread", detail=f"{parameters.device} does not say how full it is")
    size, free = (int(number) for number in numbers)
    ratio = free / size
    detail = f"{ratio:.1%} of {format_size(size)} is free at {parameters.device}:{parameters.path}"
    is_ok = ratio >= parameters.at_least
    return Finding(is_ok=is_ok, reason="" if is_ok else "disk_full", detail=detail, facts={"free_bytes": free})


DATABASE_ABSENT = Probe("database.absent", "The cluster answers and lacks the database", Database, _absent)
DATABASE_ANSWERS = Probe("database.answers", "The database server takes connections", Answering, _answers)
APPLICATION_STOPPED = Probe("application.stopped", "A unit does not run", Unit, _stopped)
FILES_ABSENT = Probe("files.absent", "A folder holds no file", Folder, _empty)
DISK_FREE = Probe("disk.free", "Room is left where something is restored", Room, _free)
