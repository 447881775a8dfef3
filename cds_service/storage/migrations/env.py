"""How Alembic runs the migrations: on the connection that ``cds_service.storage.upgrade`` hands over, and locked."""

from __future__ import annotations

from alembic import context

from cds_service.storage.schema import metadata

# SQLite changes a table by making it anew.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
