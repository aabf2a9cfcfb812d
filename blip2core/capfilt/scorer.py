"""The scorer: how well texts of any source match their images, by the same model for all."""

from collections.abc import Sequence, Sized

from blip2core.arguments import check_kind
from blip2core.errors import ModelError, TextError
from blip2core.models import ImageFeatures, Matcher
from blip2core.models.identity import dtype_of, preprocessing_hash, revision_of
from blip2core.models.matcher import ROWS_PER_PASS, cosines_of
from blip2core.records import Candidate, Scored, ScorerIdentity
from blip2core.texts import count_of


def score(
    matcher: Matcher, features: ImageFeatures, texts: Sequence[Sequence[Candidate]]
) -> list[list[Scored]]:
    """Return ITM and ITC of each text with its image, computed in batches across images and texts.

    Takes the features of B images, from a generator's pass where the image encoder is shared,
    and B lists of texts; returns B lists in the same order.
    """
    # The matcher checks the features themselves; an image has no length.
    check_kind(features, Sized, "score takes the features that encode([image]) returns", ModelError)
    expected = "score takes a list of Candidates for each image"
    check_kind(texts, (list, tuple), expected, TextError)
    for listed in texts:
        check_kind(listed, (list, tuple), expected, TextError)
        for candidate in listed:
            check_kind(candidate, Candidate, expected, TextError)
    if len(features) != len(texts):
        given = f"{count_of(len(features), 'image')} and {count_of(len(texts), 'list')} of texts"
        raise ModelError(f"{given} do not fit: give one list for each image.")
    pairs = [(row, candidate) for row, listed in enumerate(texts) for candidate in listed]
    found: list[list[Scored]] = [[] for _ in texts]
    if not pairs:
        return found
    images = matcher.embed_images(features)  # (B, Q, E)
    for start in range(0, len(pairs), ROWS_PER_PASS):
        part = pairs[start : start + ROWS_PER_PASS]
        rows = [row for row, _ in part]
        words = [candidate.text for _, candidate in part]
        embedded = matcher.embed_texts(words)  # (N, E)
        cosines = cosines_of(images[rows], embedded[:, :, None]).squeeze(2).amax(dim=1)
        probabilities = matcher.itm(features[rows], words)
        for (row, candidate), itm, itc in zip(
            part, probabilities.tolist(), cosines.tolist(), strict=True
        ):
            tokens = matcher.count_tokens(candidate.text)
            found[row].append(
                Scored(
                    candidate=candidate,
                    itm=itm,
                    itc=itc,
                    tokens=tokens,
                    truncated=tokens > matcher.text_limit,
                )
            )
    return found


def scorer_identity(matcher: Matcher) -> ScorerIdentity:
    """Return everything that determines this matcher's scores besides image and text."""
    return ScorerIdentity(
        model=matcher.spec.name,
        revision=revision_of(matcher),
        dtype=dtype_of(matcher),
        preprocessing=preprocessing_hash(matcher),
        text_limit=matcher.text_limit,
    )
