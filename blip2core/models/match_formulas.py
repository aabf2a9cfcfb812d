"""The two formulas behind a matcher: BLIP-2's stage-1 Q-Former, and the first BLIP.

Both take what the image encoder left and token ids, and give embeddings and logits.
B images or pairs, P patches, V vision width, Q queries, T text tokens, E embedding width.
"""

from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn.functional import normalize
from transformers import BlipForImageTextRetrieval


class Matching(Protocol):
    """What `Matcher` asks of a model."""

    def embed_images(self, vision: Tensor) -> Tensor:
        """Embed images (B, P, V) as (B, Q, E), each of length 1."""

    def embed_texts(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed texts (B, T) as (B, E), each of length 1."""

    def itm_logits(self, vision: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits (B, 2), no match and match; one image, (1, P, V), serves B texts."""


class QFormerMatching:
    """`Blip2ForImageTextRetrieval`: the text attends to the image through the queries."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def embed_images(self, vision: Tensor) -> Tensor:
        """Embed images (B, P, V) as (B, Q, E): one embedding for each query token."""
        model = self.model
        hidden = model.qformer(
            query_embeds=model.query_tokens.expand(len(vision), -1, -1),
            encoder_hidden_states=self._image(vision),
        ).last_hidden_state
        return normalize(model.vision_projection(self._typed(hidden)), dim=-1)

    def embed_texts(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed texts (B, T) as (B, E), read from [CLS]."""
        model = self.model
        hidden = model.qformer(
            query_embeds=model.embeddings(input_ids=ids), query_length=0, attention_mask=mask
        ).last_hidden_state
        return normalize(model.text_projection(self._typed(hidden[:, 0])), dim=-1)

    def itm_logits(self, vision: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits (B, 2) of B pairs, the mean over queries.

        With one image the Q-Former projects its keys and values once: attention broadcasts them.
        """
        model = self.model
        queries = model.query_tokens.expand(len(ids), -1, -1)
        hidden = model.qformer(
            query_embeds=model.embeddings(input_ids=ids, query_embeds=queries),
            query_length=queries.shape[1],
            attention_mask=torch.cat([mask.new_ones(queries.shape[:2]), mask], dim=1),
            encoder_hidden_states=self._image(vision),
        ).last_hidden_state
        logits = model.itm_head(self._typed(hidden[:, : queries.shape[1]]))  # (B, Q, 2)
        return cast(Tensor, logits.mean(dim=1))

    def _image(self, vision: Tensor) -> Tensor:
        return cast(Tensor, self.model.vision_model.post_layernorm(vision))

    def _typed(self, hidden: Tensor) -> Tensor:
        """Convert to the Q-Former's type, which stays float32 where the rest is float16."""
        return hidden.to(self.model.itm_head.weight.dtype)


class BlipMatching:
    """`BlipForImageTextRetrieval`: one embedding for an image; the text encoder attends to it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def embed_images(self, vision: Tensor) -> Tensor:
        """Embed images (B, P, V) as (B, 1, E), read from the class token."""
        return normalize(self.model.vision_proj(self._image(vision)[:, :1]), dim=-1)

    def embed_texts(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed texts (B, T) as (B, E), read from [CLS]."""
        hidden = self.model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return normalize(self.model.text_proj(hidden[:, 0]), dim=-1)

    def itm_logits(self, vision: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits (B, 2) of B pairs, read from [CLS]."""
        hidden = self.model.text_encoder(
            input_ids=ids, attention_mask=mask, encoder_hidden_states=self._image(vision)
        ).last_hidden_state
        return cast(Tensor, self.model.itm_head(hidden[:, 0]))

    def _image(self, vision: Tensor) -> Tensor:
        return cast(Tensor, self.model.vision_model.post_layernorm(vision))


def matching_of(model: Any) -> Matching:
    """Return the formulas that go with a loaded model."""
    if isinstance(model, BlipForImageTextRetrieval):
        return BlipMatching(model)
    return QFormerMatching(model)
