"""python -m blip2core.storage.migrations "what it does": a new migration from the changed tables.

Compares `schema` with a fresh database of the newest migration and writes the difference beside the
other migrations. Read it, rename nothing by it that has data, and run the storage tests.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from blip2core.storage.engine import WRITE, connect, parse_url
from blip2core.storage.maintenance import MIGRATIONS, alembic_config, upgrade


def write_migration(message: str, *, scripts: Path = MIGRATIONS) -> list[Path]:
    """Write the files of a migration, numbered on from the newest one."""
    number = f"{len(list((scripts / 'versions').glob('[0-9]*.py'))) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        url = parse_url(f"{folder}/empty.db")
        upgrade(url, scripts=scripts)
        engine = connect(url, foreign_keys=False)
        with engine.execution_options(**{WRITE: True}).connect() as connection:
            config = alembic_config(scripts, connection)
            found = command.revision(config, message, autogenerate=True, rev_id=number)
        engine.dispose()
    made = found if isinstance(found, list) else [found]
    return [Path(script.path) for script in made if script is not None]


if __name__ == "__main__":
    for path in write_migration(" ".join(sys.argv[1:])):
        print(path)
