"""Captions as rows of a table, and as CSV and JSON to save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.inference.captions import CaptionRequest, ScoredCaption
from app.inference.pool import ModelPair
from app.workbench.widgets import downloads, tables
from blip2core.records import Doubt

ITM = tables.Column(
    label="ITM",
    kind="score",
    hint="Image-text matching: how likely text and image belong together",
)
ITC = tables.Column(
    label="ITC",
    kind="score",
    hint="Image-text contrast: cosine of the two embeddings, the best of all queries",
)
_COLUMNS = (
    tables.Column(label="Caption"),
    ITM,
    ITC,
    tables.Column(
        label="Log-prob.",
        kind="number",
        hint="Mean natural log-probability of a token, by the model that wrote it",
    ),
    tables.Column(label="Tokens", kind="number", hint="Length as the language model counts"),
    tables.Column(label="", kind="act", sorts=False),
)
CAPTION_FIELDS = (
    "picture",
    "caption",
    "times",
    "itm",
    "itc",
    "mean_log_probability",
    "tokens",
    "truncated",
    "stopped",
    "cut_off",
    "doubted",
    "problem",
    "model",
    "revision",
    "matcher",
    "matcher_revision",
    "prompt",
    "mode",
    "seed",
)
"""Columns of the CSV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captioned:
    """An image with its captions."""

    name: str
    """Name of its file. Hostile text."""
    sha256: str = ""
    """Hash of its pixels; empty where it could not be opened."""
    captions: Sequence[ScoredCaption] = ()
    doubt: Doubt | None = None
    """Whether the image is unlike anything the model has seen; None: it is not calibrated."""
    problem: str = ""
    """Why it has none, for the visitor."""

    @property
    def is_doubted(self) -> bool | None:
        """Whether nothing that is said of it is to be trusted; None: nobody knows."""
        return None if self.doubt is None else self.doubt.is_doubted


def caption_table(captions: Sequence[ScoredCaption], title: str, below: str = "") -> str:
    """Return HTML of the captions of one image, with their scores where there are any."""
    sorted_by = 1 if captions and captions[0].itm is not None else None
    rows = [_row(caption) for caption in captions]
    return tables.table_html(_COLUMNS, rows, title=title, sorted_by=sorted_by, below=below)


def _row(caption: ScoredCaption) -> list[tables.Cell]:
    return [
        tables.text_cell(caption.text, *caption_notes(caption)),
        tables.score_cell(caption.itm),
        tables.score_cell(caption.itc),
        tables.number_cell(caption.logprob, 2),
        tables.number_cell(caption.tokens),
        tables.action_cell(caption.text),
    ]


def caption_notes(caption: ScoredCaption) -> list[str]:
    """Return the notes beside the words of a caption."""
    return [
        f"×{caption.times}" if caption.times > 1 else "",
        "stopped" if caption.stopped else "",
        "cut off by the token limit" if caption.cut_off else "",
        tables.TRUNCATED if caption.truncated else "",
    ]


def caption_links(pair: ModelPair, request: CaptionRequest, images: Sequence[Captioned]) -> str:
    """Return HTML of links that save captions with all that is needed to make them again."""
    made = _made_by(pair, request)
    same = {name: made[name] for name in ("model", "revision", "matcher", "matcher_revision")}
    same |= {"prompt": request.prompt, "mode": request.decode.mode, "seed": request.decode.seed}
    rows = [{"picture": one.name} | row | same for one in images for row in _records(one)]
    about = made | {
        "pictures": [
            {"name": one.name, "sha256": one.sha256, "problem": one.problem or None}
            | {"doubt": None if one.doubt is None else asdict(one.doubt)}
            | {"captions": [caption_record(caption) for caption in one.captions]}
            for one in images
        ]
    }
    return downloads.links("captions", CAPTION_FIELDS, rows, about)


def _made_by(pair: ModelPair, request: CaptionRequest) -> dict[str, Any]:
    return {
        "model": pair.generator.spec.name,
        "revision": pair.generator.revision,
        "matcher": pair.matcher.spec.name,
        "matcher_revision": pair.matcher.revision,
        "parameters": asdict(request),
    }


def _records(one: Captioned) -> list[dict[str, Any]]:
    if one.problem:
        return [{"problem": one.problem}]
    doubted = {"doubted": one.is_doubted}
    return [caption_record(caption) | doubted for caption in one.captions]


def caption_record(caption: ScoredCaption) -> dict[str, Any]:
    """Return a caption as plain values."""
    return {
        "caption": caption.text,
        "times": caption.times,
        "itm": caption.itm,
        "itc": caption.itc,
        "mean_log_probability": caption.logprob,
        "tokens": caption.tokens,
        "truncated": caption.truncated,
        "stopped": caption.stopped,
        "cut_off": caption.cut_off,
    }
