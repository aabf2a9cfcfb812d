"""Captions as rows: sorted by the first score where there is one."""

from app.inference.captions import ScoredCaption
from app.workbench.widgets.caption_rows import caption_table

PLAIN = ScoredCaption(text="a dog", times=1, tokens=2, logprob=-1.0)
SCORED = ScoredCaption(text="a dog", times=1, tokens=2, logprob=-1.0, itm=0.75, itc=0.3)


def test_captions_are_sorted_by_their_scores_where_there_are_any() -> None:
    assert 'aria-sort="descending"' in caption_table([SCORED], "One")
    for captions in ([], [PLAIN]):
        assert 'aria-sort="descending"' not in caption_table(captions, "None")
