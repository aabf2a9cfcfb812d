"""`python -m app`, whose runs use a model that takes its time: `slow_studio.py SECONDS FILE`.

Each batch that is begun is a line of the file.
"""

import runpy
import sys
import time

from app.jobs.model_runs import ModelRuns
from tests.resilience.quick_models import quick_capfilt


def main(seconds: float, file: str) -> None:
    def before(method: str) -> None:
        if method == "caption":
            with open(file, "a") as begun:
                begun.write("batch\n")
            time.sleep(seconds)

    models = quick_capfilt(before)
    ModelRuns._models_of = lambda *_: models  # type: ignore[method-assign]
    sys.argv[1:] = []
    runpy.run_module("app", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
