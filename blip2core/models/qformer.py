"""The stage-1 Q-Former: one transformer that reads images and texts under three masks.

Section 3.2 of the BLIP-2 paper (2301.12597). The layers are transformers' own; this module adds
what transformers leaves out: the learnable temperature, the head that writes text (ITG), the mask
under which one pass serves ITC and ITG, and keys and values of an image that are computed once.

Vision features are `Blip2VisionModel(...).last_hidden_state`, thus after `post_layernorm`, which
is frozen with the rest of the encoder. Letters: B batch, P patches, V vision width, Q queries,
T tokens, L = Q + T, D width, H heads, E width of the space shared by images and texts.
"""

import copy
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from transformers import (
    BertForMaskedLM,
    Blip2Config,
    Blip2ForImageTextRetrieval,
    Blip2QFormerConfig,
    Blip2QFormerModel,
    Blip2VisionModel,
)

from blip2core.errors import ModelError
from blip2core.models.cross_attention_cache import CrossAttentionCache, attend_cached, split_heads
from blip2core.models.masks import text_mask, writing_mask
from blip2core.models.transformers_internals import (
    BertPredictionHeadTransform,
    Blip2QFormerLayer,
    Blip2TextEmbeddings,
)

AttentionImplementation = Literal["eager", "sdpa"]

INITIAL_TEMPERATURE = 0.07
TEMPERATURE_RANGE = (0.01, 0.5)
"""As CLIP and BLIP bound it. BLIP-2 does not, and at a learning rate of 1e-3 it passes zero."""
STAGE1_ONLY = ("temperature", "itg_bias", "itg_transform.")


def attention_for(device: torch.device | str) -> AttentionImplementation:
    """Return the faster attention for training: on a CPU the backward pass of SDPA is slow."""
    return "sdpa" if torch.device(device).type == "cuda" else "eager"


class ReadAndWrite(NamedTuple):
    """What one pass over queries and text gives."""

    queries: Tensor
    """(B, Q, D) query outputs, the same as those of an image-only pass."""
    logits: Tensor
    """(B, T, vocabulary) logits of the token after each position."""


