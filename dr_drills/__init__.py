"""What drills do: scenarios (YAML), actions and probes (entry points). The engine is dcops.drills."""
