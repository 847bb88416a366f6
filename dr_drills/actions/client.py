"""A client inside a site, for the time of a drill: what it was told is the second witness of a partition."""

from pathlib import Path

from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Device

_PROGRAM = Path(__file__).parents[1] / "files/local_client.py"
FOLDER = "/run"
_CA = "/etc/dcops/ca.crt"
_LONGEST_SECONDS = 3600


def unit_of(context: DrillContext) -> str:
    """Give the name of the client's unit; no other run has it."""
    return f"dcops-client-{context.run_id.lower()}"


def _start(context: DrillContext, parameters: Device) -> Outcome:
    """Run the client as a unit of its own, which ends by itself when a drill's process dies for good."""
    unit, device, hosts = unit_of(context), parameters.device, context.hosts
    address, port, name = context.web.place(context.scope.service)
    hosts.status(device, ["systemctl", "stop", f"{unit}.service"])  # of an earlier process of this run
    hosts.run(device, ["install", "-m", "0644", "/dev/stdin", f"{FOLDER}/{unit}.py"], input=_PROGRAM.read_bytes())
    hosts.run(device, [
        "systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--property=RuntimeMaxSec={_LONGEST_SECONDS}",
        "/usr/bin/python3", f"{FOLDER}/{unit}.py", address, str(port), name, _CA,
        f"{FOLDER}/{unit}.jsonl",
    ])  # fmt: skip
    return Outcome(detail=f"a client at {device} sends letters to {name}")


def _stop(context: DrillContext, parameters: Device) -> Outcome:
    """End the client and remove what it left; harmless when it is not there."""
    unit, hosts = unit_of(context), context.hosts
    hosts.status(parameters.device, ["systemctl", "stop", f"{unit}.service"])
    hosts.run(parameters.device, ["rm", "-f", f"{FOLDER}/{unit}.py", f"{FOLDER}/{unit}.jsonl"])
    return Outcome(detail=f"the client at {parameters.device} is gone")


START = Action(
    "client.start",
    "Run a client inside a site",
    Device,
    BlastClass.CHANGE,
    _start,
    undone_by=("client.stop",),
)
STOP = Action("client.stop", "End the client inside a site", Device, BlastClass.CHANGE, _stop)
