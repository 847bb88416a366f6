"""The twin: every device of a lab inventory as a booted system on this machine.

Belongs here: the picture of a twin (`model`), what to build from an inventory (`plan`, `render`), the adapters that
drive mmdebstrap, iproute2, nftables, systemd-nspawn and the supervisor, and the use cases (`service`). Does not belong
here: what runs on the nodes; that is the playbooks' and `dcops net`'s, except for the stand-in of the national side.
"""
