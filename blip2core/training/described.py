"""Where stage 2 of the sticker models starts: the projection that puts each cell into words.

Their language models learned to read descriptions, one fused vector per cell of the picture
(`language_model.py`), and their queries each began at one cell (`models/anchors.py`). So there is a
good first projection in closed form: the least-squares map from the queries' outputs to the fused
words of their cells. Training goes on from there. This is ours, not the paper's; for a language
model that read no descriptions stage 2 starts at random.
"""

from typing import Any

import torch
from torch.nn import functional

from blip2core.models.anchors import least_squares
from blip2core.stickers.captions import NOTHING, read_cells
from blip2core.training.language_model import WordFuser, fuse
from blip2core.training.pictures import Data
from blip2core.training.stage2 import Stage2Model
from blip2core.training.sticker_pairs import StickerPairs

PICTURES = 3_000
"""Pictures from which the map is computed."""
EMPTY_WEIGHT = 0.2
"""Weight of a cell that holds nothing, as most do."""


@torch.no_grad()
def start_described(model: Stage2Model, data: Data, tokenizer: Any) -> None:
    """Write the projection from pictures of `data` and their descriptions.

    The queries must be as many as the cells of a description.
    """
    source = data.source
    assert isinstance(source, StickerPairs)
    some = range(min(PICTURES, len(source)))
    scenes = [source.scene(index) for index in some]
    queries = torch.cat([model.read(data.features.read(some[at : at + 100])) for at in some[::100]])
    word_ids = WordFuser(tokenizer).word_ids(scenes)
    words = fuse(model.language_model.get_input_embeddings(), word_ids)
    full = [[words != NOTHING for _, words in read_cells(scene)] for scene in scenes]
    weight = torch.where(torch.tensor(full), 1.0, EMPTY_WEIGHT).sqrt()[..., None]
    inputs = functional.pad(queries, (0, 1), value=1.0)  # (N, Q, D + 1), for the bias
    solved = least_squares((inputs * weight).double(), (words * weight).double())
    model.language_projection.weight.copy_(solved[:, :-1])
    model.language_projection.bias.copy_(solved[:, -1])
