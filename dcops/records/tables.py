"""The table of the journals and what keeps it append-only, for both stores. The migrations build exactly this."""

from sqlalchemy import Column, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text, UniqueConstraint

SCHEMA_REVISION = "0001"
"""The newest Alembic revision: a store that has it is opened without loading Alembic."""

metadata = MetaData()

records = Table(
    "records",
    metadata,
    Column("journal", String(100), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("kind", String(100), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", String(27), nullable=False),
    Column("environment", String(20), nullable=False),
    Column("run", String(26)),
    Column("actor", Text, nullable=False),
    Column("change", Text),
    Column("text", Text, nullable=False),
    Column("signature", String(86), nullable=False),
    Column("key_id", String(43), nullable=False),
    PrimaryKeyConstraint("journal", "seq", name="records_pk"),
    UniqueConstraint("hash", name="records_hash"),
    Index("records_kind_at", "kind", "at"),
    Index("records_at", "at"),
    Index("records_run", "run"),
)
