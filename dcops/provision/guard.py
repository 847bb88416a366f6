"""Which hosts are not the enrolled ones, by the signed identity each holds.

Asked once for all hosts by playbooks/guards/identity.yml, through the filter beside it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from dcops.core.errors import DcopsError
from dcops.records.sign import PublicKey
from dcops.runs.identity import Identity, verify


def strangers(
    hosts: Sequence[str],
    found: Sequence[Mapping[str, Any]],
    environments: Sequence[str],
    inventories: Sequence[str],
    issuer: str,
) -> list[str]:
    """Give "host: why" for each host that is not the one enrolled under its name; empty when all are.

    Args:
        hosts: names in the inventory; the other sequences are in the same order.
        found: what reading identity and machine-id gave: `rc`, `stdout`; one that is `unreachable` is left out.
        environments, inventories: what the inventory says of each host.
        issuer: public key of who enrols, as PEM; empty when this host has none, and then every host is a stranger.
    """
    wanted = zip(hosts, found, environments, inventories, strict=True)
    problems = {
        host: _problem(result, {"environment": environment, "inventory": inventory, "node": host}, issuer)
        for host, result, environment, inventory in wanted
        if not result.get("unreachable")
    }
    return [f"{host}: {problem}" for host, problem in problems.items() if problem]


def _problem(result: Mapping[str, Any], wanted: Mapping[str, str], issuer: str) -> str:
    if result.get("rc") != 0:
        return "it has no identity"
    try:
        document, end = json.JSONDecoder().raw_decode(str(result.get("stdout", "")).lstrip())
        identity = Identity.model_validate(document)
    except (ValueError, ValidationError):
        return "its identity cannot be read"
    if any(str(getattr(identity, name)) != value for name, value in wanted.items()):
        return f"its identity says {' '.join(str(getattr(identity, name)) for name in wanted)}"
    if not issuer:
        return "the enrolling key is not on this host, so its identity cannot be checked"
    machine_id = str(result["stdout"]).lstrip()[end:].strip()
    try:
        verify(identity, PublicKey.from_pem(issuer.encode(), where="issuer"), machine_id)
    except DcopsError as error:
        return error.message
    return ""
