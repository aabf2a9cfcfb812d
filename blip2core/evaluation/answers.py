"""Pointing game for generated captions: the image regions that their noun tokens depend on.

Each token that is a noun of a group in the scene points by its own map; a hit is a peak inside the
box of any sticker of that group. Right and wrong captions count alike, as far as they name what is
there.
"""

from blip2core.evaluation.gallery import BATCH, DECODE, Figures, Gallery, mean
from blip2core.evaluation.pointing_game import patches_inside, wilson
from blip2core.explain.answers import trace_answer
from blip2core.models import Generator
from blip2core.records import Generated
from blip2core.stickers.captions import noun_of


def measure_answers(generator: Generator, gallery: Gallery) -> Figures:
    """Return the hit rate of the nouns with its 95 % interval, and that of chance; `picture_share`
    is the mean part of a noun's attention that was on the image rather than on words.
    """
    hits: list[bool] = []
    areas: list[float] = []
    shares: list[float] = []
    prompt = generator.spec.template.caption
    for index, (scene, caption) in enumerate(
        zip(gallery.scenes, _captions(generator, gallery), strict=True)
    ):
        seen = trace_answer(generator, gallery.features[[index]], prompt, caption.tokens)
        for token, piece in enumerate(seen.pieces):
            group = scene.group(noun_of(piece.strip()) or "") if piece.strip() else None
            if group is not None:
                right = patches_inside(group, seen.grid)
                hits.append(seen.token_map(token).peak in right)
                areas.append(len(right) / (seen.grid[0] * seen.grid[1]))
                shares.append(float(seen.image_share[token]))
    if not hits:
        return {"nouns": 0}
    low, high = wilson(sum(hits), len(hits))
    return {
        "nouns": len(hits),
        "chance": mean(areas),
        "hits": mean(hits),
        "low": low,
        "high": high,
        "picture_share": mean(shares),
    }


def _captions(generator: Generator, gallery: Gallery) -> list[Generated]:
    """Return the greedy caption of each image."""
    captions: list[Generated] = []
    for start in range(0, len(gallery.scenes), BATCH):
        part = gallery.features[start : start + BATCH]
        captions += [texts[0] for texts in generator.caption(part, decode=DECODE)]
    return captions
