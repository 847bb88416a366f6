"""Reading devices by SNMP: what is asked, how answers become tables, and the client that asks.

What belongs here: walks and their decoding. What does not: metric names (`exporters/collectors`), traps (later).
"""
