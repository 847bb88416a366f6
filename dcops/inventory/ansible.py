"""The inventory as Ansible wants it: groups, and host variables prefixed `dcops_`. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from dcops.core.words import Environment
from dcops.inventory.lab_ranges import is_lab_address
from dcops.inventory.model import Device, Inventory, Prefix, PrefixKind
from dcops.inventory.pattern import Universe

Group = tuple[str, str, tuple[str | int, ...]]
INTERPRETER = "/usr/bin/python3"


@dataclass(frozen=True)
class Access:
    """How Ansible reaches hosts from here.

    Attributes:
        is_by_management: True on the twin's host, which uses management addresses; False elsewhere (in-band).
        variables: connection variables of all hosts.
    """

    is_by_management: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def address(self, device: Device) -> str | None:
        """Give the address Ansible connects to."""
        return device.management_address if self.is_by_management else device.address


def access_in_band(known_hosts: Path | None = None) -> Access:
    """Give access by in-band address with the system's known_hosts, or with only `known_hosts` if given."""
    options = ["StrictHostKeyChecking=yes"]
    if known_hosts:
        options += [f"UserKnownHostsFile={known_hosts}", "GlobalKnownHostsFile=/dev/null"]
    return Access(variables={"ansible_ssh_common_args": _options(options)})


def access_to_twin(twin: str, folder: Path, relay: Path) -> Access:
    """Give access from the twin's host: by a relay inside the management namespace, so nothing can leave the machine.

    Args:
        twin: its name; the namespace is `<twin>-mg`.
        folder: its state folder, with `known_hosts` and `secrets/operator-1`.
        relay: a program that joins stdin and stdout to a host and port.
    """
    # Two twins have the same addresses, and Ansible names its shared connections by address alone.
    control_path_dir = f"~/.ansible/cp-{twin}"
    proxy = f"ip netns exec {twin}-mg {INTERPRETER} -IS {_word(relay)} %h %p"
    options = [
        f"ProxyCommand={proxy}",
        f"UserKnownHostsFile={_word(folder / 'known_hosts')}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
    ]
    variables = {
        "ansible_ssh_common_args": _options(options),
        "ansible_ssh_private_key_file": str(folder / "secrets" / "operator-1"),
        "ansible_control_path_dir": control_path_dir,
        "dcops_twin": twin,
    }
    return Access(is_by_management=True, variables=variables)


def _word(path: Path) -> str:
    """Write a path inside an ssh option: ssh itself takes double quotes off."""
    return f'"{path}"' if " " in str(path) else str(path)


def _options(options: Iterable[str]) -> str:
    """Write ssh options as Ansible splits them: like a shell."""
    return " ".join(f"-o {quote(option)}" for option in options)


def group_names(device: Device) -> Iterator[Group]:
    """Give (group, what it means, the keys that say so) for each group of a device that its own fields make."""
    yield str(device.kind), "kind or role", ("kind",)
    for index, role in enumerate(device.roles):
        yield str(role), "kind or role", ("roles", index)
    if device.platform:
        yield device.platform, "platform", ("platform",)
    for index, word in enumerate(device.groups):
        yield word, "group", ("groups", index)


def environment_group(inventory: Inventory) -> str:
    """Give the group of all hosts that names the environment; a hyphen is no part of an Ansible group's name."""
    return str(inventory.environment).replace("-", "_")


def groups_of(inventory: Inventory, devices: Iterable[Device]) -> dict[str, list[str]]:
    """Give group -> names of its members among `devices`, in their order.

    Groups: environment, sites, kinds, roles, platforms, extra groups, applications.
    """
    members: dict[str, list[str]] = defaultdict(list)
    environment = environment_group(inventory)
    applications = _applications_by_device(inventory)
    for device in devices:
        words = [environment, device.site, *(word for word, _, _ in group_names(device))]
        for word in dict.fromkeys((*words, *applications.get(device.name, ()))):
            members[word].append(device.name)
    return dict(members)


