"""Pre-training of the small image encoder on crowded sticker scenes with known truth.

BLIP-2 starts from an image encoder that already sees (section 3.1 of the paper). Ours learns
from the exact truth of the scenes: the mean of the patch features of each cell must predict
which sticker has its centre there (noun, colour, size), each patch which sticker covers it, and the
class token the place of the scene. The heads are not kept.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Blip2VisionConfig, Blip2VisionModel

from blip2core.stickers.scene import GRID, SIDE, Scene
from blip2core.stickers.words import COLOURS, NOUNS, PLACES, SIZES
from blip2core.training.losses import IGNORE_INDEX

PATCH = 14
PATCHES = SIDE // PATCH
_NOUN = {noun: index + 1 for index, noun in enumerate(NOUNS)}
_COLOUR = {colour: index + 1 for index, colour in enumerate(COLOURS)}
_SIZE = {size: index + 1 for index, size in enumerate(SIZES)}
_PLACE = {place: index for index, place in enumerate(PLACES)}

GRAY_SHARE = 0.25
"""Share of the training images that lose their colours."""
POSITION_CHANNELS = 2 * PATCHES
"""Channels that hold the position of a patch: one for each row and one for each column."""
_EMPTY_WEIGHT = 0.3
"""Weight of the class "nothing here", which most cells of an ordinary scene belong to."""


def build_image_encoder(width: int = 192, layers: int = 6, heads: int = 3) -> Blip2VisionModel:
    """Build a random ViT for images of SIDE x SIDE pixels, to be trained from scratch."""
    config = Blip2VisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=SIDE,
        patch_size=PATCH,
        # The default, 1e-10, is meant for loading weights only: nothing would learn.
        initializer_range=0.02,
        attn_implementation="eager",
    )
    model = Blip2VisionModel(config)
    reserve_positions(model)
    return model


@torch.no_grad()
def reserve_positions(model: Blip2VisionModel) -> None:
    """Let the last POSITION_CHANNELS of every token hold its row and column, and nothing else.

    No layer may write to them, now or later, so they pass through to the features. Without this a
    small ViT forgets the position of a patch as it learns what is there, above all for the patches
    that show something, and the queries of a Q-Former cannot divide the image (docs/LOG.md).
    """
    embeddings = model.embeddings
    one = torch.eye(PATCHES)
    codes = torch.cat([one.repeat_interleave(PATCHES, dim=0), one.repeat(PATCHES, 1)], dim=1)
    embeddings.position_embedding[0, 1:, -POSITION_CHANNELS:] = codes
    embeddings.position_embedding[0, 0, -POSITION_CHANNELS:] = 0
    writers = [embeddings.patch_embedding]
    for layer in model.encoder.layers:
        writers += [layer.self_attn.projection, layer.mlp.fc2]
    for writer in writers:
        for parameter in writer.parameters():
            _silence(parameter)
            parameter.register_hook(_silence)


def _silence(rows: Tensor) -> Tensor:
    """Zero the rows of a weight, or of its gradient, that write to the position channels."""
    with torch.no_grad():
        rows[-POSITION_CHANNELS:] = 0
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Targets of the heads for a batch of B scenes."""

    cells: Tensor
    """(B, GRID * GRID, 3): noun, colour and size of the sticker centred there; 0 for none."""
    patches: Tensor
    """(B, PATCHES * PATCHES, 2): noun and colour of the sticker that covers the patch's centre."""
    places: Tensor
    """(B,); IGNORE_INDEX for a backdrop that is no place."""

    def to(self, device: torch.device) -> "Truth":
        """Return the same targets on another device."""
        return Truth(
            cells=self.cells.to(device),
            patches=self.patches.to(device),
            places=self.places.to(device),
        )


def truth_of(scenes: list[Scene]) -> Truth:
    """Return the targets of `ReadingHeads` for these scenes."""
    cells = torch.zeros(len(scenes), GRID * GRID, 3, dtype=torch.long)
    patches = torch.zeros(len(scenes), PATCHES, PATCHES, 2, dtype=torch.long)
    for row, scene in enumerate(scenes):
        for group in scene.groups:
            noun, colour = _NOUN[group.noun], _COLOUR.get(group.colour or "", 0)
            for box in group.boxes:
                cells[row, box.cell] = torch.tensor([noun, colour, _SIZE[group.size]])
                left, right = _patch_range(box.x, box.side)
                top, bottom = _patch_range(box.y, box.side)
                patches[row, top:bottom, left:right, 0] = noun
                patches[row, top:bottom, left:right, 1] = colour
    places = torch.tensor([_PLACE.get(scene.place, IGNORE_INDEX) for scene in scenes])
    return Truth(cells=cells, patches=patches.flatten(1, 2), places=places)


