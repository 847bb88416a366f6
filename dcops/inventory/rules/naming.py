"""Names: what becomes an Ansible group means one thing, and services stand where their address goes. Pure."""

from collections.abc import Iterator

from dcops.core.errors import UsageError
from dcops.inventory.ansible import environment_group, group_names, universe
from dcops.inventory.finding import Finding
from dcops.inventory.model import Inventory, Kind, Role
from dcops.inventory.pattern import select

# Ansible's own words, and ones that would hide a host.
_RESERVED = frozenset({"all", "ungrouped", "localhost", "_meta"})


def check(inventory: Inventory) -> Iterator[Finding]:
    """Give findings on group names that mean two things and on services and applications that do not fit together."""
    yield from _groups(inventory)
    yield from _services(inventory)
    yield from _hosting(inventory)
    yield from _patterns(inventory)


def _groups(inventory: Inventory) -> Iterator[Finding]:
    """A site, kind, role, platform, environment, application or extra group never share a name; nor a host."""
    # A router is a router by kind and by role: the two vocabularies agree where they meet.
    meanings = {str(word): "kind or role" for word in (*Kind, *Role)}
    meanings[environment_group(inventory)] = "environment"
    sources = [
        *(("sites", name, "site") for name in inventory.sites),
        *(("applications", key, "application") for key in inventory.applications),
    ]
    for section, name, meaning in sources:
        yield from _clash(meanings, section, name, name, (), meaning)
    for device in inventory.devices.values():
        for word, meaning, keys in group_names(device):
            yield from _clash(meanings, "devices", device.name, word, keys, meaning)
    for device in inventory.devices.values():
        if device.name in meanings or device.name in _RESERVED:
            message = f'"{device.name}" is the name of a group too'
            yield Finding("devices", device.name, (), message, "Rename the device.")


def _clash(
    meanings: dict[str, str], section: str, name: str, word: str, keys: tuple[str | int, ...], meaning: str
) -> Iterator[Finding]:
    """Note `word` as the group of `meaning`, or say what it means already."""
    if word in _RESERVED:
        yield Finding(section, name, keys, f'"{word}" is a word of Ansible', "Choose another name.")
    elif meanings.setdefault(word, meaning) != meaning:
        message = f'group "{word}" would mean {meanings[word]} and {meaning}'
        yield Finding(section, name, keys, message, "Choose another name.")


def _services(inventory: Inventory) -> Iterator[Finding]:
    """A service is active at a site it has a next hop for, and each next hop stands at its site."""
    for service in inventory.services.values():
        if service.active_site not in service.next_hops:
            message = f"{service.active_site} has no next hop"
            hint = f"Choose one of: {', '.join(service.next_hops)}."
            yield Finding("services", service.name, ("active_site",), message, hint)
        for site, name in service.next_hops.items():
            device = inventory.devices.get(name)
            if device and device.site != site:
                message = f"{name} stands at {device.site}, not {site}"
                yield Finding("services", service.name, ("next_hops", site), message, "Name a device of the site.")


def _hosting(inventory: Inventory) -> Iterator[Finding]:
    """What is hosted has hosts, what is not has none; every catalogue entry says which."""
    for key, application in inventory.applications.items():
        if application.is_hosted and not application.hosts:
            yield Finding("applications", key, ("hosting",), "is hosted but has no hosts", "Add hosts.")
        if not application.is_hosted and application.hosts:
            message = f"has hosts but is {application.hosting.state}"
            yield Finding("applications", key, ("hosting",), message, "Write state: hosted or remove the hosts.")


def _patterns(inventory: Inventory) -> Iterator[Finding]:
    """The patterns of the calendar choose something."""
    entries = [
        *(("windows", each.name, each.applies_to) for each in inventory.calendar.windows.values()),
        *(("maintenance", each.name, each.applies_to) for each in inventory.calendar.maintenance.values()),
    ]
    hosts = universe(inventory) if entries else None
    for part, name, pattern in entries:
        try:
            chosen = select(pattern, hosts) if hosts else ()
            message = f'pattern "{pattern}" matches nothing'
        except UsageError as error:
            chosen, message = (), error.message
        if not chosen:
            yield Finding("calendar", "", (part, name, "applies_to"), message, "See: dcops inventory list --groups.")
