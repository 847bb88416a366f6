"""Servers through Ansible: run a playbook, see what it changed, conclude from counted events.

Belongs here: what a run is, how its events are read, how it is judged, and the adapter that drives ansible-runner.
Does not belong here: what the servers should be (playbooks/) and which there are (dcops.inventory).
"""

from dcops.provision.model import Conclusion, HostResult, Job, Outcome

__all__ = ["Conclusion", "HostResult", "Job", "Outcome"]
