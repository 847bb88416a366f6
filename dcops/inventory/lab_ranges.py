"""Addresses and names that exist in laboratories and documentation only. Pure."""

import ipaddress
from functools import lru_cache

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 2544 benchmarking and RFC 3849 documentation: nothing on the Internet answers there.
LAB_NETWORKS: tuple[IpNetwork, ...] = (ipaddress.ip_network("198.18.0.0/15"), ipaddress.ip_network("2001:db8::/32"))
# RFC 6761: this ending is never delegated.
LAB_DOMAIN = ".test"


@lru_cache(maxsize=65536)
def is_lab_address(text: str) -> bool:
    """True when an address or network lies in the ranges set aside for laboratories."""
    network = ipaddress.ip_network(text, strict=False)
    return any(network.version == lab.version and network.subnet_of(lab) for lab in LAB_NETWORKS)  # type: ignore[arg-type]


def is_lab_name(name: str) -> bool:
    """True when a DNS name can exist in a lab only."""
    return f".{name}".endswith(LAB_DOMAIN)
