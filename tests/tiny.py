"""Random models with a few thousand weights, one of each kind, with processors made in memory.

The weights are drawn wide on purpose: with the usual 0.02 a random model says the same about
every image, and an equality test on it would prove nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
    Blip2Processor,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipImageProcessorPil,
    BlipProcessor,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
    PreTrainedTokenizerFast,
)

from blip2core.models import Generator, Matcher, ModelSpec
from blip2core.models.qformer import Stage1QFormer
from blip2core.models.specs import Family, Kind
from blip2core.models.stage1_files import read_stage1_state

IMAGE_SIZE = 28
"""Pixels along each side of a tiny model's image."""
QUERIES = 4
PAD, BOS, EOS, IMAGE = 1, 0, 2, 4

VISION = dict(
    image_size=IMAGE_SIZE,
    patch_size=14,
    hidden_size=24,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    initializer_range=0.3,
)
QFORMER = dict(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    max_position_embeddings=48,
    initializer_range=0.3,
)
OPT = dict(
    model_type="opt",
    vocab_size=264,
    hidden_size=32,
    word_embed_proj_dim=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    ffn_dim=48,
    max_position_embeddings=128,
    dropout=0.0,
    attention_dropout=0.0,
    init_std=0.4,
    pad_token_id=PAD,
    bos_token_id=BOS,
    eos_token_id=EOS,
)
T5 = dict(
    model_type="t5",
    vocab_size=264,
    d_model=32,
    d_kv=8,
    d_ff=48,
    num_layers=2,
    num_heads=4,
    dropout_rate=0.0,
    feed_forward_proj="gated-gelu",
    tie_word_embeddings=False,
    pad_token_id=PAD,
    eos_token_id=EOS,
    decoder_start_token_id=PAD,
    initializer_factor=2.0,
)
LLAMA = dict(
    model_type="llama",
    vocab_size=264,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=128,
    initializer_range=0.4,
    pad_token_id=PAD,
    bos_token_id=BOS,
    eos_token_id=EOS,
)


def byte_tokenizer(*, ends: bool = False) -> PreTrainedTokenizerFast:
    """Every byte is a token; `<s>` in front, or `</s>` behind as T5 wants it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<image>", *alphabet]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(vocabulary)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>" if ends else "<s> $A", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side="left",
    )


def letter_tokenizer() -> PreTrainedTokenizerFast:
    """WordPiece over single letters with BERT's special tokens: what a Q-Former reads."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?:"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    vocabulary = [*special, *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(
        models.WordPiece(vocab={t: i for i, t in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        bos_token="[DEC]",
    )


def image_processor() -> BlipImageProcessorPil:
    return BlipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})


