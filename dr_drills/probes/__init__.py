"""Probes: each looks at one thing, changes nothing, and answers with one word why not."""
