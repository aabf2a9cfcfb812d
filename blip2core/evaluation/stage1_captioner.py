"""A captioner that shares its weights with the filter: the stage-1 model with its ITG head.

ITG and ITM are two heads on one Q-Former, trained together. This is the arrangement that the BLIP
paper calls shared (section 4.4, Table 4), where captioner and filter confirm each other's errors.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from transformers import LogitsProcessorList, TopPLogitsWarper

from blip2core.errors import ModelError
from blip2core.models import ImageFeatures, Matcher
from blip2core.models.decoding import Sampler
from blip2core.models.qformer import Stage1QFormer
from blip2core.models.stage1_files import read_stage1_state


class Stage1Captioner:
    """Generates text with the weights of a matcher whose folder has its stage-1 parts too."""

    def __init__(self, matcher: Matcher) -> None:
        folder = matcher.spec.checkpoint
        if not isinstance(folder, Path):
            raise ModelError(f"{matcher.spec.name} has no writing head: it is not a local folder.")
        state, decoder_token_id = read_stage1_state(folder)
        qformer = Stage1QFormer.from_retrieval(
            matcher.model, decoder_token_id=decoder_token_id, stage1_state=state
        )
        self.qformer = qformer.to(matcher.device).eval().requires_grad_(False)
        self.norm = matcher.model.vision_model.post_layernorm
        self.tokenizer = matcher.processor.tokenizer
        self.limit = matcher.text_limit

    @torch.no_grad()
    def write(
        self, features: ImageFeatures, *, seeds: Sequence[int] | None = None, top_p: float = 0.9
    ) -> list[str]:
        """Write one text for each of B images: the likeliest tokens,
        or sampled ones with `seeds`.
        """
        cache = self.qformer.cross_attention_cache(
            self.norm(features.vision.to(self.qformer.itg_bias.device))
        )
        end = self.tokenizer.sep_token_id
        ids = torch.full(
            (len(features), 1), self.qformer.decoder_token_id, device=self.norm.weight.device
        )
        choose = self._chooser(seeds, top_p)
        done = torch.zeros(len(features), dtype=torch.bool, device=ids.device)
        while ids.shape[1] < self.limit and not bool(done.all()):
            logits = self.qformer.read_and_write(cache, ids, torch.ones_like(ids)).logits[:, -1]
            chosen = choose(ids, logits.float()).argmax(dim=-1)  # (B,)
            ids = torch.cat([ids, chosen[:, None]], dim=1)
            done |= chosen == end
        return [self._text(row, end) for row in ids[:, 1:].tolist()]

    def _chooser(self, seeds: Sequence[int] | None, top_p: float) -> LogitsProcessorList:
        if seeds is None:
            return LogitsProcessorList()
        sources = [Random(f"{seed} 0") for seed in seeds]
        draws = torch.tensor([[source.random() for _ in range(self.limit)] for source in sources])
        draws = draws.clamp(1e-7, 1 - 1e-7).to(self.norm.weight.device)
        return LogitsProcessorList([TopPLogitsWarper(top_p), Sampler(draws)])

    def _text(self, row: list[int], end: int) -> str:
        length = row.index(end) if end in row else len(row)
        text: str = self.tokenizer.decode(row[:length], skip_special_tokens=True)
        return text.strip()