def randomise(model: nn.Module, seed: int = 0) -> Any:
    """Draw again what transformers starts at zero or nearly equal; evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 or "query_tokens" in name or "class_embedding" in name:
                noise = torch.randn(parameter.shape, generator=generator)
                base = 1.0 if parameter.dim() == 1 and name.endswith("weight") else 0.0
                scale = 0.5 if "query_tokens" in name else 0.1
                parameter.copy_(base + noise * scale)
            elif name.endswith("shared.weight"):  # a T5 drawn this wide repeats its last word
                parameter.mul_(0.1)
    return model.eval().requires_grad_(False)


def _built(model_class: Any, config: Any, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return randomise(model_class(config), seed)


def blip2(
    language: dict[str, Any] = OPT, *, seed: int = 0, qformer_layers: int = 2
) -> tuple[Any, Blip2Processor]:
    """BLIP-2 with an OPT-like or (`language=T5`) a T5-like language model.

    Every second layer of the Q-Former has cross-attention: with two it is the first alone.
    """
    config = Blip2Config(
        vision_config=VISION,
        qformer_config=QFORMER | {"num_hidden_layers": qformer_layers},
        text_config=language,
        num_query_tokens=QUERIES,
        image_token_index=IMAGE,
    )
    tokenizer = byte_tokenizer(ends=language["model_type"] == "t5")
    processor = Blip2Processor(image_processor(), tokenizer, num_query_tokens=QUERIES)
    return _built(Blip2ForConditionalGeneration, config, seed), processor


def instructblip(language: dict[str, Any] = OPT, *, seed: int = 0) -> tuple[Any, Any]:
    """InstructBLIP: the instruction also enters the Q-Former."""
    qformer_tokenizer = letter_tokenizer()
    config = InstructBlipConfig(
        vision_config=VISION,
        qformer_config=QFORMER | {"vocab_size": len(qformer_tokenizer)},
        text_config=language,
        num_query_tokens=QUERIES,
        image_token_index=IMAGE,
    )
    tokenizer = byte_tokenizer(ends=language["model_type"] == "t5")
    processor = InstructBlipProcessor(
        image_processor(), tokenizer, qformer_tokenizer, num_query_tokens=QUERIES
    )
    return _built(InstructBlipForConditionalGeneration, config, seed), processor


def retrieval(*, seed: int = 0, qformer_layers: int = 2) -> tuple[Any, Blip2Processor]:
    """BLIP-2 stage 1; `image_token_index` stays None, as its forward pass needs.

    Every second layer of the Q-Former has cross-attention: with two it is the first alone.
    """
    tokenizer = letter_tokenizer()
    qformer = QFORMER | {"num_hidden_layers": qformer_layers, "vocab_size": len(tokenizer) + 1}
    config = Blip2Config(
        vision_config=VISION,
        qformer_config=qformer | {"use_qformer_text_input": True},
        text_config=OPT,
        num_query_tokens=QUERIES,
        image_text_hidden_size=12,
    )
    processor = Blip2Processor(image_processor(), tokenizer)
    return _built(Blip2ForImageTextRetrieval, config, seed), processor


def read_stage1(folder: Path) -> Stage1QFormer:
    """Return the Q-Former of a folder that `write_stage1` wrote."""
    state, decoder_token_id = read_stage1_state(folder)
    return Stage1QFormer.from_retrieval(
        Blip2ForImageTextRetrieval.from_pretrained(folder),
        decoder_token_id=decoder_token_id,
        stage1_state=state,
    )


def _blip_config() -> BlipConfig:
    text = QFORMER | {
        "vocab_size": len(letter_tokenizer()),
        "pad_token_id": 0,
        "sep_token_id": 3,
        "bos_token_id": 5,
        "eos_token_id": 3,
        "encoder_hidden_size": VISION["hidden_size"],
        "is_decoder": True,
    }
    return BlipConfig(vision_config=VISION, text_config=text, image_text_hidden_size=12)


def blip_captioner(*, seed: int = 0) -> tuple[Any, BlipProcessor]:
    """BLIP (the first one) that writes captions."""
    processor = BlipProcessor(image_processor(), letter_tokenizer())
    return _built(BlipForConditionalGeneration, _blip_config(), seed), processor


def blip_matcher(*, seed: int = 0) -> tuple[Any, BlipProcessor]:
    """BLIP (the first one) that scores texts."""
    processor = BlipProcessor(image_processor(), letter_tokenizer())
    return _built(BlipForImageTextRetrieval, _blip_config(), seed), processor


def generator(loaded: tuple[Any, Any], *, family: Family = "blip2", **settings: Any) -> Generator:
    """A generator around one of the models above."""
    return Generator(*loaded, _spec("generator", family, **settings))


def matcher(loaded: tuple[Any, Any], *, family: Family = "blip2", **settings: Any) -> Matcher:
    """A matcher around one of the models above."""
    return Matcher(*loaded, _spec("matcher", family, **settings))


def _spec(kind: Kind, family: Family, **settings: Any) -> ModelSpec:
    known = dict(
        name=f"tiny-{family}",
        checkpoint="tiny",
        kind=kind,
        family=family,
        language="opt",
        parameters=60_000,
        image_size=IMAGE_SIZE,
        knows="Nothing: its weights are random.",
        licence="None needed.",
    )
    return ModelSpec(**(known | settings))


class InMemory:
    """Features of images that lie in memory, read as those of a `FeatureCache`."""

    def __init__(self, vision: Tensor) -> None:
        self._vision = vision

    def __len__(self) -> int:
        return len(self._vision)

    def read(self, indices: Sequence[int]) -> Tensor:
        return self._vision[list(indices)]
