"""Load the parts that a training config names: pairs, image encoder, language model, Q-Former."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2QFormerModel,
    Blip2VisionModel,
    BlipImageProcessorPil,
    GenerationConfig,
)
from transformers.utils import logging

from blip2core.config import QFormerSize, Stage2Config
from blip2core.errors import ModelError, ModelUnavailableError
from blip2core.training.data import FilePairs, PairSource
from blip2core.training.passages import end_token
from blip2core.training.sticker_pairs import StickerPairs


def open_pair_source(name: str, *, scenes: int, split: str = "train") -> PairSource:
    """Open 'stickers' as `scenes` scenes of a split, and any other name as a JSONL or CSV file."""
    if name == "stickers":
        return StickerPairs(scenes, split=split)
    return FilePairs(Path(name))


def load_vision(name: str, *, attention: str) -> tuple[Any, Any]:
    """Load a frozen `Blip2VisionModel` and its image processor.

    `name` is a folder or Hub name of the encoder alone, or of any BLIP-2 checkpoint, of which only
    the encoder is read.
    """
    with _available(name), _quiet():
        config = AutoConfig.from_pretrained(name)
        if config.model_type not in ("blip-2", "blip_2_vision_model"):
            raise ModelError(f"{name} is a {config.model_type} model, not an encoder of BLIP-2.")
        encoder = Blip2VisionModel.from_pretrained(
            name,
            config=config.vision_config if config.model_type == "blip-2" else config,
            key_mapping={r"^vision_model\.": ""},
            attn_implementation=attention,
        )
        # As the models do: torchvision's processor, where installed, gives other pixels.
        return _frozen(encoder), BlipImageProcessorPil.from_pretrained(name)


def load_language_model(name: str, *, dtype: str, attention: str) -> tuple[Any, Any]:
    """Load a frozen language model, decoder alone or encoder-decoder, and its tokenizer."""
    with _available(name):
        config = AutoConfig.from_pretrained(name)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = kind.from_pretrained(name, dtype=dtype, attn_implementation=attention)
        tokenizer = AutoTokenizer.from_pretrained(name)
    if isinstance(getattr(tokenizer, "image_token", None), str):
        raise ModelError(
            f"The tokenizer of {name} has an image_token of its own, which transformers' "
            "Blip2Processor cannot use: leave it out, the processor adds <image> itself."
        )
    return _frozen(model), tokenizer


def load_qformer(name: str, *, vision_width: int) -> tuple[nn.Parameter, Any]:
    """Load query tokens (1, Q, D) and Q-Former of a stage-1 model, without the parts that read
    text.
    """
    with _available(name), _quiet():
        stage1 = Blip2ForImageTextRetrieval.from_pretrained(name, dtype=torch.float32)
    config = copy.deepcopy(stage1.config.qformer_config)
    if config.encoder_hidden_size != vision_width:
        raise ModelError(
            f"{name} was trained on an image encoder of width {config.encoder_hidden_size}, "
            f"this one has width {vision_width}."
        )
    config.use_qformer_text_input = False
    qformer = Blip2QFormerModel(config)
    weights = stage1.qformer.state_dict()
    qformer.load_state_dict({key: weights[key] for key in qformer.state_dict()})
    return stage1.query_tokens, qformer


def random_qformer(size: QFormerSize, *, vision_width: int) -> tuple[nn.Parameter, Any]:
    """Build query tokens (1, Q, D) and a Q-Former with random weights, without parts that read
    text.
    """
    config = Blip2QFormerConfig(
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.feed_forward,
        cross_attention_frequency=size.cross_attention_every,
        encoder_hidden_size=vision_width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    # transformers starts query tokens at zero, where they would all stay the same.
    queries = nn.Parameter(torch.empty(1, size.queries, size.hidden))
    nn.init.normal_(queries, std=config.initializer_range)
    return queries, Blip2QFormerModel(config)


def build_blip2(config: Stage2Config, *, attention: str) -> tuple[Any, Any]:
    """Build the `Blip2ForConditionalGeneration` that stage 2 starts from, and its `Blip2Processor`.

    Image encoder and language model are frozen; the projection still has to be initialised.
    """
    encoder, image_processor = load_vision(config.vision, attention=attention)
    language_model, tokenizer = load_language_model(
        config.language_model, dtype=config.language_dtype, attention=attention
    )
    width = encoder.config.hidden_size
    if config.stage1 is None:
        queries, qformer = random_qformer(config.qformer, vision_width=width)
    else:
        queries, qformer = load_qformer(config.stage1, vision_width=width)
    qformer.set_attn_implementation(attention)

    processor = Blip2Processor(image_processor, tokenizer, num_query_tokens=queries.shape[1])
    if len(tokenizer) > language_model.get_input_embeddings().weight.shape[0]:
        # The processor has just added <image>; its embedding is never read.
        language_model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        language_model.requires_grad_(False)
    whole = Blip2Config(
        vision_config=encoder.config.to_dict(),
        qformer_config=qformer.config.to_dict(),
        text_config=_text_config(language_model, tokenizer),
        num_query_tokens=queries.shape[1],
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    with torch.device("meta"):
        model = Blip2ForConditionalGeneration(whole)
    model.vision_model = encoder
    model.query_tokens = queries
    model.qformer = qformer
    model.language_projection = nn.Linear(qformer.config.hidden_size, whole.text_config.hidden_size)
    model.language_model = language_model
    model.generation_config = GenerationConfig.from_model_config(whole.text_config)
    return model, processor


def _text_config(language_model: Any, tokenizer: Any) -> dict[str, Any]:
    """Return the language model's config with the end token that BLIP-2 teaches it.

    transformers generates with the language model's config, so the end token has to stand there.
    """
    config: dict[str, Any] = language_model.config.to_dict()
    encoder_decoder = language_model.config.is_encoder_decoder
    config["eos_token_id"] = end_token(tokenizer, encoder_decoder=encoder_decoder)
    config["pad_token_id"] = tokenizer.pad_token_id
    if config.get("bos_token_id") is None:
        # What transformers puts after the queries where there is no prompt at all.
        config["bos_token_id"] = config["eos_token_id"]
    return config


def _frozen(model: Any) -> Any:
    return model.eval().requires_grad_(False)


@contextmanager
def _available(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelUnavailableError(
            f"{name} is not here and cannot be downloaded: give a folder, or go online. ({error})"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence transformers' report on the weights that are left out on purpose."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
