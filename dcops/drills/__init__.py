"""Recovery drills: the spec people write, the plan, the run, what is measured and what it proves.

Holds the engine. Does not hold what a drill does to the world: actions and probes are entry points in `dr_drills/` and
get everything they touch from a context of ports, joined in `dcops.wiring`.
"""
