"""Backups with restic: policies, the guarded dump, manifests, receipts, checks and restores.

Holds what a backup is and how one is taken, looked at and brought back. Does not hold drills (dcops.drills), nor the
repository's own server (playbooks/roles/rest_server).
"""