def _applications_by_device(inventory: Inventory) -> dict[str, list[str]]:
    """Give device -> keys of the applications on it."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, application in inventory.applications.items():
        for name in dict.fromkeys(application.devices()):
            found[name].append(key)
    return found


def chosen_devices(inventory: Inventory, *, everything: bool = False) -> list[Device]:
    """Give the devices Ansible sees, in file order: the managed nodes; with `everything`, all nodes.

    Outside a twin a device that still has a placeholder for an address is left out: packets to it would leave here.
    """
    is_twin = inventory.environment is Environment.TWIN
    return [
        device
        for device in inventory.nodes
        if (everything or inventory.is_managed(device))
        and (is_twin or not (device.address and is_lab_address(device.address)))
    ]


def universe(inventory: Inventory, *, everything: bool = False) -> Universe:
    """Give what patterns choose from: the managed hosts and their groups; with `everything`, all nodes."""
    devices = chosen_devices(inventory, everything=everything)
    hosts = tuple(device.name for device in devices)
    return Universe(hosts, {"all": hosts, "ungrouped": (), **groups_of(inventory, devices)})


def listing(inventory: Inventory, access: Access, *, everything: bool = False) -> dict[str, Any]:
    """Give what `--list` prints: groups, variables of all hosts, and `_meta` with the variables of each.

    Args:
        access: how hosts are reached from here.
        everything: take in devices of sites that are not managed (the stand-in `pdn`), too.
    """
    devices = chosen_devices(inventory, everything=everything)
    shared = _Shared(inventory, access)
    found: dict[str, Any] = {"all": {"vars": _variables_of_all(inventory, access)}}
    for name, members in groups_of(inventory, devices).items():
        found[name] = {"hosts": members}
    found["_meta"] = {"hostvars": {device.name: shared.variables(device) for device in devices}}
    return found


def _variables_of_all(inventory: Inventory, access: Access) -> dict[str, Any]:
    """Give the variables every host has."""
    return {
        "ansible_python_interpreter": INTERPRETER,
        "ansible_user": "root",
        **access.variables,
        "dcops_inventory": inventory.name,
        "dcops_environment": str(inventory.environment),
        "dcops_revision": inventory.short_revision,
        "dcops_sites": {name: _site(inventory, name) for name in inventory.sites},
        "dcops_services": {
            name: {
                "address": service.ip,
                "fqdn": service.fqdn,
                "port": service.port,
                "application": service.application,
                "active_site": service.active_site,
                "next_hops": dict(service.next_hops),
            }
            for name, service in inventory.services.items()
        },
        "dcops_names": dict(_names(inventory)),
        "dcops_names_movable": dict(_movable(inventory)),
        "dcops_name_ttls": {name: round(ttl) for name, ttl in _ttls(inventory)},
    }


def _site(inventory: Inventory, name: str) -> dict[str, Any]:
    """Give what playbooks need of a site."""
    site, lan = inventory.sites[name], inventory.lan_of(name)
    found: dict[str, Any] = {"domain": site.domain, "purpose": str(site.purpose), "asn": site.asn}
    if lan:
        found |= {"network": lan.network, "gateway": lan.gateway}
        found |= {"dns": _addresses(inventory, lan.dns), "ntp": _addresses(inventory, lan.ntp)}
    return found


def _addresses(inventory: Inventory, names: Iterable[str]) -> list[str | None]:
    """Give the in-band addresses of devices."""
    return [inventory.devices[name].address for name in names]


def _names(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Give (DNS name, address) of services, extra names and devices of unmanaged sites; hosts have `dcops_fqdn`."""
    for service in inventory.services.values():
        yield service.fqdn, service.ip
    for entry in inventory.names.values():
        service_ip = inventory.services[entry.service].ip if entry.service else None
        device_address = inventory.devices[entry.device].address if entry.device else None
        address = entry.address or service_ip or device_address
        if address:
            yield entry.name, address
    for device in inventory.nodes:
        if not inventory.sites[device.site].is_managed and device.address:
            yield device.fqdn, device.address


def _movable(inventory: Inventory) -> Iterator[tuple[str, str | None]]:
    """Give (DNS name, address at its active site) of the names that point at one site of several."""
    for entry in inventory.names.values():
        if entry.devices and entry.active_site:
            yield entry.name, inventory.devices[entry.devices[entry.active_site]].address


