"""The SNMP client on gufo-snmp: versions 2c and 3, GETBULK. Retries and the order of answers are checked above it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    BaseAuthKey,
    BasePrivKey,
    DesKey,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpError,
    User,
)
from gufo.snmp.sync import SnmpSession

from dcops.core.errors import AuthenticationFailed, ParseError, TimedOut, Unreachable, UsageError
from dcops.snmp.model import Auth, Endpoint, Varbind, Version3
from dcops.snmp.walk import parse_oid, require_rising

__all__ = ["GufoClient"]

Key = TypeVar("Key", bound=BaseAuthKey | BasePrivKey)

_AUTH_KEYS: dict[str, type[BaseAuthKey]] = {
    "MD5": Md5Key,
    "SHA": Sha1Key,
    "SHA-224": Sha224Key,
    "SHA-256": Sha256Key,
    "SHA-384": Sha384Key,
    "SHA-512": Sha512Key,
}
_PRIV_KEYS: dict[str, type[BasePrivKey]] = {
    "DES": DesKey,
    "AES": Aes128Key,
    "AES-128": Aes128Key,
    "AES-192": Aes192Key,
    "AES-256": Aes256Key,
}


class GufoClient:
    """Walks subtrees; a session each, so that one agent's trouble is nobody else's."""

    def __init__(self, max_repetitions: int = 25) -> None:
        self._max_repetitions = max_repetitions

    def walk(self, endpoint: Endpoint, auth: Auth, oid: str, *, timeout_seconds: float) -> Sequence[Varbind]:
        """Everything below `oid`, in rising order."""
        try:
            with self._session(endpoint, auth, timeout_seconds) as session:
                answers = [(parse_oid(name), value) for name, value in session.getbulk(oid)]
        except TimeoutError as error:
            raise TimedOut("no answer", where=str(endpoint)) from error
        except SnmpAuthError as error:
            raise AuthenticationFailed("the agent refused the user or key", where=str(endpoint)) from error
        except SnmpError as error:
            raise ParseError(f"unreadable answer ({error})", where=str(endpoint)) from error
        except OSError as error:
            raise Unreachable(error.strerror or str(error), where=str(endpoint)) from error
        return require_rising(answers, str(endpoint))

    def _session(self, endpoint: Endpoint, auth: Auth, timeout_seconds: float) -> SnmpSession:
        address = str(ipaddress.ip_address(endpoint.address))
        if auth.user is not None:
            return SnmpSession(
                address,
                endpoint.port,
                user=_user(auth.user),
                timeout=timeout_seconds,
                max_repetitions=self._max_repetitions,
            )
        if auth.community is None:
            raise UsageError("neither community nor user", where=f"auth {auth.name}")
        return SnmpSession(
            address,
            endpoint.port,
            community=auth.community.reveal(),
            timeout=timeout_seconds,
            max_repetitions=self._max_repetitions,
        )


def _user(user: Version3) -> User:
    auth_key: BaseAuthKey | None = None
    priv_key: BasePrivKey | None = None
    if user.auth_protocol is not None and user.auth_password is not None:
        auth_key = _chosen(_AUTH_KEYS, user.auth_protocol, user)(user.auth_password.reveal().encode())
    if user.priv_protocol is not None and user.priv_password is not None:
        priv_key = _chosen(_PRIV_KEYS, user.priv_protocol, user)(user.priv_password.reveal().encode())
    return User(user.username, auth_key=auth_key, priv_key=priv_key)


def _chosen(kinds: Mapping[str, type[Key]], protocol: str, user: Version3) -> type[Key]:
    if protocol not in kinds:
        raise UsageError(f'protocol "{protocol}" is unknown', where=f"user {user.username}", hint=", ".join(kinds))
    return kinds[protocol]
