"""What every part needs and that knows nothing of data centres: errors, units, clock, settings, secrets, processes."""