def _ttls(inventory: Inventory) -> Iterator[tuple[str, float]]:
    """Give (DNS name, seconds) where the inventory says how long an answer may be kept."""
    for service in inventory.services.values():
        if service.ttl is not None:
            yield service.fqdn, service.ttl
    for entry in inventory.names.values():
        if entry.ttl is not None:
            yield entry.name, entry.ttl


class _Shared:
    """What many hosts have in common, worked out once."""

    def __init__(self, inventory: Inventory, access: Access) -> None:
        self._inventory = inventory
        self._access = access
        self._applications = _applications_by_device(inventory)
        self._prefixes: dict[str, dict[str, Any]] = {}
        self._services: dict[str, list[str]] = defaultdict(list)
        for service in inventory.services.values():
            for name in service.next_hops.values():
                self._services[name].append(service.address)

    def _prefix(self, prefix: Prefix | None) -> Mapping[str, Any]:
        """Give the variables a host has from the network of its main interface."""
        if prefix is None:
            return {}
        if prefix.name not in self._prefixes:
            found: dict[str, Any] = {}
            if prefix.gateway and prefix.kind is PrefixKind.LAN:
                found["dcops_gateway"] = prefix.gateway
            if prefix.dns:
                found["dcops_dns"] = _addresses(self._inventory, prefix.dns)
            if prefix.ntp:
                found["dcops_ntp"] = _addresses(self._inventory, prefix.ntp)
            self._prefixes[prefix.name] = found
        return self._prefixes[prefix.name]

    def variables(self, device: Device) -> dict[str, Any]:
        """Give the variables of one host; what is not known is left out."""
        inventory, primary = self._inventory, device.primary
        found: dict[str, Any] = {
            "ansible_host": self._access.address(device),
            "dcops_address": primary.ip if primary else None,
            "dcops_management_address": device.management_address,
            "dcops_loopback_address": device.loopback_address,
            "dcops_fqdn": device.fqdn,
            "dcops_site": device.site,
            "dcops_kind": str(device.kind),
            "dcops_role": str(device.role) if device.role else None,
            "dcops_platform": device.platform,
            "dcops_serial": device.serial,
            "dcops_asset_code": device.asset_code,
            "dcops_rack": device.rack,
            "dcops_unit": device.unit,
            "dcops_mode": str(inventory.mode_of(device)),
            "dcops_tenant": device.tenant,
        }
        found = {name: value for name, value in found.items() if value is not None}
        found["dcops_roles"] = [str(role) for role in device.roles]
        found["dcops_applications"] = self._applications.get(device.name, [])
        found["dcops_service_addresses"] = self._services.get(device.name, [])
        found["dcops_interfaces"] = [
            {"name": each.name, "role": str(each.role), "network": each.network, "address": each.address}
            for each in device.interfaces
        ]
        found |= self._prefix(inventory.prefixes.get(primary.network or "") if primary else None)
        if device.postgresql:
            found["dcops_postgresql"] = {name: _cluster(inventory, device, name) for name in device.postgresql}
        return found


def _cluster(inventory: Inventory, device: Device, name: str) -> dict[str, Any]:
    """Give what a role needs of a PostgreSQL cluster: its port, and its partners in replication.

    `follows` is the one it streams from as the inventory has it, `followers` those that stream from it. Each partner
    comes with the name of the slot kept for it, since after a promotion the two change sides.
    """
    cluster = device.postgresql[name]
    followers = [
        _partner(other, key)
        for other in inventory.devices.values()
        for key, each in other.postgresql.items()
        if each.follows and (each.follows.device, each.follows.cluster) == (device.name, name)
    ]
    found: dict[str, Any] = {"port": cluster.port, "slot": slot_name(device.name, name), "followers": followers}
    if cluster.follows:
        found["follows"] = _partner(inventory.devices[cluster.follows.device], cluster.follows.cluster)
    return found


def _partner(device: Device, name: str) -> dict[str, Any]:
    return {
        "device": device.name,
        "cluster": name,
        "fqdn": device.fqdn,
        "address": device.address,
        "port": device.postgresql[name].port,
        "slot": slot_name(device.name, name),
    }


def slot_name(device: str, cluster: str) -> str:
    """Give the name of the replication slot kept for a cluster at whatever it streams from."""
    return f"{device}_{cluster}".replace("-", "_")
