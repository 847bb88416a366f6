"""kearsipan: the archive: documents in a file store, a small index in SQLite; each document is a letter's attachment.

A document is acknowledged (HTTP 201) only after its bytes are fsynced and then its row is committed, so the index never
names a file that is not there. The bytes are kept as naskah keeps its own: one file per content, named by its SHA-256.
"""
