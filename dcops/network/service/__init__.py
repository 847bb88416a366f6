"""Use cases of the network: back up, look, plan and apply routing, move a service address. Know ports, no adapter."""

from dcops.network.service.apply import apply_plans
from dcops.network.service.backup import backup_configurations
from dcops.network.service.move import move_service, withdraw_service
from dcops.network.service.observe import (
    Observation,
    observe,
    plan_routing,
    read_bgp,
    service_states,
    wait_for_bgp,
)
from dcops.network.service.restore import comparable_lines, plan_restore, restore_configuration
from dcops.network.service.shut import ShutState, SiteRouters, set_shut, shut_state

__all__ = [
    "Observation",
    "ShutState",
    "SiteRouters",
    "apply_plans",
    "backup_configurations",
    "comparable_lines",
    "move_service",
    "observe",
    "plan_restore",
    "plan_routing",
    "read_bgp",
    "restore_configuration",
    "service_states",
    "set_shut",
    "shut_state",
    "wait_for_bgp",
    "withdraw_service",
]
