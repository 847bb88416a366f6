"""Joins SNMP to this installation: how agents are asked, and which addresses may be asked at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path

from dcops.core import yaml
from dcops.core.errors import UsageError
from dcops.core.secrets import SecretStore
from dcops.core.text import did_you_mean
from dcops.inventory.model import Inventory
from dcops.snmp.model import Auth, Endpoint, Version3
from dcops.snmp.ports import SnmpClient
from dcops.snmp.spec import AuthSpec, parse_auths

__all__ = ["Auths", "find_endpoint", "open_client"]


class Auths:
    """The auths of a file; secrets are read when one is used, so that a rotated one counts at once."""

    def __init__(self, path: Path, store: SecretStore) -> None:
        self._specs: Mapping[str, AuthSpec] = parse_auths(yaml.load(path), str(path))
        self._store = store

    def names(self) -> tuple[str, ...]:
        """The names of all auths."""
        return tuple(self._specs)

    def get(self, name: str) -> Auth:
        """The auth called `name` with its secrets; raise UsageError for an unknown one, DcopsError for no secret."""
        spec = self._specs.get(name)
        if spec is None:
            near = did_you_mean(name, self._specs)
            raise UsageError(f'auth "{name}" is unknown', hint=f'Did you mean "{near}"?' if near else None)
        if spec.community is not None:
            return Auth(name, community=self._store.get(spec.community))
        user = Version3(
            spec.username or "",
            spec.auth_protocol,
            self._store.get(spec.auth_password) if spec.auth_password else None,
            spec.priv_protocol,
            self._store.get(spec.priv_password) if spec.priv_password else None,
        )
        return Auth(name, user=user)


def find_endpoint(text: str, inventory: Inventory, also: Sequence[str] = ()) -> Endpoint:
    """The agent that `text` names: a device, one of its addresses, or one of `also` (`ADDRESS:PORT`).

    Anything else is refused with UsageError: an exporter that asks whatever it is told is a scanner in other hands.
    """
    if text in also:
        address, _, port = text.rpartition(":")
        return Endpoint(str(ipaddress.ip_address(address)), int(port))
    device = inventory.devices.get(text) or inventory.by_address.get(text)
    if device is None or not inventory.is_managed(device):
        near = did_you_mean(text, inventory.devices)
        hint = f'Did you mean "{near}"?' if near else "Only managed devices of the inventory are asked."
        raise UsageError(f'target "{text}" is not in the inventory', hint=hint)
    address = text if text in inventory.by_address else device.address or ""
    if not address:
        raise UsageError("the device has no address", where=text)
    return Endpoint(address, device=device.name)


def open_client() -> SnmpClient:
    """The SNMP client of this installation."""
    from dcops.snmp.gufo import GufoClient

    return GufoClient()
