"""naskah: letters between government offices (naskah dinas) with their attachments, kept in PostgreSQL and on disk.

One letter is acknowledged (HTTP 201) only after its attachments are fsynced and its row is committed.
"""
