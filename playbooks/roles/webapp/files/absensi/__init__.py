"""absensi: attendance of staff, kept in MariaDB. Staff are codes, never names.

An entry is acknowledged (HTTP 201) only after its row is committed.
"""
