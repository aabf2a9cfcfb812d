"""Runs counted by kind and status, on both kinds of database."""

from blip2core.storage.database import Database
from blip2core.storage.run_counts import RunCount, run_counts
from blip2core.storage.runs import NewRun, create_run, finish_run, heartbeat


def test_runs_by_kind_and_status(database: Database) -> None:
    with database.read() as session:
        before = run_counts(session)
    with database.write() as session:
        model = {"model": "m", "revision": "0" * 40}
        for kind, done, failed in (("import", 3, 1), ("import", 4, 0), ("score", 0, 2)):
            run = create_run(session, NewRun(kind=kind, code_version="test", **model))
            heartbeat(session, run_id=run.id, done=done, failed=failed)
        finish_run(session, run_id=run.id, status="failed", error="no")
    with database.read() as session:
        found = [one for one in run_counts(session) if one not in before]
    assert found == [
        RunCount(kind="import", status="queued", runs=2, done=7, failed=1),
        RunCount(kind="score", status="failed", runs=1, done=0, failed=2),
    ]
