"""What a platform module says about its platform: a frozen table of rules, used by the parsers and the planner."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules

from hier_config.platforms.driver_base import HConfigDriverBase

from dcops.core.errors import Problem, SpecError
from dcops.core.text import did_you_mean

__all__ = ["PlatformRules", "platform", "platform_names"]


@dataclass(frozen=True)
class PlatformRules:
    """The rules of one platform.

    `end_marker` ends a complete configuration; a line matching `error` in a reply is a refusal; `volatile` lines
    change by themselves and are dropped; `secrets` match a secret in group 1; `owned` are the top-level lines the
    toolkit plans (all else on the device is left alone); `noise` are lines that carry no meaning of their own;
    `show` is the allow-list of read-only commands by getter name.
    """

    name: str
    running_config: str
    end_marker: str
    error: re.Pattern[str]
    volatile: tuple[re.Pattern[str], ...]
    secrets: tuple[re.Pattern[str], ...]
    owned: tuple[re.Pattern[str], ...]
    noise: frozenset[str]
    driver: HConfigDriverBase
    show: Mapping[str, str] = field(default_factory=dict)

    def refusals(self, reply: str) -> tuple[str, ...]:
        """The lines of `reply` in which the device refuses something, in order; empty when it took all."""
        return tuple(line.strip() for line in reply.splitlines() if self.error.match(line))

    def normalise(self, text: str) -> str:
        """`text` without volatile lines, trailing blanks and leading separators, ending in one newline."""
        lines = [line.rstrip() for line in text.replace("\r", "").splitlines()]
        kept = [line for line in lines if not any(pattern.match(line) for pattern in self.volatile)]
        while kept and kept[0] in ("", "!"):
            kept.pop(0)
        while kept and kept[-1] == "":
            kept.pop()
        return "\n".join(kept) + "\n"

    def state_hash(self, text: str) -> str:
        """SHA-256 (hex) of the normal form of a running configuration: what a plan is bound to."""
        return hashlib.sha256(self.normalise(text).encode()).hexdigest()


def platform_names() -> tuple[str, ...]:
    """The names of the known platforms, found by listing this package, in alphabetical order."""
    package = import_module("dcops.network.platforms")
    return tuple(sorted(module.name for module in iter_modules(package.__path__) if module.name != "rules"))


def platform(name: str) -> PlatformRules:
    """The rules of the platform `name`. Raise SpecError with a suggestion for an unknown name."""
    known = platform_names()
    if name not in known:
        suggestion = did_you_mean(name, known)
        hint = f'Did you mean "{suggestion}"?' if suggestion else f"Known: {', '.join(known)}"
        raise SpecError([Problem("inventory", "platform", f'network platform "{name}" is unknown', hint)])
    rules = import_module(f"dcops.network.platforms.{name}").RULES
    assert isinstance(rules, PlatformRules)  # a platform module without RULES is a defect of the module
    return rules
