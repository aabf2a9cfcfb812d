"""A run that kills its own process with SIGKILL.

python -m tests.curation.killed_run DATABASE unit     in the middle of a unit of the database
python -m tests.curation.killed_run DATABASE step     after a step, with the next batch begun
"""

import os
import signal
import sys
from typing import Any

from blip2core.capfilt import CapFilt
from blip2core.curation import capfilt_run, start_capfilt, work
from blip2core.storage import open_database
from blip2core.storage.datasets import find_dataset
from tests.capfilt.conftest import CAPTIONS, tiny_pair


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(file: str, where: str) -> None:
    database = open_database(file)
    captioner, matcher = tiny_pair()
    models = CapFilt(matcher=matcher, generator=captioner, captions=CAPTIONS, batch=2, workers=2)
    with database.read() as session:
        dataset = find_dataset(session, name="web").id
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    add_scores, units = capfilt_run.add_scores, []

    def deadly(*arguments: Any, **settings: Any) -> None:
        add_scores(*arguments, **settings)
        units.append(1)
        if where == "unit" and len(units) == 2:
            kill()

    capfilt_run.add_scores = deadly
    for number, _ in enumerate(work(database, run_id, models), start=1):
        if where == "step" and number == 3:
            kill()


if __name__ == "__main__":
    for point in ("unit", "step"):
        child = os.fork()
        if not child:
            main(sys.argv[1], point)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
