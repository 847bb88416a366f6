"""The filter `dcops_strangers` of identity.yml. Imports nothing of Ansible; the check is dcops.provision.guard."""

from collections.abc import Callable, Mapping
from typing import Any


def _strangers(hosts: Any, *arguments: Any) -> list[str]:
    # Only where it is used: a linter that reads this file need not have dcops on its path.
    from dcops.provision.guard import strangers

    return strangers(hosts, *arguments)


class FilterModule:
    """What Ansible looks for in a file of filters."""

    def filters(self) -> Mapping[str, Callable[..., list[str]]]:
        """Give the filters by name."""
        return {"dcops_strangers": _strangers}
