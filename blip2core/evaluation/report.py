"""The table of a model card: measured figures beside the floors they should reach."""

from collections.abc import Mapping
from dataclasses import dataclass

from blip2core.evaluation.gallery import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of the table."""

    label: str
    path: str
    """Where `evaluate` reports it, such as "captions.noun_f1"."""
    floor: float | None = None
    """What ordinary scenes should give; None: reported only."""
    held_out_floor: float | None = None
    """The same for scenes with held-out combinations."""


def _row(label: str, path: str, floor: float | None = None, held_out: float | None = None) -> Row:
    return Row(label=label, path=path, floor=floor, held_out_floor=held_out)


ROWS: tuple[Row, ...] = (
    _row("ITC image to text, Recall@1 of 500", "retrieval.image_to_text_at_1", 0.98, 0.95),
    _row("ITC text to image, Recall@1 of 500", "retrieval.text_to_image_at_1", 0.98, 0.95),
    _row("ITC image to text, Recall@5", "retrieval.image_to_text_at_5"),
    _row("ITC text to image, Recall@5", "retrieval.text_to_image_at_5"),
    _row("ITM area under ROC, random texts", "itm.auc_random", 0.995, 0.99),
    _row("ITM area under ROC, one word changed", "itm.auc_changed", 0.95, 0.92),
    _row("- noun changed", "itm.auc_changed_by_kind.noun"),
    _row("- colour changed", "itm.auc_changed_by_kind.colour"),
    _row("- count changed", "itm.auc_changed_by_kind.count"),
    _row("- place changed", "itm.auc_changed_by_kind.place"),
    _row("ITM accuracy at 0.5, balanced mix", "itm.accuracy", 0.90, 0.87),
    _row("Caption, noun F1", "captions.noun_f1", 0.92, 0.85),
    _row("Caption, F1 of whole groups", "captions.group_f1", 0.80, 0.70),
    _row("Caption, place right", "captions.place_right", 0.99, 0.98),
    _row("Caption exact, 1 group", "captions.exact_by_groups.1"),
    _row("Caption exact, 2 groups", "captions.exact_by_groups.2"),
    _row("Caption exact, 3 groups", "captions.exact_by_groups.3"),
    _row("Caption exact, 4 groups", "captions.exact_by_groups.4"),
    _row("Prompted caption is right", "captions.prompted.right", 0.85),
    _row('- "there are"', "captions.prompted.by_prompt.there are"),
    _row('- "a photo of"', "captions.prompted.by_prompt.a photo of"),
    _row('- "next to the dog there is"', "captions.prompted.by_prompt.next to"),
    _row("VQA accuracy, all types", "vqa.accuracy", 0.90, 0.83),
    _row("VQA accuracy, worst type", "vqa.worst_kind", 0.75, 0.65),
    _row("- what", "vqa.by_kind.what"),
    _row("- how many", "vqa.by_kind.how many"),
    _row("- what colour", "vqa.by_kind.what colour"),
    _row("- where", "vqa.by_kind.where"),
    _row("- is there", "vqa.by_kind.is there"),
    _row("- left, right, above, below", "vqa.by_kind.spatial"),
    _row("- size", "vqa.by_kind.size"),
    _row("What is in the picture (all nouns)", "vqa.list"),
    _row("VQA without the image", "vqa.without_picture.accuracy"),
    _row("Dialogue accuracy, turn 1", "dialogue.turn_1"),
    _row("Dialogue accuracy, turns 2 to 4", "dialogue.turns_2_to_4", 0.85, 0.75),
    _row("Talks of thirty turns, turns 2 to 30", "dialogue.long.turns_2_to_30"),
    _row("- the worst turn", "dialogue.long.worst_turn"),
)


def table(ordinary: Figures, held_out: Figures | None = None) -> str:
    """Return a Markdown table of what `evaluate` found on ordinary and on held-out scenes.

    A measured value below its floor is bold and says so; rows that nobody measured are left out.
    """
    lines = [
        "| figure | floor | measured | floor, held-out | measured, held-out |",
        "|---|---|---|---|---|",
    ]
    for row in ROWS:
        values = (look_up(ordinary, row.path), look_up(held_out or {}, row.path))
        if values != (None, None):
            cells = (*_cells(row.floor, values[0]), *_cells(row.held_out_floor, values[1]))
            lines.append(f"| {row.label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def turns_table(ordinary: Figures, held_out: Figures | None = None) -> str:
    """Return a Markdown table of the accuracy of each turn of the talks that "dialogue" measures;
    empty where nobody measured any.
    """
    columns = [look_up_all(found or {}, "dialogue.long.by_turn") for found in (ordinary, held_out)]
    if not columns[0]:
        return ""
    lines = ["| turn | accuracy | held-out |", "|---|---|---|"]
    for turn in columns[0]:
        values = (f"{column[turn]:.3f}" if turn in column else "-" for column in columns)
        lines.append(f"| {turn} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def look_up_all(figures: Figures, path: str) -> Mapping[str, float]:
    """Return the values at a dotted path by their names; none where there are none."""
    value: float | Figures | None = figures
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    named = value if isinstance(value, Mapping) else {}
    return {name: one for name, one in named.items() if not isinstance(one, Mapping)}


def look_up(figures: Figures, path: str) -> float | None:
    """Return the value at a dotted path, None where there is none."""
    value: float | Figures | None = figures
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return None if isinstance(value, Mapping) else value


def _cells(floor: float | None, value: float | None) -> tuple[str, str]:
    """Return floor and measured value, as text."""
    wanted = "-" if floor is None else f"{floor:g}"
    if value is None:
        return wanted, "-"
    if floor is not None and value < floor:
        return wanted, f"**{value:.3f}** (below)"
    return wanted, f"{value:.3f}"
