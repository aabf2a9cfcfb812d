"""How well texts fit images: ITC cosine, ITM probability, retrieval.

B images, P patches, V vision width, Q queries, E embedding width, N texts, T tokens.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from blip2core.arguments import check_text, check_texts
from blip2core.errors import ConfigError, ModelError, TextError
from blip2core.models.identity import revision_of
from blip2core.models.match_formulas import matching_of
from blip2core.models.padding import pad_rows
from blip2core.models.specs import ModelSpec
from blip2core.models.vision import ImageFeatures, Sharing, VisionEncoder, check_features
from blip2core.records import Match
from blip2core.texts import count_of

ROWS_PER_PASS = 64
"""Images, texts or pairs that go through the Q-Former together."""


class Matcher:
    """A loaded stage-1 model. Encode an image once, score any number of texts. Holds no state."""

    def __init__(self, model: Any, processor: Any, spec: ModelSpec) -> None:
        """Take `model` on its device, frozen and in evaluation mode,
        as `load_matcher` leaves it.
        """
        self.model, self.processor, self.spec = model, processor, spec
        self.vision = VisionEncoder(model.vision_model, processor.image_processor)
        self.sharing = Sharing(shared=False, reason="No generator to share with was given.")
        self.matching = matching_of(model)
        text_config = (
            model.config.qformer_config if spec.family == "blip2" else model.config.text_config
        )
        positions: int = text_config.max_position_embeddings
        self.text_limit = min(spec.text_limit or positions, positions)

    @property
    def device(self) -> torch.device:
        return self.vision.device

    @property
    def dtype(self) -> torch.dtype:
        return self.vision.dtype

    @cached_property
    def revision(self) -> str:
        """What names the weights exactly: see `revision_of`."""
        return revision_of(self)

    def encode(self, images: Sequence[Image.Image] | Tensor) -> ImageFeatures:
        """Encode RGB images, or what `vision.prepare` made of them, to features of B images.

        The image encoder runs once.

        Where the encoder is shared, a generator's features serve as well, and these serve it.
        """
        return ImageFeatures(vision=self.vision.encode(images), encoder=self.vision.fingerprint)

    def match(self, features: ImageFeatures, texts: Sequence[str]) -> list[Match]:
        """Score any number of texts for one image, in the order of the texts."""
        check_features(features, "match")
        check_texts(texts, "match")
        if len(features) != 1:
            raise ModelError(f"match() takes the features of one image, not of {len(features)}.")
        cosines = cosines_of(self.embed_images(features)[0], self.embed_texts(texts).T)  # (Q, N)
        best = cosines.max(dim=0)
        margins = self._margins(features, texts)
        return self._matches(texts, margins, best.values, best.indices)

    def rank(
        self,
        text: str,
        features: ImageFeatures,
        *,
        shortlist: int = 16,
        embeddings: Tensor | None = None,
    ) -> list[tuple[int, Match]]:
        """Return the images that fit a text best, as (index, match), best first.

        ITC picks the `shortlist` from all B images, ITM puts it in order, ITC breaks ties.
        `embeddings` (B, Q, E) from `embed_images` saves their computation when asked again.
        """
        check_text(text, "The text of rank")
        vision = self.vision_of(features)
        if shortlist < 1:
            raise ConfigError(f"shortlist ({shortlist}) must be at least 1")
        images = self.embed_images(features) if embeddings is None else embeddings
        if len(images) != len(vision):
            given = f"{count_of(len(images), 'image')}, and the features of {len(vision)}"
            raise ModelError(f"The embeddings are of {given}: give those of the same images.")
        best = cosines_of(images, self.embed_texts([text])[0]).max(dim=1)  # over queries: (B,)
        chosen = best.values.argsort(descending=True)[:shortlist]
        kept = features[chosen.tolist()]
        margins = self._margins(kept, [text] * len(kept))
        matches = self._matches(
            [text] * len(kept), margins, best.values[chosen], best.indices[chosen]
        )
        order = sorted(range(len(kept)), key=lambda i: (-margins[i].item(), -matches[i].itc))
        return [(int(chosen[i]), matches[i]) for i in order]

    def itc(self, features: ImageFeatures, texts: Sequence[str]) -> Tensor:
        """Return (B, N) cosines, each the best over the queries."""
        check_texts(texts, "itc")
        images, words = self.embed_images(features), self.embed_texts(texts)
        return torch.stack([cosines_of(queries, words.T).amax(dim=0) for queries in images])

    def itm(self, features: ImageFeatures, texts: Sequence[str]) -> Tensor:
        """Return the probabilities that B images and as many texts, or one image and N texts,
        match.
        """
        check_texts(texts, "itm")
        return self._margins(features, texts).sigmoid()

    @torch.no_grad()
    def embed_images(self, features: ImageFeatures) -> Tensor:
        """Return the image embeddings of ITC, (B, Q, E), each of length 1, in float32."""
        vision = self.vision_of(features)
        parts = [
            vision[start : start + ROWS_PER_PASS] for start in range(0, len(vision), ROWS_PER_PASS)
        ]
        return torch.cat([self.matching.embed_images(part).float() for part in parts])

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return the text embeddings of ITC, (N, E), each of length 1, in float32; no image is
        involved.
        """
        check_texts(texts, "embed_texts")
        parts = [
            texts[start : start + ROWS_PER_PASS] for start in range(0, len(texts), ROWS_PER_PASS)
        ]
        return torch.cat([self.matching.embed_texts(*self.tokens(p)).float() for p in parts])

    def is_truncated(self, text: str) -> bool:
        """Return whether the text is longer than `text_limit`, so that its end is not read."""
        return self.count_tokens(text) > self.text_limit

    def count_tokens(self, text: str) -> int:
        """Return the tokens of the whole text, start and end included, even those that are not
        read.
        """
        check_text(text, "The text")
        return len(self.processor.tokenizer(text, verbose=False).input_ids)

    @torch.no_grad()
    def _margins(self, features: ImageFeatures, texts: Sequence[str]) -> Tensor:
        """Return match logit minus no-match logit, (N,),
        whose sigmoid is the softmax over the two.
        """
        vision = self.vision_of(features)
        if len(vision) not in (1, len(texts)):
            given = f"{count_of(len(texts), 'text')} and {count_of(len(vision), 'image')}"
            raise ModelError(f"{given} do not fit: give one image, or one for each text.")
        logits = []
        for start in range(0, len(texts), ROWS_PER_PASS):
            rows = slice(start, start + ROWS_PER_PASS)
            images = vision if len(vision) == 1 else vision[rows]
            logits.append(self.matching.itm_logits(images, *self.tokens(texts[rows])).float())
        no_match, match = torch.cat(logits).unbind(dim=1)
        return match - no_match

    def _matches(
        self, texts: Sequence[str], margins: Tensor, cosines: Tensor, queries: Tensor
    ) -> list[Match]:
        scores = (margins.sigmoid().tolist(), cosines.tolist(), queries.tolist())
        return [
            Match(text=text, itm=itm, itc=itc, query=query, truncated=self.is_truncated(text))
            for text, itm, itc, query in zip(texts, *scores, strict=True)
        ]

    def vision_of(self, features: ImageFeatures) -> Tensor:
        """Return (B, P, V) on this matcher's device.

        Raises ModelError where another encoder made it.
        """
        check_features(features, "A matcher")
        if features.encoder != self.vision.fingerprint:
            raise ModelError(
                f"These features come from another image encoder than {self.spec.name}'s: "
                "encode the images with this matcher."
            )
        return features.vision.to(self.device)

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return ids and mask (N, T) of texts, cut to the text limit with the end token kept."""
        rows = []
        for text in texts:
            check_text(text, "A text to match")
            if not text.strip():
                raise TextError("A text is empty: there is nothing to match.")
            ids = self.processor.tokenizer(text, verbose=False).input_ids
            rows.append(
                ids if len(ids) <= self.text_limit else ids[: self.text_limit - 1] + ids[-1:]
            )
        return pad_rows(rows, self.processor.tokenizer.pad_token_id, "right", self.device)


def cosines_of(images: Tensor, texts: Tensor) -> Tensor:
    """Return the product of embeddings of length 1, whose rounding may exceed a cosine's range."""
    return (images @ texts).clamp(-1, 1)
