"""Applications hosted here and the links upstream (PDN, JIP, SPLP): what each is, and the state of each link.

What belongs here: the public view of the catalogue and the status of links. What does not: how sessions and probes are
read (ports, joined in `wiring`), and the HTTP face (`api`).
"""
