"""Frozen types of what a drill sees of the network beside routes and names. Pure."""

from dcops.core.words import Frozen, Status


class LinkState(Frozen):
    """How an upstream link is: pass, warn, fail or unknown, and why; `sessions` seen in any state."""

    state: Status
    reason: str
    sessions: int
