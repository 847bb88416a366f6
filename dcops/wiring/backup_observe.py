"""Looks at the hosts of copies: which machine, which file system, which site by its signed identity, whose custody.

An operations server asks over SSH the hosts it may log in to. The retention host, which lets nobody in, looks at itself
and hands the record over with its journal.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from dcops.backup.model import BackupPolicy, RepositorySpec
from dcops.backup.place import DATA_PATHS, Observed, observing, parse_observed
from dcops.backup.ssh import SshTarget
from dcops.core.errors import DcopsError, ParseError, Refused
from dcops.core.process import run
from dcops.core.settings import Settings
from dcops.core.words import Status
from dcops.inventory import Inventory
from dcops.inventory.custody import who_can_destroy
from dcops.inventory.model import CustodyDomain, Device
from dcops.records.kinds.observations import Observation
from dcops.records.service import Journal
from dcops.runs.identity import Identity, load_issuer, verify

ASPECT = "place of copies"


def device_of(inventory: Inventory, url: str) -> tuple[Device | None, str]:
    """Give the device that holds a repository and what custody calls the repository: `repository:DEVICE/PATH`."""
    parts = urlsplit(url.removeprefix("rest:"))
    host = parts.hostname or ""
    device = next((each for each in inventory.devices.values() if host and host in (each.fqdn, each.name)), None)
    return device, f"repository:{device.name if device else host}/{parts.path.strip('/')}"


def repositories_of(policy: BackupPolicy) -> tuple[RepositorySpec, ...]:
    """Give the repository of a policy and those it is copied to."""
    return (policy.repository, *policy.copies)


def observe_hosts(
    settings: Settings, inventory: Inventory, policies: Mapping[str, BackupPolicy], journal: Journal, run_id: str
) -> list[str]:
    """Look at every host of production data and copies that may be asked from here, and record each; gives warnings."""
    kept = {policy.retention.host for policy in policies.values() if policy.retention}
    warnings = []
    for device in _devices(inventory, policies.values()):
        if device.name in kept:
            continue  # nobody logs in there; its own record comes with its journal
        try:
            said = SshTarget(device.name, str(device.address)).run(observing()).text
            _record(settings, inventory, journal, device, parse_observed(said), run_id, f"ssh {device.name}")
        except DcopsError as error:
            warnings.append(f"{device.name} was not observed: {error}")
    return warnings


def observe_self(
    settings: Settings, inventory: Inventory, journal: Journal, device: Device, path: str, run_id: str
) -> list[str]:
    """Look at this host, whose repository lies at `path`, and record it; gives a warning when that fails."""
    try:
        said = run(observing((path, *DATA_PATHS), str(settings.identity_path))).text
        _record(settings, inventory, journal, device, parse_observed(said), run_id, "the host itself")
    except DcopsError as error:
        return [f"{device.name} was not observed: {error}"]
    return []


def _devices(inventory: Inventory, policies: Iterable[BackupPolicy]) -> Sequence[Device]:
    found: dict[str, Device] = {}
    for policy in policies:
        holders = [inventory.devices[policy.database.device]]
        holders += [each for spec in repositories_of(policy) if (each := device_of(inventory, spec.url)[0])]
        found |= {device.name: device for device in holders}
    return list(found.values())


def _record(
    settings: Settings, inventory: Inventory, journal: Journal, device: Device, seen: Observed, run_id: str, source: str
) -> None:
    """Record what was seen. Raises Refused when the host's identity is not that of the device."""
    site = _attested_site(settings, inventory, device, seen)
    domains = {each.domain.value for each in who_can_destroy(inventory, f"device:{device.name}")}
    facts: dict[str, object] = {
        "machine_id": seen.machine_id,
        "path": seen.path,
        "filesystem": seen.filesystem,
        "filesystem_type": seen.filesystem_type,
        "site": site,
        "custody": sorted(domains - {CustodyDomain.LAB.value}),
    }
    payload = Observation.model_validate(
        {"subject": device.name, "aspect": ASPECT, "status": Status.PASS, "facts": facts, "source": source}
    )
    journal.append(payload.kind, payload.model_dump(mode="json"), run=run_id)


def _attested_site(settings: Settings, inventory: Inventory, device: Device, seen: Observed) -> str:
    try:
        identity = Identity.model_validate(json.loads(seen.identity))
    except ValueError as error:
        raise ParseError("it has no readable identity, so nothing attests its site", where=device.name) from error
    verify(identity, load_issuer(settings.identity_path), seen.machine_id)
    if (identity.node, identity.inventory) != (device.name, inventory.name):
        raise Refused(f"it is {identity.node} of {identity.inventory}", where=device.name, hint="Compare the address.")
    return identity.site