def _patch_range(centre: int, side: int) -> tuple[int, int]:
    """Return first and last + 1 of the patches whose centre is inside the sticker."""
    first = round((centre - side / 2) / PATCH)
    last = round((centre + side / 2) / PATCH)
    return max(0, first), min(PATCHES, max(last, first + 1))


class ReadingHeads(nn.Module):
    """Linear heads on the encoder's features, used in pre-training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sizes = (len(NOUNS) + 1, len(COLOURS) + 1, len(SIZES) + 1)
        self.cell = nn.Linear(width, sum(self.sizes))
        self.patch = nn.Linear(width, sum(self.sizes[:2]))
        self.place = nn.Linear(width, len(PLACES))

    def forward(self, features: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor]:
        """Return logits of each cell (noun, colour, size), of each patch, and of the place, from
        (B, 1 + P, D).
        """
        patches = features[:, 1:]
        cells = cell_means(patches)
        return (
            self.cell(cells).split(self.sizes, dim=-1),
            self.patch(patches).split(self.sizes[:2], dim=-1),
            self.place(features[:, 0]),
        )


def cell_means(patches: Tensor) -> Tensor:
    """Return the mean over each cell's patches, (B, GRID * GRID, D), of features (B, P, D)."""
    batch, _, width = patches.shape
    side = PATCHES // GRID
    grid = patches.view(batch, GRID, side, GRID, side, width)
    return grid.mean(dim=(2, 4)).flatten(1, 2)


def reading_loss(heads: ReadingHeads, features: Tensor, truth: Truth) -> Tensor:
    """Return the sum of the cross-entropies of all heads, a scalar, from features (B, 1 + P, D)."""
    cells, patches, place = heads(features)
    # the sum over an empty batch of places is 0, where the mean would be no number
    places = functional.cross_entropy(
        place, truth.places, ignore_index=IGNORE_INDEX, reduction="sum"
    )
    loss = places * 0.3 / len(truth.places)
    for index, (logits, weight) in enumerate(zip(cells, (1.0, 0.5, 0.3), strict=True)):
        loss = loss + weight * _weighted(logits, truth.cells[..., index])
    for index, (logits, weight) in enumerate(zip(patches, (1.0, 0.3), strict=True)):
        loss = loss + weight * _weighted(logits, truth.patches[..., index])
    return loss


def _weighted(logits: Tensor, targets: Tensor) -> Tensor:
    weights = torch.ones(logits.shape[-1], device=logits.device)
    weights[0] = _EMPTY_WEIGHT
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), weights)


def jitter(pixels: Tensor, truth: Truth, generator: torch.Generator) -> tuple[Tensor, Truth]:
    """Scale and shift the channels of (B, 3, H, W) normalised pixels a little; some images lose
    their colour, which is then no target. So a sticker is recognised by its shape first, and
    generalises to new colours.
    """
    shape = (len(pixels), 3, 1, 1)
    gain = 1 + 0.15 * (2 * torch.rand(shape, generator=generator) - 1)
    shift = 0.3 * (2 * torch.rand(shape, generator=generator) - 1)
    gray = torch.rand(len(pixels), generator=generator) < GRAY_SHARE
    pixels = torch.where(gray[:, None, None, None], pixels.mean(1, keepdim=True), pixels)
    cells, patches = truth.cells.clone(), truth.patches.clone()
    cells[gray, :, 1] = IGNORE_INDEX
    patches[gray, :, 1] = IGNORE_INDEX
    return pixels * gain + shift, replace(truth, cells=cells, patches=patches)


@torch.no_grad()
def reading_accuracy(heads: ReadingHeads, features: Tensor, truth: Truth) -> dict[str, float]:
    """Return shares in [0, 1] that are read right: noun, colour and size of the cells with a
    sticker, the empty cells, and the place of the image.
    """
    cells, _, place = heads(features)
    noun, colour, size = (logits.argmax(-1) for logits in cells)
    there = truth.cells[..., 0] > 0
    tinted = truth.cells[..., 1] > 0
    return {
        "noun": _share(noun[there] == truth.cells[..., 0][there]),
        "colour": _share(colour[tinted] == truth.cells[..., 1][tinted]),
        "size": _share(size[there] == truth.cells[..., 2][there]),
        "empty": _share(noun[~there] == 0),
        "place": _share(place.argmax(-1) == truth.places),
    }


def _share(right: Tensor) -> float:
    return right.float().mean().item()
