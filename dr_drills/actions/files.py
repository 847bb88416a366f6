"""An application's files restored into an empty folder, and removed again; a marker beside it names the run."""

from dcops.core.errors import Refused
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dcops.drills.scratch import scratch_folder
from dr_drills.parameters import Folder


def marker_of(path: str) -> str:
    """Give the name of the marker file that stands beside a restored folder."""
    return f"{path}.dcops-run"


def list_files(context: DrillContext, device: str, path: str) -> list[str]:
    """Give the files below a folder, relative to it; none when the folder is not there."""
    if context.hosts.status(device, ["test", "-d", path]) != 0:
        return []
    return context.hosts.run(device, ["find", path, "-type", "f", "-printf", "%P\\n"]).splitlines()


def _restore(context: DrillContext, parameters: Folder) -> Outcome:
    """Stream the files of the recovery point into an empty folder; the run's own scratch folder is made first."""
    hosts, device, path = context.hosts, parameters.device, parameters.path
    point = context.recovery_point()
    marker = marker_of(path)
    is_own = hosts.status(device, ["grep", "-qx", context.run_id, marker]) == 0
    if not is_own and list_files(context, device, path):
        raise Refused(f"{path} is not empty", where=device, hint="A restore never overwrites. Nothing was touched.")
    hosts.run(device, ["tee", marker], input=f"{context.run_id}\n".encode())
    if path == scratch_folder(context.own_name):
        hosts.run(device, ["install", "-d", "-m", "0700", path])
    seconds = context.recovery.restore_files(point, device, path, parameters.owner, context.say)
    size = sum(file.size_bytes for file in point.files)
    return Outcome(
        detail=f"{len(point.files)} files, {size} bytes into {device}:{path}",
        facts={"files_seconds": round(seconds, 3), "files_bytes": size},
    )


def _remove_own(context: DrillContext, parameters: Folder) -> Outcome:
    """Empty the folder when the marker says that this run filled it; harmless when there is no marker."""
    hosts, device, path = context.hosts, parameters.device, parameters.path
    marker = marker_of(path)
    if hosts.status(device, ["test", "-e", marker]) != 0:
        return Outcome(detail=f"{device}:{path} was not filled by this run")
    if hosts.status(device, ["grep", "-qx", context.run_id, marker]) != 0:
        raise Refused(f"{path} was filled by another run", where=device, hint="It is left as it is.")
    count = len(list_files(context, device, path))
    if path == scratch_folder(context.own_name):
        hosts.run(device, ["rm", "-rf", "--one-file-system", "--", path])
    else:
        hosts.run(device, ["find", path, "-mindepth", "1", "-delete"])
    hosts.run(device, ["rm", "-f", marker])
    return Outcome(detail=f"{count} files removed from {device}:{path}")


RESTORE = Action(
    "files.restore", "Stream the newest file copy into an empty folder", Folder, BlastClass.CHANGE, _restore,
    undone_by=("files.remove_own",), timeout_seconds=3600, brings_back="backup",
)  # fmt: skip
REMOVE_OWN = Action(
    "files.remove_own", "Remove the files that this run restored", Folder, BlastClass.CHANGE, _remove_own
)
