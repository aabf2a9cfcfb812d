"""The environment in which Alembic runs the migrations, in the transaction it is given."""

from alembic import context

from blip2core.storage import schema
from blip2core.storage.columns import Base
from blip2core.storage.migrations.comparing import is_ours, rendered

assert schema.Item.metadata is Base.metadata  # importing the tables is what fills it
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by building it anew
    include_object=is_ours,
    render_item=rendered,
)
with context.begin_transaction():
    context.run_migrations()
