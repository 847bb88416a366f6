"""The table of records and the triggers that refuse to change or remove what was written."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSAL = "records are append-only"


def upgrade() -> None:
    """Create the table, its indexes and its triggers."""
    op.create_table(
        "records",
        sa.Column("journal", sa.String(100), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("environment", sa.String(20), nullable=False),
        sa.Column("run", sa.String(26)),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("change", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("signature", sa.String(86), nullable=False),
        sa.Column("key_id", sa.String(43), nullable=False),
        sa.PrimaryKeyConstraint("journal", "seq", name="records_pk"),
        sa.UniqueConstraint("hash", name="records_hash"),
    )
    op.create_index("records_kind_at", "records", ["kind", "at"])
    op.create_index("records_at", "records", ["at"])
    op.create_index("records_run", "records", ["run"])
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgres_triggers()


def downgrade() -> None:
    """Refuse: going back would drop what was recorded."""
    raise NotImplementedError(_REFUSAL)


def _sqlite_triggers() -> None:
    for act in ("UPDATE", "DELETE"):
        name = f"records_no_{act.lower()}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON records BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END")
    # INSERT OR REPLACE removes the old row without firing a DELETE trigger (unless recursive_triggers is on).
    taken = "SELECT 1 FROM records WHERE (journal = NEW.journal AND seq = NEW.seq) OR hash = NEW.hash"
    op.execute(
        f"CREATE TRIGGER records_no_replace BEFORE INSERT ON records WHEN EXISTS ({taken}) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )


def _postgres_triggers() -> None:
    op.execute(
        "CREATE FUNCTION records_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER records_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON records "
        "FOR EACH STATEMENT EXECUTE FUNCTION records_refuse()"
    )
