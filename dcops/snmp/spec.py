"""The file that says how agents are asked (`exporters/auths.yml`): names and secret references, never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, model_validator

from dcops.core.errors import Problem, SpecError
from dcops.core.words import Frozen

__all__ = ["AuthSpec", "parse_auths"]


class AuthSpec(Frozen):
    """One way to ask: `community` (version 2c) or `username` (version 3); passwords are secret references."""

    community: str | None = None
    username: str | None = None
    auth_protocol: str | None = None
    auth_password: str | None = None
    priv_protocol: str | None = None
    priv_password: str | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> AuthSpec:
        if (self.community is None) == (self.username is None):
            raise ValueError("an auth has exactly one of community and username")
        for protocol, password in (
            (self.auth_protocol, self.auth_password),
            (self.priv_protocol, self.priv_password),
        ):
            if (protocol is None) != (password is None):
                raise ValueError("a protocol and its password go together")
        if self.priv_protocol is not None and self.auth_protocol is None:
            raise ValueError("privacy needs authentication")
        return self


def parse_auths(document: Any, where: str) -> Mapping[str, AuthSpec]:
    """The auths of a parsed file, by name; raise SpecError with every problem."""
    if not isinstance(document, Mapping) or set(document) != {"auths"} or not isinstance(document["auths"], Mapping):
        raise SpecError([Problem(where, "", 'one key "auths" with a mapping is expected')])
    found: dict[str, AuthSpec] = {}
    problems: list[Problem] = []
    for name, value in document["auths"].items():
        try:
            found[str(name)] = AuthSpec.model_validate(value)
        except ValidationError as error:
            for detail in error.errors():
                path = ".".join(("auths", str(name), *map(str, detail["loc"])))
                problems.append(Problem(where, path, detail["msg"]))
    if problems:
        raise SpecError(problems)
    return found
