"""Starting and stopping an application's unit on a server."""

from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Unit


def _start(context: DrillContext, parameters: Unit) -> Outcome:
    context.hosts.run(parameters.device, ["systemctl", "start", parameters.unit], timeout_seconds=60)
    return Outcome(detail=f"{parameters.unit} started at {parameters.device}")


def _stop(context: DrillContext, parameters: Unit) -> Outcome:
    context.hosts.run(parameters.device, ["systemctl", "stop", parameters.unit], timeout_seconds=60)
    return Outcome(detail=f"{parameters.unit} stopped at {parameters.device}")


START = Action(
    "application.start", "Start an application's unit", Unit, BlastClass.CHANGE, _start, undone_by=("application.stop",)
)
STOP = Action("application.stop", "Stop an application's unit", Unit, BlastClass.CHANGE, _stop)
