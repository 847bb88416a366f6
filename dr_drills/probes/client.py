"""What a client inside a cut-off site was told, held against what the other site did meanwhile."""

import json
from datetime import datetime

from dcops.core.errors import CommandError
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.actions.client import FOLDER, unit_of
from dr_drills.parameters import Device


def _one_history(context: DrillContext, parameters: Device) -> Finding:
    """Hold what the client inside the cut-off site was told against the moment from which the other could write."""
    granted = context.facts.find("permit_granted_at")
    if granted is None:
        return Finding(is_ok=None, reason="no_grant", detail="the permit was never granted to the other site")
    since = datetime.fromisoformat(str(granted))
    try:
        told = context.hosts.run(parameters.device, ["cat", f"{FOLDER}/{unit_of(context)}.jsonl"])
    except CommandError as error:
        return Finding(is_ok=None, reason="no_ledger", detail=error.message)
    lines = [json.loads(line) for line in told.splitlines()]
    inside = [each for each in lines if each["acknowledged"] and each["site"] == context.scope.from_site]
    late = [each for each in inside if datetime.fromisoformat(each["at"]) >= since]
    refused = sum(not each["acknowledged"] for each in lines)
    facts = {"client_acknowledged": len(inside), "client_refused": refused, "second_history": len(late)}
    if not inside or not refused:
        detail = f"{len(inside)} letters acknowledged, {refused} refused: the client did not live through a partition"
        return Finding(is_ok=None, reason="not_seen", detail=detail, facts=facts)
    detail = (
        f"{len(late)} letters acknowledged at {context.scope.from_site} after {context.scope.to_site} could write; "
        f"{len(inside)} before, {refused} refused"
    )
    return Finding(is_ok=not late, reason="second_history" if late else "", detail=detail, facts=facts)


ONE_HISTORY = Probe("client.one_history", "Nothing was acknowledged in two histories", Device, _one_history)
