"""The site permit: at most one site accepts writes, whatever the network between the sites does.

It runs on each application server and uses the standard library only. `rules` decides and is pure, `agent` looks and
keeps, `server` answers the other site and the person, `__main__` is the command. docs/site-permit.md has the rules.
"""
