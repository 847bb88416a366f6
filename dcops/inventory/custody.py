"""What each credential could destroy, and so which copies survive the loss of a whole domain. Pure."""

from fnmatch import fnmatchcase

from dcops.inventory.model import Credential, CustodyDomain, Inventory


def who_can_destroy(inventory: Inventory, asset: str) -> tuple[Credential, ...]:
    """Give the credentials that could delete `asset` (such as `repository:drc-bkp1/jkt`), in file order.

    A root key of the device that holds a repository can delete the repository, whether it says so or not.
    """
    kind, _, rest = asset.partition(":")
    wanted = {asset}
    if kind in ("repository", "database"):
        wanted.add(f"device:{rest.partition('/')[0]}")
    return tuple(
        credential
        for credential in inventory.credentials.values()
        if any(fnmatchcase(name, pattern) for name in wanted for pattern in credential.destroys)
    )


def is_append_only(inventory: Inventory, asset: str) -> bool:
    """True when no credential of the production domain can destroy `asset`."""
    return all(each.domain is not CustodyDomain.PRODUCTION for each in who_can_destroy(inventory, asset))


def repositories(inventory: Inventory) -> tuple[str, ...]:
    """Give the backup repositories that credentials speak of, sorted."""
    found = {
        name
        for credential in inventory.credentials.values()
        for name in (*credential.reads, *credential.writes, *credential.destroys)
        if name.startswith("repository:") and "*" not in name
    }
    return tuple(sorted(found))
