"""One module a network platform: a table of rules. A new platform is a new module here and nothing else."""
