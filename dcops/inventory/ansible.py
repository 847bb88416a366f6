"""The inventory as Ansible wants it: groups, and host variables prefixed `dcops_`. Pure."""

from collections.abc import Iterator

from dcops.inventory.model import Device

Group = tuple[str, str, tuple[str | int, ...]]


def group_names(device: Device) -> Iterator[Group]:
    """Give (group, what it means, the keys that say so) for each group of a device that its own fields make."""
    yield str(device.kind), "kind or role", ("kind",)
    for index, role in enumerate(device.roles):
        yield str(role), "kind or role", ("roles", index)
    if device.platform:
        yield device.platform, "platform", ("platform",)
    for index, word in enumerate(device.groups):
        yield word, "group", ("groups", index)
