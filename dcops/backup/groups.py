"""Consistency groups: applications whose copies must fit one another. Order and decision; pure.

Who names data of another is copied first. What it names was there before it was named and is never taken away, so the
copy of the other, taken later, holds it. Restored in the opposite order, for the same reason.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from graphlib import TopologicalSorter

from dcops.core.errors import PolicyBroken
from dcops.core.words import Frozen

INVARIANT = "names_only_what_is_there"
# What one row says: (the thing in the other application, SHA-256 of the file that belongs to it).
Links = frozenset[tuple[str, str]]


class Member(Frozen):
    """One application's verified copy.

    Attributes:
        needs: the members of the group whose data it names.
        links: what its rows name, or in the named application hold.
    """

    application: str
    set_run: str
    snapshot_at: datetime
    needs: tuple[str, ...] = ()
    links: Links = frozenset()


def copy_order(members: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Give the members in the order their copies are taken: each before those it needs.

    Args:
        members: application -> what it needs; names outside the group are left out.
    """
    graph = {name: sorted(each for each in needs if each in members) for name, needs in sorted(members.items())}
    return tuple(reversed(tuple(TopologicalSorter(graph).static_order())))


def compare_members(naming: Member, named: Member) -> None:
    """Raise PolicyBroken when the two copies do not fit: one row names what the other copy does not hold.

    It says how many, never which: the names may tell of people.
    """
    where = f"sets {naming.set_run} and {named.set_run}"
    if named.snapshot_at < naming.snapshot_at:
        message = f"the copy of {named.application} is older than that of {naming.application}, which names its data"
        raise PolicyBroken(message, where=where, hint="Take both together: dcops backup run --group.")
    lacking = naming.links - named.links
    if lacking:
        message = (
            f"{len(lacking)} of {len(naming.links)} rows of {naming.application} name what {named.application} lacks"
        )
        raise PolicyBroken(message, where=where, hint="Restore neither before their owners have looked at both.")
