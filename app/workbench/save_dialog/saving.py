"""Save what the dialog offered; all of it is on disk when a function here returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.chat.image import ChatImage
from app.chat.text_writer import TextWriter
from app.inference.capfilt_tasks import CapFiltSession, ImageCard, caption_config, score_candidates
from app.inference.features import matcher_features
from app.services import Services
from app.workbench.save_dialog.offers import SaveOffer, TextOffer
from blip2core.config import CaptionConfig
from blip2core.curation.pairs import (
    PairOrigin,
    ReviewedImage,
    StoredImage,
    store_image,
    store_pairs,
)
from blip2core.errors import StorageError
from blip2core.images import open_image
from blip2core.intake import check_image
from blip2core.records import Candidate, ReviewedText
from blip2core.storage.database import Database

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What is in a dataset now."""

    images: tuple[StoredImage, ...]
    accepted: int
    rejected: int


def save_offer(
    services: Services,
    offer: SaveOffer,
    chosen: Sequence[TextOffer],
    *,
    dataset: str,
    annotator: str,
) -> Saved:
    """Store the image of an offer with the chosen texts, each accepted, or its pairs.

    Raises StorageError where there is no database, the dataset has no name, or the image or all of
    the pairs are refused; ImageError where the image cannot be read.
    """
    database = services.database
    if database is None:
        raise StorageError("There is no database to save to.")
    if offer.pairs is not None:
        return _save_pairs(
            services, database, offer.pairs, offer.cards, dataset=dataset, annotator=annotator
        )
    if offer.image is None:
        raise StorageError("There is no image to save.")
    clean = check_image(offer.image.data)
    image = ReviewedImage(name=offer.image.name, data=clean.data, sha256=clean.sha256)
    # Scored before anything is stored: of an image that cannot be scored nothing is half there.
    parts = _parts(services, offer.model, offer.image, image, chosen) if chosen else []
    first = store_image(database, image, dataset=dataset)
    stored = [first]
    for origin, part in parts:
        done = store_pairs(database, [part], origin, dataset=dataset, annotator=annotator)
        stored += done.images
    whole = replace(
        first,
        texts=sum(one.texts for one in stored),
        known=sum(one.known for one in stored),
    )
    return Saved(images=(whole,), accepted=len(chosen), rejected=0)


def _parts(
    services: Services,
    model: str,
    shown: ChatImage,
    image: ReviewedImage,
    chosen: Sequence[TextOffer],
) -> list[tuple[PairOrigin, ReviewedImage]]:
    """Return the image with the chosen texts, scored and accepted, apart by who wrote them."""
    # Loads torch, which is there as the models are.
    from blip2core.capfilt import scorer_identity
    from blip2core.models.identity import dtype_of

    pair = services.engine.pair(model)
    scored = services.engine.call(
        score_candidates,
        model,
        matcher_features(
            services.engine,
            model,
            lambda: open_image(shown.data),
            shown.features,
            shown.matcher_features,
        ),
        [_candidate(text) for text in chosen],
    )
    loaded = (pair.generator.spec.name, pair.generator.revision)
    scorer = scorer_identity(pair.matcher)

    def origin(writer: TextWriter | None) -> PairOrigin:
        known = writer is not None and (writer.model, writer.revision) == loaded
        return PairOrigin(
            captioner=writer.model if writer else "",
            revision=writer.revision if writer else "",
            dtype=dtype_of(pair.generator) if known else None,
            captions=writer.captions if writer else CaptionConfig(),
            scorer=scorer,
        )

    parts = []
    for writer in dict.fromkeys(text.writer for text in chosen):
        texts = tuple(
            ReviewedText(number=number, scored=scored[number], verdict="accepted")
            for number, text in enumerate(chosen)
            if text.writer == writer
        )
        questions = {text.words: text.question for text in chosen if text.question}
        parts.append((origin(writer), replace(image, texts=texts, questions=questions)))
    return parts


def _candidate(text: TextOffer) -> Candidate:
    return Candidate(text=text.words, source="synthetic" if text.writer else "human")


def _save_pairs(
    services: Services,
    database: Database,
    pairs: CapFiltSession,
    cards: Sequence[ImageCard],
    *,
    dataset: str,
    annotator: str,
) -> Saved:
    """Store the images of which a text was decided about; once, however often it is called."""
    from blip2core.capfilt import scorer_identity
    from blip2core.models.identity import dtype_of

    images = [
        ReviewedImage(name=card.name, data=card.data, sha256=card.sha256, texts=card.texts)
        for card in cards
    ]
    if not images:
        raise StorageError("Accept or reject a text first.")
    pair = services.engine.pair(pairs.batch.request.model)
    origin = PairOrigin(
        captioner=pair.generator.spec.name,
        revision=pair.generator.revision,
        dtype=dtype_of(pair.generator),
        captions=caption_config(pairs.batch.request.captions),
        scorer=scorer_identity(pair.matcher),
    )
    run_id = pairs.runs.get(dataset)
    stored = store_pairs(
        database, images, origin, dataset=dataset, annotator=annotator, run_id=run_id
    )
    pairs.runs[dataset] = stored.run_id
    return Saved(images=stored.images, accepted=stored.accepted, rejected=stored.rejected)
