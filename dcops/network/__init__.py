"""Network gear: backup of configurations, intended routing, plan, apply, status and the move of a service address.

What belongs here: everything a router or switch is asked or told. What does not: servers (`provision`), SNMP
(`snmp`), and the drills that use `move_service`.
"""
