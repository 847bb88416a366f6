"""What Alembic runs: migrate on the connection the store hands over, inside the store's own transaction."""

from alembic import context

from dcops.records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
