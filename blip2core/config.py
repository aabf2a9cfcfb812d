"""Settings as frozen dataclasses; each field is checked where the object is made."""

from dataclasses import dataclass
from typing import Literal

from blip2core.arguments import check_fields, check_kind
from blip2core.errors import ConfigError

DecodingMode = Literal["greedy", "sample", "beam"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeConfig:
    """How text is drawn from the language model."""

    mode: DecodingMode = "greedy"
    """greedy: the likeliest token each time; sample: nucleus sampling; beam: beam search."""
    max_new_tokens: int = 40
    """Most tokens written, prompt not counted, end token counted."""
    min_new_tokens: int = 0
    """Fewest tokens written before the end token is allowed."""
    temperature: float = 1.0
    """Divides the logits; sample only."""
    top_p: float = 0.9
    """Smallest set of tokens with at least this probability is drawn from; sample only."""
    beams: int = 5
    """Hypotheses kept side by side; beam only."""
    length_penalty: float = 1.0
    """Exponent of the length a hypothesis' score is divided by: above 0 favours long; beam only."""
    repetition_penalty: float = 1.0
    """Divides the score of tokens already written; 1 is off."""
    seed: int | None = None
    """Same seed, same text; None draws afresh each time; sample only."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.mode not in ("greedy", "sample", "beam"):
            raise ConfigError(f"mode ({self.mode!r}) must be 'greedy', 'sample' or 'beam'")
        if self.max_new_tokens < 1:
            raise ConfigError(f"max_new_tokens ({self.max_new_tokens}) must be at least 1")
        if not 0 <= self.min_new_tokens <= self.max_new_tokens:
            raise ConfigError(
                f"min_new_tokens ({self.min_new_tokens}) must be between 0 and "
                f"max_new_tokens ({self.max_new_tokens})"
            )
        if not 0 < self.temperature <= 100:
            raise ConfigError(f"temperature ({self.temperature}) must be above 0, at most 100")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p ({self.top_p}) must be above 0, at most 1")
        if not 1 <= self.beams <= 64:
            raise ConfigError(f"beams ({self.beams}) must be from 1 to 64")
        if not -10 <= self.length_penalty <= 10:
            raise ConfigError(f"length_penalty ({self.length_penalty}) must be from -10 to 10")
        if not 0 < self.repetition_penalty <= 10:
            raise ConfigError(
                f"repetition_penalty ({self.repetition_penalty}) must be above 0, at most 10"
            )
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed ({self.seed}) must be from 0 to 2**63 - 1, or None")

    @property
    def is_repeatable(self) -> bool:
        """Whether these settings draw the same text each time."""
        return self.mode != "sample" or self.seed is not None


GREEDY = DecodeConfig()
"""The settings where none are given."""


MOST_TEXTS = 100
"""Most texts written for one image; memory grows with them."""


def _at_least(config: object, name: str, least: float) -> None:
    value = getattr(config, name)
    if value < least:
        raise ConfigError(f"{name} ({value}) must be at least {least}")


def _is_share(config: object, name: str) -> None:
    value = getattr(config, name)
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} ({value}) must be from 0 to 1")


def check_number(num: int, decode: DecodeConfig) -> None:
    """Raise ConfigError where the mode cannot give `num` different texts."""
    check_kind(num, int, "num must be a whole number", ConfigError)
    if num < 1:
        raise ConfigError(f"num ({num}) must be at least 1")
    if num > MOST_TEXTS:
        raise ConfigError(f"num ({num}) must be at most {MOST_TEXTS}: all are written together")
    if num > 1 and decode.mode == "greedy":
        raise ConfigError(f"num ({num}) needs mode 'sample' or 'beam': greedy has one text to give")
    if decode.mode == "beam" and num > decode.beams:
        raise ConfigError(f"num ({num}) must be at most beams ({decode.beams})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionConfig:
    """How the captioner of CapFilt writes; the defaults are those of the BLIP paper but for `num`,
    which is 1 there.
    """

    num: int = 3
    """Texts written for each image; those that come out the same count once."""
    decode: DecodeConfig = DecodeConfig(mode="sample", top_p=0.9, seed=0)
    """Nucleus sampling; its seed is mixed with the image's hash, so that no batch changes a
    text."""
    prompt: str | None = None
    """How each text shall begin; None is the model's own way to ask for a caption."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_number(self.num, self.decode)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterConfig:
    """Which texts of an image are kept. A rule that is None is off.

    The rules in their order: own_caption_itc, length, duplicates, threshold, margin, top_k.
    """

    head: Literal["itm", "itc"] = "itm"
    """Score that decides: matching probability in [0, 1], or contrastive cosine in [-1, 1]."""
    threshold: float | None = 0.5
    """Least score; 0.5 of `itm` is what the BLIP paper does."""
    margin: float | None = None
    """Least lead over the best other text: above 0 only a clear winner is kept, below 0 all that
    come near the best."""
    top_k: int | None = None
    """Most texts kept of an image, the best ones."""
    own_caption_itc: float | None = None
    """Least mean cosine of the captions that a model wrote of an image, in [-1, 1]. Below it the
    image is unlike what the models know, and no text of it is kept; see `blip2core.doubt`. An image
    without written captions is not concerned."""
    shortest: int = 1
    """Fewest words of a text."""
    longest: int | None = None
    """Most words of a text."""
    drop_duplicates: bool = True
    """Of texts that differ only in case, punctuation and spaces, the best is kept."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.head not in ("itm", "itc"):
            raise ConfigError(f"head ({self.head!r}) must be 'itm' or 'itc'")
        lowest = 0 if self.head == "itm" else -1
        if self.threshold is not None and not lowest <= self.threshold <= 1:
            raise ConfigError(f"threshold ({self.threshold}) must be from {lowest} to 1, or None")
        own = self.own_caption_itc
        if own is not None and not -1 <= own <= 1:
            raise ConfigError(f"own_caption_itc ({own}) must be from -1 to 1, or None")
        if self.margin is not None and not -2 <= self.margin <= 2:
            raise ConfigError(f"margin ({self.margin}) must be from -2 to 2, or None")
        if self.top_k is not None:
            _at_least(self, "top_k", 1)
        _at_least(self, "shortest", 1)
        if self.longest is not None and self.longest < self.shortest:
            raise ConfigError(
                f"longest ({self.longest}) must be at least shortest ({self.shortest}), or None"
            )


BLIP2_RANKING = FilterConfig(head="itc", threshold=None, top_k=2)
"""What the BLIP-2 paper did (section 3.4): rank the written texts and the web text, keep two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QFormerSize:
    """Shape of a Q-Former that starts from random weights."""

    hidden: int = 192
    """Width of every token."""
    layers: int = 4
    """Transformer layers."""
    heads: int = 4
    """Attention heads; must divide `hidden`."""
    feed_forward: int = 512
    """Width inside the feed-forward parts."""
    cross_attention_every: int = 2
    """Every so many layers one has cross-attention, the first included."""
    queries: int = 16
    """Learned query tokens, and soft words the language model gets for an image."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("hidden", "layers", "heads", "feed_forward", "queries"):
            _at_least(self, name, 1)
        _at_least(self, "cross_attention_every", 1)
        if self.hidden % self.heads:
            raise ConfigError(f"heads ({self.heads}) must divide hidden ({self.hidden})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """What every training run has; `steps` counts optimizer steps throughout."""

    steps: int = 5_000
    """Optimizer steps in the whole run."""
    warmup_steps: int = 200
    """Steps of linear warm-up, counted in `steps`."""
    batch: int = 64
    """Images (or texts) per step and per process."""
    learning_rate: float = 1e-3
    """Peak learning rate, reached at the end of the warm-up."""
    floor: float = 3e-5
    """Learning rate that the cosine falls to at the last step."""
    weight_decay: float = 0.05
    """AdamW decay of matrices; vectors, biases, temperature and query tokens have none."""
    clip: float = 1.0
    """Largest norm of the whole gradient."""
    seed: int = 0
    """Decides the first weights, the order of the data and every drawn text."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward pass; auto takes bf16 only where the device is fast at it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU if there is one."""
    threads: int | None = None
    """CPU threads of the arithmetic; None leaves the default."""
    log_every: int = 20
    """Steps between two points of the curves."""
    eval_every: int = 500
    """Steps between two validations."""
    eval_items: int = 256
    """Scenes of each validation, 0 for none; of a file always all images."""
    checkpoint_every: int = 500
    """Steps between two checkpoints of the run."""
    keep: int = 2
    """Newest checkpoints kept."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("steps", "batch", "log_every", "eval_every", "checkpoint_every", "keep"):
            _at_least(self, name, 1)
        for name in ("warmup_steps", "weight_decay", "seed", "eval_items"):
            _at_least(self, name, 0)
        if self.warmup_steps >= self.steps:
            raise ConfigError(
                f"warmup_steps ({self.warmup_steps}) must be below steps ({self.steps})"
            )
        if not 0 <= self.floor <= self.learning_rate:
            raise ConfigError(
                f"floor ({self.floor}) must be from 0 to learning_rate ({self.learning_rate})"
            )
        if self.clip <= 0:
            raise ConfigError(f"clip ({self.clip}) must be above 0")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ConfigError(f"precision ({self.precision!r}) must be 'auto', 'fp32' or 'bf16'")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"device ({self.device!r}) must be 'auto', 'cpu' or 'cuda'")
        if self.threads is not None:
            _at_least(self, "threads", 1)


RESUME_MAY_CHANGE = frozenset(
    {
        "device",
        "threads",
        "log_every",
        "eval_every",
        "eval_items",
        "checkpoint_every",
        "keep",
        "cache",
        "validation",
    }
)
"""Settings that a resumed run may change, because they do not enter its arithmetic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage1Config(TrainConfig):
    """Stage 1: the Q-Former learns from a frozen image encoder, without a language model."""

    source: str = "stickers"
    """'stickers', or a JSONL or CSV file of images and texts."""
    validation: str | None = None
    """The same for validation; None takes unseen sticker scenes, or nothing for a file."""
    scenes: int = 70_000
    """Training scenes; stickers only."""
    vision: str
    """Folder or Hub name of the frozen image encoder, alone or inside a BLIP-2 checkpoint."""
    tokenizer: str
    """Folder or Hub name of the Q-Former's WordPiece tokenizer."""
    bert: str | None = None
    """BERT whose weights the Q-Former starts from; None starts from random ones."""
    qformer: QFormerSize = QFormerSize()
    """Shape of the Q-Former; where `bert` is given, only its queries and cross-attention count."""
    embedding: int = 128
    """Width of the space in which images and texts are compared."""
    max_text: int = 32
    """Tokens of a text, [CLS] and [SEP] included; the rest is cut."""
    temperature: float = 0.07
    """Starting value of the learned divisor of the cosines."""
    label_smoothing: float = 0.1
    """Share of the target spread over all classes, in contrast and in generation."""
    itm_start_step: int = 0
    """Matching is trained from this step on; 0 is the paper."""
    hard_text_share: float = 0.0
    """Share of matching negatives that are a true text with one word made false; 0 is the paper."""
    anchor_grid: int = 0
    """Queries start by attending to one cell each of a grid with so many a side; 0 is the paper."""
    cache: str | None = None
    """File of the image features; None keeps it in the output folder."""

    def __post_init__(self) -> None:
        TrainConfig.__post_init__(self)
        for name in ("scenes", "embedding"):
            _at_least(self, name, 1)
        _at_least(self, "max_text", 3)
        for name in ("itm_start_step", "anchor_grid"):
            _at_least(self, name, 0)
        if self.temperature <= 0:
            raise ConfigError(f"temperature ({self.temperature}) must be above 0")
        for name in ("label_smoothing", "hard_text_share"):
            _is_share(self, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage2Config(TrainConfig):
    """Stage 2: the Q-Former learns to prompt a frozen language model."""

    source: str = "stickers"
    """'stickers', or a JSONL or CSV file of images and texts."""
    validation: str | None = None
    """The same for validation; None takes unseen sticker scenes, or nothing for a file."""
    scenes: int = 70_000
    """Training scenes; stickers only."""
    stage1: str | None
    """Folder or Hub name of the stage-1 model; None starts from random weights (the ablation)."""
    qformer: QFormerSize = QFormerSize()
    """Shape of the Q-Former where `stage1` is None."""
    language_model: str
    """Folder or Hub name of the frozen language model, with its tokenizer."""
    language_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type the frozen language model is held in; its rounding is not undone."""
    vision: str
    """Folder or Hub name of the frozen image encoder, alone or inside a BLIP-2 checkpoint."""
    max_text: int = 96
    """Tokens of a passage, end included; the rest is cut."""
    whole_caption_share: float = 0.0
    """Share of captions an encoder-decoder writes from the image alone; 0 is the paper."""
    length_window: int = 8
    """Batches drawn together and cut by length, so that less padding is computed; 1 is off."""
    cache: str | None = None
    """File of the image features; None keeps it in the output folder."""

    def __post_init__(self) -> None:
        TrainConfig.__post_init__(self)
        for name in ("scenes", "length_window"):
            _at_least(self, name, 1)
        _at_least(self, "max_text", 4)
        _is_share(self, "whole_caption_share")
        if self.language_dtype not in ("float32", "bfloat16"):
            raise ConfigError(
                f"language_dtype ({self.language_dtype!r}) must be 'float32' or 'bfloat16'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig(TrainConfig):
    """Fine-tuning of a trained BLIP-2 on accepted pairs."""

    model: str
    """Name of `blip2 models`, or a folder: one that writes (stage 2 goes on), or one that scores
    (stage 1 goes on)."""
    source: str
    """Folder of an export as imagefolder or jsonl, or a JSONL or CSV file."""
    validation: str | None = None
    """The same for validation; None takes the validation split of the export, or nothing."""
    steps: int = 500
    """Optimizer steps in the whole run."""
    warmup_steps: int = 50
    """Steps of linear warm-up, counted in `steps`."""
    learning_rate: float = 1e-4
    """Peak learning rate, reached at the end of the warm-up."""
    floor: float = 1e-6
    """Learning rate that the cosine falls to at the last step."""
    eval_every: int = 100
    """Steps between two validations; one comes before the first step."""
    language_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type the frozen language model is held in; it is written so, too."""
    max_text: int | None = None
    """Tokens of a text, special ones included; the rest is cut. None is what the model reads, and
    96 for one that writes."""
    whole_caption_share: float = 1.0
    """Share of captions an encoder-decoder writes from the image alone; the others are cut in
    two, and it goes on with the first part."""
    label_smoothing: float = 0.1
    """Share of the target spread over all classes; of a model that scores only."""
    length_window: int = 8
    """Batches drawn together and cut by length, so that less padding is computed; 1 is off."""
    cache: str | None = None
    """File of the image features; None keeps it in the output folder."""

    def __post_init__(self) -> None:
        TrainConfig.__post_init__(self)
        _at_least(self, "length_window", 1)
        if self.max_text is not None:
            _at_least(self, "max_text", 4)
        for name in ("whole_caption_share", "label_smoothing"):
            _is_share(self, name)
        if self.language_dtype not in ("float32", "bfloat16"):
            raise ConfigError(
                f"language_dtype ({self.language_dtype!r}) must be 'float32' or 'bfloat16'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnimodalConfig(TrainConfig):
    """One of the small models that the embedded checkpoint starts from, trained on one modality."""

    part: Literal["image_encoder", "decoder", "encoder_decoder"]
    """The ViT, the OPT-like language model, or the T5-like one."""
    width: int = 192
    """Width of every token."""
    layers: int = 6
    """Transformer layers; of the encoder and of the decoder each for `encoder_decoder`."""
    tokenizer: str | None = None
    """Folder of the language model's tokenizer; None trains one and keeps it in the output."""
    crowd_share: float = 0.85
    """Share of crowded scenes for the image encoder, until `settle_share` of the steps."""
    settled_crowd_share: float = 0.3
    """Share of crowded scenes afterwards."""
    settle_share: float = 0.7
    """Share of the steps after which ordinary scenes prevail."""

    def __post_init__(self) -> None:
        TrainConfig.__post_init__(self)
        if self.part not in ("image_encoder", "decoder", "encoder_decoder"):
            raise ConfigError(
                f"part ({self.part!r}) must be 'image_encoder', 'decoder' or 'encoder_decoder'"
            )
        for name in ("width", "layers"):
            _at_least(self, name, 1)
        if self.width % 64:
            raise ConfigError(f"width ({self.width}) must be a multiple of 64")
        for name in ("crowd_share", "settled_crowd_share", "settle_share"):
            _is_share(self, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """Choices of an export that its format leaves open."""

    captions: Literal["rows", "lists"] = "rows"
    """rows: one row per text; lists: one per image, with all its texts."""
    shard_pairs: int = 1_000
    """Rows in each file of a format that is cut into several."""
    instruction: str = "Provide a brief description."
    """What is asked for in a format of questions and answers."""
    text_origins: bool = True
    """Whether it is written where a text stood when it was imported, and what was said of it there.
    """
    embed_texts: bool = False
    """Write the texts into the copies of their images too: EXIF, XMP, PNG text."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.captions not in ("rows", "lists"):
            raise ConfigError(f"captions ({self.captions!r}) must be 'rows' or 'lists'")
        _at_least(self, "shard_pairs", 1)
        if not self.instruction.strip() or "<" in self.instruction:
            raise ConfigError(f"instruction ({self.instruction!r}) must be a text without <")
