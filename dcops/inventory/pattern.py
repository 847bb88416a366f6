"""The pattern language of every command: the same hosts, in the same order, as Ansible gives for the same words. Pure.

    jkt                      a group                    jkt-db1            a host
    jkt,drc  or  jkt:drc     both                       database:&jkt      in both groups
    all:!router              all but                    jkt-*              wildcard, over groups and hosts
    ~(jkt|drc)-db            regular expression         server[0]  server[-1]  server[0:2]   by position, end included

Intersections and exclusions are applied after the rest, wherever they stand. A comma anywhere makes the comma the only
separator. Source: Ansible's user guide, "Patterns: targeting hosts and groups", and its behaviour, which the tests ask.
"""

import fnmatch
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcops.core.errors import UsageError
from dcops.core.text import did_you_mean

Groups = Mapping[str, Sequence[str]]

_PIECE = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_POSITION = re.compile(r"(?P<word>.+)\[(?:(?P<one>-?\d+)|(?P<first>\d+)[:-](?P<last>\d*))\]", re.DOTALL)
_WILD = frozenset(".?*[")
# A host with a port: a colon that separates nothing.
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+")
_BRACKETED = re.compile(r"\[[^\]]+\](?::\d+)?")


@dataclass(frozen=True)
class Universe:
    """What a pattern chooses from: host names in inventory order, and group -> members, the group `all` included."""

    hosts: tuple[str, ...]
    groups: Groups

    def matches(self, word: str) -> list[str]:
        """Give the hosts one word names, without modifier or position; a host may come twice."""
        groups = _fitting(word, self.groups)
        found = [host for group in groups for host in self.groups[group]]
        if not groups or word.startswith("~") or _WILD.intersection(word):
            found += _fitting(word, self.hosts)
        return found


def _fitting(word: str, names: Sequence[str] | Groups) -> list[str]:
    """Give the names that a word, wildcard or regular expression fits, from their start."""
    expression = word[1:] if word.startswith("~") else fnmatch.translate(word)
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise UsageError(f'"{word}" is no regular expression: {error}', hint="Quote special characters.") from error
    return [name for name in names if compiled.match(name)]


def split(pattern: str) -> list[str]:
    """Give the single words of a pattern, with their modifiers, in the order they stand."""
    if "," in pattern:
        pieces = pattern.split(",")
    elif _is_one_address(pattern):
        pieces = [pattern]
    else:
        pieces = _PIECE.findall(pattern)
    return [piece.strip() for piece in pieces if piece.strip()]


def _is_one_address(pattern: str) -> bool:
    """True when the colons of a pattern belong to an address or a port."""
    try:
        ipaddress.ip_address(pattern)
    except ValueError:
        return any(shape.fullmatch(pattern) for shape in (_HOST_AND_PORT, _BRACKETED))
    return True


def _in_order(words: Sequence[str]) -> list[str]:
    """Put plain words first, then intersections, then exclusions; without a plain word, start from all."""
    plain = [word for word in words if word[0] not in "&!"]
    both = [word for word in words if word[0] == "&"]
    without = [word for word in words if word[0] == "!"]
    return (plain or ["all"]) + both + without


def _at_position(word: str, universe: Universe) -> list[str]:
    """Give the hosts of one word, cut to its position such as `[0]` or `[1:3]`."""
    match = None if word.startswith("~") else _POSITION.fullmatch(word)
    if match is None:
        return universe.matches(word)
    hosts = universe.matches(match["word"])
    if not hosts:
        return []
    if match["one"] is None and match["last"] != "0":
        first, last = int(match["first"]), int(match["last"] or len(hosts) - 1)
        return hosts[first : last + 1]
    index = int(match["one"] or match["first"])
    if not -len(hosts) <= index < len(hosts):
        raise UsageError(f'"{word}": there are only {len(hosts)}', hint="Positions start at 0; -1 is the last.")
    return [hosts[index]]


def select(pattern: str, universe: Universe) -> tuple[str, ...]:
    """Give the names of the hosts that `pattern` chooses, each once; empty when it chooses none.

    Raises UsageError for a broken regular expression or a position beyond the end.
    """
    chosen: dict[str, None] = {}
    hosts = set(universe.hosts)
    for word in _in_order(split(pattern)):
        if word in hosts:
            chosen[word] = None
            continue
        found = _at_position(word.lstrip("&!") if word[0] in "&!" else word, universe)
        if word[0] == "!":
            chosen = {name: None for name in chosen if name not in set(found)}
        elif word[0] == "&":
            chosen = {name: None for name in chosen if name in set(found)}
        else:
            chosen |= dict.fromkeys(found)
    return tuple(chosen)


def require(pattern: str, universe: Universe) -> tuple[str, ...]:
    """Give what `select` gives; raises UsageError with a suggestion when that is nothing."""
    chosen = select(pattern, universe)
    if chosen:
        return chosen
    words = [word.lstrip("&!").partition("[")[0] for word in split(pattern)]
    known = (*universe.hosts, *(name for name, members in universe.groups.items() if members))
    unknown = [word for word in words if word not in known and not _WILD.intersection(word) and word[:1] != "~"]
    close = did_you_mean(unknown[0], known) if unknown else None
    hint = f'Did you mean "{close}"?' if close else "Hosts and groups: dcops inventory list --groups."
    raise UsageError(f'pattern "{pattern}" matches nothing', hint=hint)
