"""The scalar types inventory models are made of; addresses stay text as written, after a check."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StringConstraints

from dcops.core.words import Frozen

__all__ = [
    "IDENTIFIER_PATTERN",
    "NAME_PATTERN",
    "SECRET_PATTERN",
    "TIME_PATTERN",
    "Address",
    "Boolean",
    "Count",
    "Fqdn",
    "Frozen",
    "Identifier",
    "InterfaceAddress",
    "MacAddress",
    "Name",
    "Network",
    "Number",
    "SecretRef",
    "TimeOfDay",
    "Watts",
    "Words",
]


def _address(text: str) -> str:
    """Refuse what is no IP address."""
    ipaddress.ip_address(text)
    return text


def _network(text: str) -> str:
    """Refuse what is no network, or has host bits set."""
    ipaddress.ip_network(text)
    return text


def _interface(text: str) -> str:
    """Refuse what is no address with a prefix length."""
    if "/" not in text:
        raise ValueError(f'"{text}" has no prefix length; write {text}/24')
    ipaddress.ip_interface(text)
    return text


_FQDN = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


def _fqdn(text: str) -> str:
    """Refuse what is no full, lower-case DNS name."""
    if not _FQDN.fullmatch(text):
        raise ValueError(f'"{text}" is no full DNS name in lower case')
    return text


def _mac(text: str) -> str:
    """Refuse what is no MAC address in lower case with colons."""
    if not _MAC.fullmatch(text):
        raise ValueError(f'"{text}" is no MAC address such as 02:00:5e:00:53:01')
    return text


Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
InterfaceAddress = Annotated[str, AfterValidator(_interface)]
Fqdn = Annotated[str, AfterValidator(_fqdn)]
MacAddress = Annotated[str, AfterValidator(_mac)]
# A name is also a DNS label and a file name: letters, digits and hyphens.
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
# An identifier is also an Ansible group: letters, digits and underscores.
IDENTIFIER_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN)]
TIME_PATTERN = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"
TimeOfDay = Annotated[str, StringConstraints(pattern=TIME_PATTERN)]
SECRET_PATTERN = r"^(file|env|credential|vault):\S+$"  # noqa: S105 - the form of a reference
SecretRef = Annotated[str, StringConstraints(pattern=SECRET_PATTERN)]
Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Boolean = StrictBool
Count = Annotated[StrictInt, Field(ge=0)]
Watts = Annotated[StrictInt, Field(gt=0)]
Number = Annotated[float, Field(strict=True)]
