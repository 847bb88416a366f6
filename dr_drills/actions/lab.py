"""Faults of the twin: power taken from a node and given back, asked of the supervisor by name."""

from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Action
from dcops.drills.model import Outcome
from dr_drills.parameters import Node


def _stop(context: DrillContext, parameters: Node) -> Outcome:
    return Outcome(detail=context.faults.stop(parameters.node))


def _start(context: DrillContext, parameters: Node) -> Outcome:
    return Outcome(detail=context.faults.start(parameters.node))


STOP_NODE = Action(
    "lab.stop_node",
    "Take a node's power away, with no warning to it",
    Node,
    BlastClass.DISRUPT,
    _stop,
    undone_by=("lab.start_node",),
    is_fault=True,
)
START_NODE = Action("lab.start_node", "Give a node its power back", Node, BlastClass.CHANGE, _start, is_fault=True)
