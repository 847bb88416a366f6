"""FRRouting through vtysh, seen on FRR 10.3 (Debian 13)."""

from __future__ import annotations

import re

from hier_config.models import IdempotentCommandsRule, MatchRule, NegationSubRule, OrderingRule
from hier_config.platforms.driver_base import HConfigDriverBase, HConfigDriverRules

from dcops.network.platforms.rules import PlatformRules

__all__ = ["RULES", "FrrDriver"]

_BGP = MatchRule(startswith="router bgp ")
_FAMILY = MatchRule(startswith="address-family ")


def _once(*lineage: MatchRule) -> IdempotentCommandsRule:
    return IdempotentCommandsRule(match_rules=lineage)


class FrrDriver(HConfigDriverBase):  # type: ignore[misc, unused-ignore]
    """How FRR's lines relate: which replace one another, and which must come first."""

    @staticmethod
    def _instantiate_rules() -> HConfigDriverRules:
        return HConfigDriverRules(
            indentation=1,
            # A second value replaces the first. "no" for the old one would, for remote-as, delete the neighbour.
            idempotent_commands=[
                _once(_BGP, MatchRule(startswith="bgp router-id ")),
                _once(_BGP, MatchRule(startswith="timers bgp ")),
                _once(_BGP, MatchRule(re_search=r"^neighbor (\S+) remote-as ")),
                _once(_BGP, MatchRule(re_search=r"^neighbor (\S+) timers connect ")),
                _once(_BGP, MatchRule(re_search=r"^neighbor (\S+) description ")),
                _once(_BGP, MatchRule(re_search=r"^neighbor (\S+) bfd profile ")),
                _once(_BGP, _FAMILY, MatchRule(re_search=r"^maximum-paths \d")),
                _once(MatchRule(startswith="bfd"), MatchRule(startswith="profile "), MatchRule(re_search=r"^(\S+) ")),
            ],
            negation_sub=[
                # "no ... bfd profile P" would leave "neighbor X bfd" behind.
                NegationSubRule(
                    match_rules=(_BGP, MatchRule(re_search=r"^neighbor \S+ bfd profile ")),
                    search=r"^(no neighbor \S+ bfd) profile \S+$",
                    replace=r"\1",
                ),
            ],
            ordering=[
                OrderingRule(match_rules=(MatchRule(equals="bfd"),), weight=-200),  # profiles before who names them
                OrderingRule(match_rules=(MatchRule(re_search=r"^ip route "),), weight=-100),
                OrderingRule(match_rules=(_BGP, MatchRule(re_search=r"^(no )?bgp ")), weight=-200),
                OrderingRule(match_rules=(_BGP, MatchRule(re_search=r"^neighbor \S+ remote-as ")), weight=-100),
                OrderingRule(match_rules=(_BGP, _FAMILY), weight=100),
            ],
        )

    @property
    def negation_prefix(self) -> str:
        """The word that takes a line back."""
        return "no "

    @property
    def declaration_prefix(self) -> str:
        """FRR has no word before a statement."""
        return ""


RULES = PlatformRules(
    name="frr",
    running_config="show running-config",
    end_marker="end",
    error=re.compile(r"^\s*%|^BGP is already running"),
    volatile=(
        re.compile(r"^Building configuration\.\.\.$"),
        re.compile(r"^Current configuration:$"),
        re.compile(r"^! Last configuration change"),
    ),
    secrets=(
        re.compile(r"^\s*neighbor \S+ password (\S+)"),
        re.compile(r"^\s*(?:enable )?password(?: 8)? (\S+)"),
        re.compile(r"^\s*key-string (\S+)"),
        re.compile(r"^\s*ip ospf (?:message-digest-key \d+ md5|authentication-key) (\S+)"),
        re.compile(r"^\s*(?:area|domain)-password (?:clear|md5) (\S+)"),
        re.compile(r"^\s*isis password (?:clear|md5) (\S+)"),
        re.compile(r"^\s*ip rip authentication string (\S+)"),
        re.compile(r"^\s*snmp-server community (\S+)"),
    ),
    owned=(
        re.compile(r"^router bgp "),
        re.compile(r"^bfd$"),
        re.compile(r"^ip route (?P<prefix>\S+) "),
    ),
    noise=frozenset({"!", "exit", "exit-address-family", "end"}),
    driver=FrrDriver(),
    show={
        "version": "show version",
        "bgp_summary": "show bgp ipv4 unicast summary json",
        "bgp_prefix": "show bgp ipv4 unicast {prefix} json",
        "bfd_peers": "show bfd peers json",
        "routes": "show ip route json",
    },
)
