"""Alembic migrations of the journals' tables, run by the stores when they are opened."""
