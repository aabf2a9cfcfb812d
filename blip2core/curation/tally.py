"""What an import counts while it stores: in all, and of the archive that it is reading."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from blip2core.curation.checking import Checked
from blip2core.intake.reading import ArchiveMark
from blip2core.intake.sums import Sums, sums_of
from blip2core.records import Problem, Unused, WebImage
from blip2core.storage.finished_archives import finish_archive, take_over_archive
from blip2core.storage.items import AddedItem
from blip2core.storage.run_problems import add_problem

MOST_PROBLEMS = 1_000
"""Problems that are kept with a finished archive; one with more of them is read again."""


class Tally:
    """The sums of an import, and of each archive that it finishes."""

    def __init__(self, dataset_id: int, run_id: int, sums: Sums) -> None:
        self._dataset_id, self._run_id, self.sums = dataset_id, run_id, sums
        self._archive: Sums | None = None
        self._problems: list[Problem] = []
        """Those of the archive that is being read."""

    def add_image(self, image: WebImage, item: AddedItem) -> None:
        """Count an image that was stored."""
        for sums in self._both():
            sums.add_image(
                image, is_new=item.is_new, texts_new=item.texts, is_alike=bool(item.near)
            )

    def add_problem(self, session: Session, problem: Problem) -> None:
        """Count what could not be used, and note it in the record of the run."""
        for sums in self._both():
            sums.add_problem(problem)
        if self._archive is not None and len(self._problems) <= MOST_PROBLEMS:
            self._problems.append(problem)
        add_problem(session, run_id=self._run_id, problem=problem)

    def add_unused(self, unused: Unused) -> None:
        """Count what was seen and not used."""
        for sums in self._both():
            sums.add_unused(unused)

    def pass_mark(self, session: Session, mark: ArchiveMark) -> tuple[Sums, list[Problem]] | None:
        """Begin or finish the sums of an archive -> what one brought earlier that was skipped."""
        if mark.what == "skipped":
            return self._take_over(session, mark)
        if mark.what == "begin":
            self._archive, self._problems = Sums(), []
            return None
        archive, self._archive = self._archive, None
        if mark.what == "end" and archive and len(self._problems) <= MOST_PROBLEMS:
            outcome = {
                "sums": archive.as_json(),
                "problems": [asdict(problem) for problem in self._problems],
            }
            finish_archive(
                session,
                dataset_id=self._dataset_id,
                run_id=self._run_id,
                key=mark.key,
                name=mark.name,
                outcome=outcome,
            )
        return None

    def _take_over(self, session: Session, mark: ArchiveMark) -> tuple[Sums, list[Problem]]:
        outcome = take_over_archive(
            session, dataset_id=self._dataset_id, run_id=self._run_id, key=mark.key
        )
        if outcome is None:
            reason = "What an earlier import had of it changed meanwhile: import the same again."
            problem = Problem(name=mark.name, reason=reason, about="source")
            self.add_problem(session, problem)
            return Sums(), [problem]
        earlier = sums_of(outcome["sums"])
        problems = [Problem(**problem) for problem in outcome["problems"]]
        self.sums.add_again(earlier)
        for problem in problems:
            add_problem(session, run_id=self._run_id, problem=problem)
        return earlier, problems

    def _both(self) -> list[Sums]:
        return [self.sums] if self._archive is None else [self.sums, self._archive]


def problem_of(one: Checked) -> Problem:
    """Return why an input cannot be used."""
    return one.problem or Problem(name="", reason="Unknown.")
