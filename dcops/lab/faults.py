"""Faults on links, computed as commands. Pure: rules of nftables and arguments of tc."""

from dataclasses import dataclass

TABLE = "dcops_fault"
_RATE_BURST = "32kbit"
_RATE_LATENCY = "100ms"


@dataclass(frozen=True)
class PortFault:
    """What is wrong at one plug: silent (frames vanish), share of frames lost (0 to 1), rate in bits per second.

    `is_both_ways`: frames towards the node are hit, too; so for a cable, whose other end is not a plug of its own.
    """

    is_silent: bool = False
    loss: float = 0.0
    rate_bits: int | None = None
    delay_seconds: float | None = None
    is_both_ways: bool = False


def ruleset(ports: dict[str, PortFault]) -> str:
    """Give the nftables rules of a namespace for its faulty ports; replaces the rules before it, empty heals all.

    A frame is dropped where it enters the twin's side from the node, so both directions of a link need both its ends.
    """
    lines = [f"table bridge {TABLE}", f"delete table bridge {TABLE}"]
    drops = [
        f'    {side} "{name}" {_verdict(fault)}'
        for name, fault in sorted(ports.items())
        if _verdict(fault)
        for side in (("iifname", "oifname") if fault.is_both_ways else ("iifname",))
    ]
    if drops:
        lines += [
            f"table bridge {TABLE} {{",
            "  chain forward {",
            "    type filter hook forward priority 0;",
            *drops,
            "  }",
            "}",
        ]
    return "\n".join(lines) + "\n"


def _verdict(fault: PortFault) -> str:
    if fault.is_silent:
        return "counter drop"
    if fault.loss > 0:
        return f"numgen random mod 1000 < {round(fault.loss * 1000)} counter drop"
    return ""


def rate_arguments(port: str, rate_bits: int) -> list[str]:
    """Give tc's arguments that limit what leaves `port` towards the node."""
    return [
        *("qdisc", "replace", "dev", port, "root", "tbf", "rate", f"{rate_bits}bit"),
        *("burst", _RATE_BURST, "latency", _RATE_LATENCY),
    ]


def delay_arguments(port: str, delay_seconds: float) -> list[str]:
    """Give tc's arguments that delay what leaves `port`; needs a kernel with netem."""
    return ["qdisc", "replace", "dev", port, "root", "netem", "delay", f"{delay_seconds * 1000:g}ms"]


def unlimited_arguments(port: str) -> list[str]:
    """Give tc's arguments that take rate and delay off `port`; they fail, harmlessly, when it has neither."""
    return ["qdisc", "del", "dev", port, "root"]
