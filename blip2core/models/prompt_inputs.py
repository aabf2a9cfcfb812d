"""The input of the language model: the image as the Q-Former encodes it, and a prompt's words.

B images, P patches, V vision width, Q queries, D language-model width, T tokens.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor
from transformers import BlipForConditionalGeneration, InstructBlipForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from blip2core.errors import TextError
from blip2core.models.decoding import PreparedPrompt
from blip2core.models.padding import Side, pad_rows
from blip2core.models.prompt_words import tidy_lines
from blip2core.models.vision import ImageFeatures, fingerprint
from blip2core.texts import count_of

INSTRUCTION_TOKENS = 128
"""Tokens of an instruction that InstructBLIP's Q-Former was trained on; longer ones lose their
beginning."""
ENCODER_TOKENS = 512
"""Input length T5 language models were trained on; their relative positions know no other limit."""


class Reader:
    """The way from image features and texts to the input of the language model."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor
        self.is_blip = isinstance(model, BlipForConditionalGeneration)
        self.is_instructed = isinstance(model, InstructBlipForConditionalGeneration)
        self.language_model = model.text_decoder if self.is_blip else model.language_model
        self.is_encoder_decoder: bool = self.language_model.config.is_encoder_decoder
        self.pad_token: int = processor.tokenizer.pad_token_id or 0
        self.fingerprint: str | None = None
        """Of all that makes `queries`; None where they cannot be made beforehand: BLIP has no
        Q-Former, and InstructBLIP's reads the instruction too."""
        if not self.is_blip and not self.is_instructed:
            norm = model.vision_model.post_layernorm
            self.fingerprint = fingerprint(norm, model.qformer, model.language_projection)

    @property
    def context_limit(self) -> int:
        """Tokens there are for a prompt and its continuation (encoder-decoder: for the prompt)."""
        if self.is_encoder_decoder:
            return ENCODER_TOKENS - self.image_tokens
        positions: int = self.language_model.config.max_position_embeddings
        return positions - self.image_tokens

    @property
    def image_tokens(self) -> int:
        """Soft words in front of a prompt."""
        return 0 if self.is_blip else int(self.model.config.num_query_tokens)

    def prompt_room(self, new_tokens: int) -> int:
        """Return the number of tokens left for a prompt besides `new_tokens` new ones; an encoder-
        decoder writes those elsewhere.
        """
        return self.context_limit - (0 if self.is_encoder_decoder else new_tokens)

    def token_ids(self, text: str) -> list[int]:
        """Return the ids of a prompt as the model was trained to read it, its lines made tidy.

        Raises TextError for `<image>` in it.
        """
        ids = list(self.processor.tokenizer(tidy_lines(text)).input_ids)
        if self.is_blip:  # [CLS] words [SEP] -> [DEC] words
            return [self.model.config.text_config.bos_token_id, *ids[1:-1]]
        if self.model.config.image_token_index in ids:
            raise TextError("The prompt contains '<image>', which stands for the image itself.")
        return ids or [self.model.config.text_config.bos_token_id]

    def fitting_ids(self, text: str, new_tokens: int) -> list[int]:
        """Return `token_ids`. Raises TextError where they and `new_tokens` new ones do not fit."""
        ids = self.token_ids(text)
        room = self.prompt_room(new_tokens)
        if len(ids) > room:
            raise TextError(
                f"The prompt has {count_of(len(ids), 'token')}, and the model has room for {room} "
                f"beside {count_of(new_tokens, 'new token')}: shorten it."
            )
        return ids

    def queries(self, vision: Tensor, instructions: Sequence[str] = ()) -> Tensor:
        """Return the Q-Former's output (B, Q, D) for the language model, of image features (B, P,
        V).

        InstructBLIP's Q-Former also reads the B instructions.
        """
        query = self.model.query_tokens.expand(len(vision), -1, -1)
        inputs = {
            "query_embeds": query,
            "encoder_hidden_states": self.model.vision_model.post_layernorm(vision),
        }
        if self.is_instructed:
            ids, mask = self.instruction_ids(instructions)
            mask = torch.cat([mask.new_ones(query.shape[:2]), mask], dim=1)
            inputs |= {"input_ids": ids, "attention_mask": mask}
        hidden = self.model.qformer(**inputs).last_hidden_state[:, : query.shape[1]]
        projection = self.model.language_projection
        return cast(Tensor, projection(hidden.to(projection.weight.dtype)))

    def instruction_ids(self, instructions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return ids and mask (B, T) of instructions for the Q-Former, the beginning cut if too
        long.
        """
        tokenizer = self.processor.qformer_tokenizer
        limit = min(INSTRUCTION_TOKENS, self.model.qformer.config.max_position_embeddings)
        rows = [tokenizer(tidy_lines(text)).input_ids for text in instructions]
        rows = [row if len(row) <= limit else row[:1] + row[1 - limit :] for row in rows]
        device = self.model.query_tokens.device
        return pad_rows(rows, tokenizer.pad_token_id, "right", device)

    def prompt(
        self, features: ImageFeatures, texts: Sequence[str], new_tokens: int, begun: str = ""
    ) -> PreparedPrompt:
        """Prepare the input of the language model from B images and as many prompts, each with the
        same beginning of what it is to write.
        """
        standing = self.standing_ids(texts[0], begun) if begun else []
        written = begun and not self.is_encoder_decoder  # else its decoder has it
        whole = [f"{text} {begun}" if written else text for text in texts]
        rows = [self.fitting_ids(text, new_tokens) for text in whole]
        if self.is_blip:
            return replace(self._words_beside_image(features, rows), standing=len(standing))
        queries = features.queries
        if queries is None or features.reader != self.fingerprint:
            queries = self.queries(features.vision, texts)
        prepared = self._words_after_queries(queries, rows)
        if standing and self.is_encoder_decoder:
            start = self.language_model.config.decoder_start_token_id
            ids = torch.tensor([[start, *standing]] * len(texts), device=queries.device)
            inputs = prepared.inputs | {"decoder_input_ids": ids}
            prepared = replace(prepared, inputs=inputs, skip=ids.shape[1])
        return replace(prepared, standing=len(standing))

    def standing_ids(self, prompt: str, begun: str) -> list[int]:
        """Return the tokens of the beginning of a text, as they stand after its prompt."""
        if self.is_encoder_decoder:
            return list(self.processor.tokenizer(begun, add_special_tokens=False).input_ids)
        return self.token_ids(f"{prompt} {begun}")[len(self.token_ids(prompt)) :]

    def _words_after_queries(self, queries: Tensor, rows: Sequence[list[int]]) -> PreparedPrompt:
        """Put the queries (B, Q, D) in front of the words, as BLIP-2 and InstructBLIP do."""
        # T5 counts distances between positions, so padding must not come between queries and text.
        side: Side = "right" if self.is_encoder_decoder else "left"
        ids, mask = pad_rows(rows, self.pad_token, side, queries.device)
        words = self.language_model.get_input_embeddings()(ids)  # (B, T, D)
        embeds = torch.cat([queries.to(words.dtype), words], dim=1)  # (B, Q + T, D)
        mask = torch.cat([mask.new_ones(queries.shape[:2]), mask], dim=1)
        if not self.is_encoder_decoder:
            return PreparedPrompt(inputs={"inputs_embeds": embeds, "attention_mask": mask})
        encoder = self.language_model.get_encoder()
        hidden = encoder(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        outputs = BaseModelOutput(last_hidden_state=hidden)
        return PreparedPrompt(inputs={"encoder_outputs": outputs, "attention_mask": mask}, skip=1)

    def _words_beside_image(
        self, features: ImageFeatures, rows: Sequence[list[int]]
    ) -> PreparedPrompt:
        """Give BLIP's decoder the image by cross-attention."""
        ids, mask = pad_rows(rows, self.pad_token, "left", features.vision.device)
        inputs = {
            "input_ids": ids,
            "attention_mask": mask,
            "encoder_hidden_states": self.model.vision_model.post_layernorm(features.vision),
        }
        return PreparedPrompt(inputs=inputs, skip=ids.shape[1])
