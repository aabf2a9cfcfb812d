"""Occlusion: what a model answers or scores without some patches.

The image is not encoded again. The encoder's output for the hidden patches is taken away, which
for the Q-Former is exactly the same as an attention mask over them: it knows no order among the
patches. An average in their place would still be attended to, and is nothing that the encoder
ever outputs.

Two limits: through the encoder's layers the other patches and the class token already hold some of
what was hidden; and what is hidden is a place, not an object.
"""

from collections.abc import Collection
from dataclasses import replace

from blip2core.errors import ConfigError, ModelError
from blip2core.models import ImageFeatures


def hide_patches(
    features: ImageFeatures, hidden: Collection[int], grid: tuple[int, int]
) -> ImageFeatures:
    """Return the same images without some patches, for `Generator.answer` and `Matcher.match`.

    `hidden` counts row by row from the upper left, from 0 to R * C - 1; `grid` is (R, C), as
    `Trace.grid` has it. What a Q-Former had read of the images is dropped, so that a generator
    reads again what is left. Takes features as `encode` gave them: name all hidden patches at
    once. Raises ConfigError (no such patch, or none left), ModelError (features of another grid).
    """
    patches = range(grid[0] * grid[1])
    _check_patches(hidden, patches)
    return keep_patches(features, [patch for patch in patches if patch not in hidden], grid)


def keep_patches(
    features: ImageFeatures, kept: Collection[int], grid: tuple[int, int]
) -> ImageFeatures:
    """Return the images as if they had the patches `kept` only;
    the class token stays in any case.
    """
    total = grid[0] * grid[1]
    before = features.vision.shape[1] - total
    if before not in (0, 1):
        raise ModelError(
            f"These features are {features.vision.shape[1]} long, where a whole image has {total}: "
            "hide patches of the features that encode() gave."
        )
    _check_patches(kept, range(total))
    columns = [*range(before), *(before + patch for patch in sorted(set(kept)))]
    if len(columns) == 0:
        raise ConfigError("all patches are hidden: leave at least one to look at")
    return replace(features, vision=features.vision[:, columns], queries=None, reader=None)


def _check_patches(named: Collection[int], there: range) -> None:
    wrong = [patch for patch in named if patch not in there]
    if wrong:
        raise ConfigError(f"patch ({wrong[0]}) must be from 0 to {there[-1]}")
