"""The journals: what was done, append-only, hash-chained, signed. Only pure rooms are re-exported.

Here belong the envelope, the kinds of records, the chain, signatures, storage, artifacts and approvals. What a record
means to a capability belongs to that capability.
"""