class Stage1QFormer(nn.Module):
    """Q-Former with query tokens, text embeddings and the heads of ITC, ITM and ITG.

    Parameters carry the names of `Blip2ForImageTextRetrieval`, plus `temperature`, `itg_transform`
    and `itg_bias`. The output weights of the ITG head are the word embeddings themselves.
    """

    def __init__(
        self,
        config: Blip2QFormerConfig,
        *,
        num_query_tokens: int,
        image_text_hidden_size: int,
        decoder_token_id: int,
        temperature: float = INITIAL_TEMPERATURE,
        attention: AttentionImplementation = "eager",
    ) -> None:
        """Build a fresh Q-Former; `decoder_token_id` is [DEC], the start token of ITG."""
        super().__init__()
        if not config.use_qformer_text_input:
            raise ModelError("stage 1 needs a Q-Former with use_qformer_text_input=True")
        if not 0 <= decoder_token_id < config.vocab_size:
            raise ModelError(
                f"decoder_token_id ({decoder_token_id}) must be inside the vocabulary "
                f"of {config.vocab_size}"
            )
        self.config = copy.deepcopy(config)
        self.decoder_token_id = decoder_token_id
        width = config.hidden_size
        self.query_tokens = nn.Parameter(torch.empty(1, num_query_tokens, width))
        self.embeddings = Blip2TextEmbeddings(self.config)
        self.qformer = Blip2QFormerModel(self.config)
        self.qformer.set_attn_implementation(attention)
        self.vision_projection = nn.Linear(width, image_text_hidden_size)
        self.text_projection = nn.Linear(width, image_text_hidden_size)
        self.itm_head = nn.Linear(width, 2)
        self.itg_transform = BertPredictionHeadTransform(self.config)
        self.itg_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.temperature = nn.Parameter(torch.tensor(temperature))
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        # transformers leaves query tokens at zero, where all queries stay identical for ever
        deviation = self.config.initializer_range
        nn.init.normal_(self.query_tokens, std=deviation)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=deviation)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=deviation)
                if module.padding_idx is not None:
                    nn.init.zeros_(module.weight[module.padding_idx])
        for layer in self.qformer.encoder.layer:
            copy_text_path(layer)

    @property
    def num_query_tokens(self) -> int:
        """Q, the number of learned queries."""
        return self.query_tokens.shape[1]

    # the passes -------------------------------------------------------------------------------

    def cross_attention_cache(self, vision: Tensor) -> CrossAttentionCache:
        """Return the keys and values of B images (B, P, V), for any number of passes over them."""
        layers = {}
        for at, layer in enumerate(self.qformer.encoder.layer):
            if layer.has_cross_attention:
                look = layer.crossattention.attention
                layers[at] = (
                    split_heads(look.key(vision), look.num_attention_heads),
                    split_heads(look.value(vision), look.num_attention_heads),
                )
        return CrossAttentionCache(layers)

    def encode_image(self, vision: Tensor | CrossAttentionCache) -> Tensor:
        """Return query outputs (B, Q, D) of image features (B, P, V); no text is involved."""
        cache = self._cache_of(vision)
        return self._run(self._queries(cache), None, cache)

    def encode_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return text outputs (B, T, D) of ids and mask (B, T); no image is involved."""
        return self._run(self.embeddings(input_ids=ids), text_mask(mask), None)

    def read_and_write(
        self, vision: Tensor | CrossAttentionCache, ids: Tensor, mask: Tensor
    ) -> ReadAndWrite:
        """Return query outputs (ITC) and next-token logits (ITG) of B images with B texts, in one
        pass.

        `ids` and `mask` are (B, T); position 0 of `ids` is replaced by [DEC] here.
        """
        cache = self._cache_of(vision)
        ids = torch.cat([torch.full_like(ids[:, :1], self.decoder_token_id), ids[:, 1:]], dim=1)
        hidden = self.embeddings(input_ids=ids, query_embeds=self._queries(cache))
        hidden = self._run(hidden, writing_mask(mask, queries=self.num_query_tokens), cache)
        return ReadAndWrite(
            queries=hidden[:, : self.num_query_tokens],
            logits=self.itg_head(hidden[:, self.num_query_tokens :]),
        )

    def itm_logits(self, vision: Tensor | CrossAttentionCache, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits (B, 2), "does not match" and "matches", of B images with texts (B, T)."""
        cache = self._cache_of(vision)
        hidden = self.embeddings(input_ids=ids, query_embeds=self._queries(cache))
        seen = text_mask(mask, queries=self.num_query_tokens)
        queries = self._run(hidden, seen, cache)[:, : self.num_query_tokens]
        logits: Tensor = self.itm_head(queries).mean(dim=1)
        return logits

    @torch.no_grad()
    def bound_temperature(self) -> None:
        """Bring the temperature back into its range; to be called between optimizer steps."""
        self.temperature.clamp_(*TEMPERATURE_RANGE)

    # the heads --------------------------------------------------------------------------------

    def image_features(self, queries: Tensor) -> Tensor:
        """Project query outputs (B, Q, D) to (B, Q, E) of length 1."""
        return nn.functional.normalize(self.vision_projection(queries).float(), dim=-1)

    def text_features(self, text: Tensor) -> Tensor:
        """Project text outputs (B, T, D), read at [CLS], to (B, E) of length 1."""
        return nn.functional.normalize(self.text_projection(text[:, 0]).float(), dim=-1)

    def itg_head(self, text: Tensor) -> Tensor:
        """Return logits (B, T, vocabulary) of text outputs (B, T, D)."""
        words = self.embeddings.word_embeddings.weight
        return nn.functional.linear(self.itg_transform(text), words, self.itg_bias)

    # inside -----------------------------------------------------------------------------------

    def _cache_of(self, vision: Tensor | CrossAttentionCache) -> CrossAttentionCache:
        return self.cross_attention_cache(vision) if isinstance(vision, Tensor) else vision

    def _queries(self, cache: CrossAttentionCache) -> Tensor:
        keys, _ = next(iter(cache.layers.values()))
        return self.query_tokens.expand(keys.shape[0], -1, -1)

    def _run(
        self, embedded: Tensor, mask: Tensor | None, cache: CrossAttentionCache | None
    ) -> Tensor:
        """Run the layers over (B, L, D); with an image the first Q positions are queries."""
        queries = 0 if cache is None else self.num_query_tokens
        hidden: Tensor = self.qformer.dropout(self.qformer.layernorm(embedded))
        for at, layer in enumerate(self.qformer.encoder.layer):
            hidden = layer.attention(hidden, attention_mask=mask)
            looked, text = hidden[:, :queries], hidden[:, queries:]
            parts = []
            if cache is not None:
                if layer.has_cross_attention:
                    looked = attend_cached(layer.crossattention, looked, *cache.layers[at])
                parts.append(layer.feed_forward_chunk_query(looked))
            if text.shape[1]:
                parts.append(layer.feed_forward_chunk(text))
            hidden = torch.cat(parts, dim=1)
        return hidden

    # other formats ----------------------------------------------------------------------------

    def to_retrieval(self, vision_model: Blip2VisionModel) -> Blip2ForImageTextRetrieval:
        """Return the same weights with an encoder as transformers' retrieval model, in eval mode.

        It has no place for `stage1_state()`; keep that beside it to come back without loss.
        """
        qformer_config = copy.deepcopy(self.config)
        qformer_config.encoder_hidden_size = vision_model.config.hidden_size
        # image_token_index must be None: otherwise transformers cuts the first tokens of a text
        config = Blip2Config(
            vision_config=vision_model.config.to_dict(),
            qformer_config=qformer_config.to_dict(),
            num_query_tokens=self.num_query_tokens,
            image_text_hidden_size=self.vision_projection.out_features,
            image_token_index=None,
        )
        model = Blip2ForImageTextRetrieval(config)
        own = {name: value for name, value in self.state_dict().items() if not is_stage1_only(name)}
        vision = {f"vision_model.{name}": at for name, at in vision_model.state_dict().items()}
        model.load_state_dict(own | vision)
        return model.eval()

    def stage1_state(self) -> dict[str, Tensor]:
        """Return what the retrieval model lacks: the temperature and the ITG head."""
        return {name: value for name, value in self.state_dict().items() if is_stage1_only(name)}

    @classmethod
    def from_retrieval(
        cls,
        model: Blip2ForImageTextRetrieval,
        *,
        decoder_token_id: int,
        stage1_state: Mapping[str, Tensor] | None = None,
        attention: AttentionImplementation = "eager",
    ) -> "Stage1QFormer":
        """Continue from a retrieval model; without `stage1_state` those parts start afresh."""
        made = cls(
            model.config.qformer_config,
            num_query_tokens=model.config.num_query_tokens,
            image_text_hidden_size=model.config.image_text_hidden_size,
            decoder_token_id=decoder_token_id,
            attention=attention,
        )
        theirs = {
            name: value
            for name, value in model.state_dict().items()
            if not name.startswith("vision_model.")
        }
        made.load_state_dict(made.stage1_state() | theirs | dict(stage1_state or {}))
        return made

    @torch.no_grad()
    def start_from_bert(self, bert: BertForMaskedLM) -> None:
        """Take the text path and the ITG head of a BERT of the same size, as the paper does.

        Words beyond BERT's vocabulary ([DEC]) and the cross-attention keep their fresh weights.
        """
        self.qformer.layernorm.load_state_dict(bert.bert.embeddings.LayerNorm.state_dict())
        for ours, theirs in (
            (self.embeddings.word_embeddings, bert.bert.embeddings.word_embeddings),
            (self.embeddings.position_embeddings, bert.bert.embeddings.position_embeddings),
        ):
            ours.weight[: theirs.weight.shape[0]] = theirs.weight
        # transformers' BERT adds a type embedding to each token; all ours are of type 0
        self.embeddings.position_embeddings.weight.add_(
            bert.bert.embeddings.token_type_embeddings.weight[0]
        )
        for layer, source in zip(self.qformer.encoder.layer, bert.bert.encoder.layer, strict=True):
            layer.attention.attention.load_state_dict(source.attention.self.state_dict())
            layer.attention.output.load_state_dict(source.attention.output.state_dict())
            layer.intermediate.load_state_dict(source.intermediate.state_dict())
            layer.output.load_state_dict(source.output.state_dict())
            copy_text_path(layer)
        head = bert.cls.predictions
        self.itg_transform.load_state_dict(head.transform.state_dict())
        self.itg_bias[: head.bias.shape[0]] = head.bias


def copy_text_path(layer: Blip2QFormerLayer) -> None:
    """Start the feed-forward of the queries as that of the text, as the paper's code does."""
    layer.intermediate_query.load_state_dict(layer.intermediate.state_dict())
    layer.output_query.load_state_dict(layer.output.state_dict())


def is_stage1_only(name: str) -> bool:
    """Return whether a weight of `Stage1QFormer` has no place in transformers' retrieval model."""
    return name.startswith(STAGE1_ONLY)
