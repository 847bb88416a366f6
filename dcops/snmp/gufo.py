"""The SNMP client on gufo-snmp: versions 2c and 3, GETBULK. Retries and the order of answers are checked above it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

from dcops.core.clock import monotonic
from dcops.core.errors import AuthenticationFailed, ParseError, TimedOut, Unreachable, UsageError
from dcops.snmp.model import Auth, Endpoint, Varbind, Version3
from dcops.snmp.walk import parse_oid, require_rising

__all__ = ["GufoClient"]

MOST_VARIABLES = 500_000  # below one subtree; a chassis of 5,000 ports has some 200,000

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

    def walk(
        self, endpoint: Endpoint, auth: Auth, oid: str, *, timeout_seconds: float, deadline_seconds: float | None = None
    ) -> Sequence[Varbind]:
        """Everything below `oid`, in rising order; each answer is judged as it comes, so no agent keeps us for ever."""
        end = monotonic() + deadline_seconds if deadline_seconds is not None else None
        try:
            with self._session(endpoint, auth, timeout_seconds) as session:
                answers = ((parse_oid(name), value) for name, value in session.getbulk(oid))
                return require_rising(_bounded(answers, end, str(endpoint)), str(endpoint))
        except TimeoutError as error:
            raise TimedOut("no answer", where=str(endpoint)) from error
        except SnmpAuthError as error:
            raise AuthenticationFailed("the agent refused the user or key", where=str(endpoint)) from error
        except SnmpError as error:
            raise ParseError(f"unreadable answer ({error})", where=str(endpoint)) from error
        except OSError as error:
            raise Unreachable(error.strerror or str(error), where=str(endpoint)) from error

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


def _bounded(answers: Iterable[Varbind], end: float | None, where: str) -> Iterator[Varbind]:
    """Give the answers on; raise TimedOut past the moment `end`, ParseError for more than any device has."""
    for count, answer in enumerate(answers, 1):
        if end is not None and monotonic() > end:
            raise TimedOut(f"not read whole in time, {count} variables so far", where=where)
        if count > MOST_VARIABLES:
            raise ParseError(f"the agent gives more than {MOST_VARIABLES} variables", where=where)
        yield answer


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
