"""An application's unit on a server: started, stopped, and led to another database."""

import configparser
import io

from dcops.core.errors import DcopsError, Refused
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.clusters import find_cluster
from dr_drills.parameters import DeviceName, FolderPath, SqlName, Unit, VariableName


def _start(context: DrillContext, parameters: Unit) -> Outcome:
    context.hosts.run(parameters.device, ["systemctl", "start", parameters.unit], timeout_seconds=60)
    return Outcome(detail=f"{parameters.unit} started at {parameters.device}")


def _stop(context: DrillContext, parameters: Unit) -> Outcome:
    context.hosts.run(parameters.device, ["systemctl", "stop", parameters.unit], timeout_seconds=60)
    return Outcome(detail=f"{parameters.unit} stopped at {parameters.device}")


class Pointed(Unit):
    """Which settings lead the application to its database, and to which cluster they shall.

    Attributes:
        settings: an INI file whose section `database` says host and port; `variable` is what the unit finds it by.
    """

    settings: FolderPath
    variable: VariableName
    database_device: DeviceName
    cluster: SqlName

    @property
    def changed(self) -> str:
        """The settings of the run, beside the ones of the installation, which stay as they are."""
        return f"{self.settings}.dcops-run"

    @property
    def drop_in(self) -> str:
        """What has the unit read them; it outlives a restart of the server, as a promotion does."""
        return f"/etc/systemd/system/{self.unit}.d/dcops-run.conf"


def _mark(context: DrillContext) -> str:
    return f"# made by dcops drill run {context.run_id}"


def _point_at(context: DrillContext, parameters: Pointed) -> Outcome:
    """Have the unit's next start use the cluster; refuse where another run has led it elsewhere."""
    hosts, device = context.hosts, parameters.device
    _require_own(context, parameters)
    cluster = find_cluster(context, parameters.database_device, parameters.cluster)
    text = _with_port(hosts.run(device, ["cat", parameters.settings]), cluster.port, parameters.settings)
    _write(context, device, parameters.changed, f"{_mark(context)}\n{text}")
    for each in ("chown", "chmod"):
        hosts.run(device, [each, f"--reference={parameters.settings}", parameters.changed])
    drop_in = f"{_mark(context)}\n[Service]\nEnvironment={parameters.variable}={parameters.changed}\n"
    _write(context, device, parameters.drop_in, drop_in)
    hosts.run(device, ["systemctl", "daemon-reload"])
    return Outcome(detail=f"{parameters.unit} at {device} uses {cluster.where}, port {cluster.port}")


def _with_port(text: str, port: int, where: str) -> str:
    """Give settings that differ in the database's port alone."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    if not parser.has_section("database"):
        raise DcopsError("the settings name no database", where=where)
    parser["database"]["port"] = str(port)
    written = io.StringIO()
    parser.write(written)
    return written.getvalue()


def _write(context: DrillContext, device: str, path: str, text: str) -> None:
    context.hosts.run(device, ["mkdir", "-p", path.rpartition("/")[0]])
    context.hosts.run(device, ["tee", path], input=text.encode())


def _require_own(context: DrillContext, parameters: Pointed) -> None:
    for path in (parameters.changed, parameters.drop_in):
        if context.hosts.status(parameters.device, ["test", "-e", path]) != 0:
            continue
        if context.hosts.status(parameters.device, ["grep", "-qxF", _mark(context), path]) != 0:
            raise Refused(f"{path} is another run's", where=parameters.device, hint="It is left as it is.")


def _point_back(context: DrillContext, parameters: Pointed) -> Outcome:
    """Have the unit's next start use the installation's own settings; harmless when it does."""
    _require_own(context, parameters)
    context.hosts.run(parameters.device, ["rm", "-f", "--", parameters.changed, parameters.drop_in])
    # The folder goes, too, unless somebody else's drop-in lies there: rmdir takes an empty one only.
    context.hosts.status(parameters.device, ["rmdir", "--", parameters.drop_in.rpartition("/")[0]])
    context.hosts.run(parameters.device, ["systemctl", "daemon-reload"])
    return Outcome(detail=f"{parameters.unit} at {parameters.device} uses its own settings")


START = Action(
    "application.start", "Start an application's unit", Unit, BlastClass.CHANGE, _start, undone_by=("application.stop",)
)
STOP = Action("application.stop", "Stop an application's unit", Unit, BlastClass.CHANGE, _stop)
POINT_AT = Action(
    "application.point_at", "Lead an application to another database cluster, from its next start", Pointed,
    BlastClass.CHANGE, _point_at, undone_by=("application.point_back",),
)  # fmt: skip
POINT_BACK = Action(
    "application.point_back", "Lead it to its own database again", Pointed, BlastClass.CHANGE, _point_back
)
