"""What every act shares: run, plan envelope, steps, gates, locks, events, cancel, executor, notify, identity.

Nothing here knows servers, networks, backups or drills; those say what their steps and gates are.
Only pure rooms are re-exported.
"""

from dcops.runs.gates import Decision, Gate, allowed, check_gates, refused
from dcops.runs.plan import Plan, PlannedStep, make_plan, require_fresh
from dcops.runs.steps import Step, StepResult, StepStatus

__all__ = [
    "Decision",
    "Gate",
    "Plan",
    "PlannedStep",
    "Step",
    "StepResult",
    "StepStatus",
    "allowed",
    "check_gates",
    "make_plan",
    "refused",
    "require_fresh",
]
