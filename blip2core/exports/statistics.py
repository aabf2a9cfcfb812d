"""Counts of the pairs of an export, taken while they are written."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from blip2core.errors import ExportError
from blip2core.records import ExportPair

MOST_NAMES = 100
"""Different licences, people or models told apart; web pages can make up a licence each."""
OTHERS = "(others)"
NOT_GIVEN = "(not given)"


class ExportStatistics:
    """Counts of one export. Pairs come image by image, in the order of their hashes."""

    def __init__(self) -> None:
        self.pairs: Counter[str] = Counter()
        """Pairs by split."""
        self.images: Counter[str] = Counter()
        """Images by split."""
        self.sources: Counter[str] = Counter()
        self.licenses: Counter[str] = Counter()
        """Pairs by the licence of their image."""
        self.captioners: Counter[str] = Counter()
        self.scorers: Counter[str] = Counter()
        self.deciders: Counter[str] = Counter()
        """Pairs by who accepted them: people, or a rule."""
        self._last: ExportPair | None = None

    def watch(self, pairs: Iterable[ExportPair]) -> Iterator[ExportPair]:
        """Yield the same pairs. Raises ExportError where they are out of order."""
        for pair in pairs:
            self._count(pair)
            yield pair
            self._last = pair

    def _count(self, pair: ExportPair) -> None:
        last = self._last
        if last is None or last.image_sha256 != pair.image_sha256:
            if last is not None and last.image_sha256 > pair.image_sha256:
                raise ExportError(f"The pairs of item {pair.item_id} do not come together.")
            self.images[pair.split] += 1
        elif last.split != pair.split:
            raise ExportError(
                f"Item {pair.item_id} is in {last.split} and in {pair.split}: a model would be "
                "tested on an image it has seen."
            )
        self.pairs[pair.split] += 1
        self.sources[pair.source] += 1
        for counter, name in (
            (self.licenses, pair.license or NOT_GIVEN),
            (self.captioners, pair.captioner),
            (self.scorers, pair.scorer),
            (self.deciders, pair.decided_by or NOT_GIVEN),
        ):
            if name is not None:
                known = name in counter or len(counter) < MOST_NAMES
                counter[name if known else OTHERS] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return all counts, for the manifest."""
        return {
            name: dict(sorted(value.items()))
            for name, value in vars(self).items()
            if isinstance(value, Counter)
        }
