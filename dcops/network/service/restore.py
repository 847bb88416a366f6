"""Restoring a device's routing from the configuration that is kept of it."""

from __future__ import annotations

from dcops.core.errors import DcopsError, Refused, UsageError
from dcops.network.intent import Network
from dcops.network.model import ChangeResult, DevicePlan
from dcops.network.parse import make_capture
from dcops.network.plan import plan_device, without_services
from dcops.network.platforms.rules import platform
from dcops.network.ports import History, OpenReader, OpenWriter, Recorder
from dcops.network.service.apply import apply_plans
from dcops.network.service.observe import observe, service_states

__all__ = ["comparable_lines", "plan_restore", "restore_configuration"]

_SECRET = "<secret:"  # noqa: S105 - what stands where a secret stood


def plan_restore(
    network: Network, device: str, *, reader: OpenReader, history: History, revision: str | None = None
) -> DevicePlan:
    """Give the change that brings the routing of `device` to the kept configuration, by default the newest.

    A service address is restored only where the site of the device announces it now: a kept configuration tells where
    a service was, and a service moves. Raise UsageError when nothing is kept, Refused when a secret that is not kept
    would be needed, and what reading the device raises.
    """
    target = network.target(device)
    kept = history.read(target.site, device, revision)
    if kept is None:
        raise UsageError("no configuration is kept", where=device, hint="Back it up first: dcops net backup")
    seen = observe(network.targets, reader)
    if device in seen.errors:
        raise seen.errors[device]
    states = service_states(network, seen)
    elsewhere = [each.prefix for each in states if target.site not in each.sites]
    rules = platform(target.platform)
    wanted = without_services(kept, elsewhere)
    plan = plan_device(rules, device, target.site, seen.running[device], wanted, network.service_networks)
    if any(_SECRET in line for line in plan.commands):
        raise Refused("the kept configuration lacks its secrets", where=device, hint="Set those lines by hand.")
    return plan


def restore_configuration(
    network: Network,
    device: str,
    *,
    reader: OpenReader,
    writer: OpenWriter,
    history: History,
    record: Recorder,
    revision: str | None = None,
) -> ChangeResult:
    """Bring the routing of `device` to the kept configuration; a second call changes nothing.

    Raise what `plan_restore` raises, and DcopsError when the device did not take it.
    """
    plan = plan_restore(network, device, reader=reader, history=history, revision=revision)
    (result,) = apply_plans([plan], network, writer=writer, record=record)
    if result.status not in ("changed", "unchanged"):
        raise DcopsError(f"not restored ({result.status}): {result.reason}", where=device)
    return result


def comparable_lines(network: Network, device: str, text: str, key: bytes) -> tuple[str, ...]:
    """Give a configuration's lines as they are compared: normal form, redacted, less every service address.

    `key` is that of the hashes which stand for secrets; a text that is kept already comes out as it is.
    """
    rules = platform(network.target(device).platform)
    capture = make_capture(rules, device, text, None, key)
    return _told(without_services(capture.text, [service.prefix for service in network.services]))


def _told(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line.strip() not in ("", "!"))
