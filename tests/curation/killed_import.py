"""An import that kills its own process with SIGKILL.

python -m tests.curation.killed_import DATABASE FOLDER NUMBER     before the unit of this number
                                                                  is in the database
"""

import os
import signal
import sys
from typing import Any

from blip2core.curation import checking, import_images, imports
from blip2core.intake import Reading, read
from blip2core.storage import open_database


def main(file: str, folder: str, number: int) -> None:
    checking.UNIT = 4
    database = open_database(file)
    note_sums, units = imports.note_sums, []

    def deadly(*arguments: Any, **settings: Any) -> None:
        note_sums(*arguments, **settings)
        units.append(1)
        if len(units) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    imports.note_sums = deadly
    reading = Reading()
    inputs = read(folder, reading=reading)
    for _ in import_images(database, dataset="web", inputs=inputs, reading=reading):
        pass


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
