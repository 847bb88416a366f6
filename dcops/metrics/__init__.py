"""Asking Prometheus what is: instant values with the moment they were observed; what is missing or stale is unknown."""
