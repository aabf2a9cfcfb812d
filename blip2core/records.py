"""Frozen values that cross modules. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The turns so far about one image, oldest first."""

    turns: tuple[Turn, ...] = ()

    def add(self, question: str, answer: str) -> "Conversation":
        """Return a new conversation, longer by one turn; this one stays as it is."""
        return replace(self, turns=(*self.turns, Turn(question=question, answer=answer)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPolicy:
    """Which earlier turns a question is sent with: the latest ones, within these bounds.

    More is not better: a model answers worse after longer talks than it was trained on, and BLIP-2
    was trained on none (Li et al. 2023, section 5). Without bounds, all that there is room for.
    """

    turns: int | None = None
    """Most turns."""
    tokens: int | None = None
    """Most tokens that they take together, the words around them included."""


ALL_TURNS = HistoryPolicy()
"""As many of the latest turns as there is room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One text a model wrote. Never contains the prompt."""

    text: str
    tokens: tuple[int, ...]
    """Ids of the new tokens, without padding; the end token is included where one was reached."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of the probability of each token in `tokens`, before temperature and
    other processing; None where not asked for."""
    stopped: bool = False
    """The reader pressed Stop: the text is partial."""
    cut_off: bool = False
    """The limit of new tokens ended it and not the model: the text is partial, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How well one text fits one image."""

    text: str
    itm: float
    """Image-text matching probability in [0, 1]: one softmax over the mean of per-query logits."""
    itc: float
    """Image-text contrastive cosine in [-1, 1], the best over the queries; not a probability."""
    query: int
    """Index of the query token with the best cosine."""
    truncated: bool = False
    """The text was longer than the model reads; only its beginning was scored."""


DOUBT_WARNING = "This image is unlike anything this model has seen: do not trust what it says."


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Whether an image is unlike anything a captioner has seen, by how well its own captions fit.
    A doubt, no verdict; see `blip2core.doubt`.
    """

    captions: tuple[str, ...]
    """What the captioner wrote, each text once."""
    itc: float
    """How well they fit on average, a cosine in [-1, 1]."""
    threshold: float
    """Below it the captioner's calibration doubts."""

    @property
    def is_doubted(self) -> bool:
        """Whether what the model says of the image is not to be trusted."""
        return self.itc < self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a training passage."""

    text: str
    target: bool
    """Only target segments carry loss."""


Passage = tuple[Segment, ...]
"""A training text in reading order."""


CaptionSource = Literal["web", "synthetic", "edited", "human"]
"""Where a text about an image comes from; all are scored alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerIdentity:
    """Everything that decides a score besides the image and the text."""

    model: str
    """Name or Hub id of the matcher."""
    revision: str
    """Commit of its weights, or the SHA-256 of its weight file for a local folder."""
    dtype: str
    """Number type of the computation: float32, bfloat16, float16."""
    preprocessing: str
    """SHA-256 of the image processor's settings."""
    text_limit: int
    """Tokens of a text that are read; what is longer is cut and marked as truncated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A text that may describe an image."""

    text: str
    source: CaptionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A candidate with its scores by the matcher."""

    candidate: Candidate
    itm: float
    """Matching probability in [0, 1]."""
    itc: float
    """Contrastive cosine in [-1, 1]."""
    tokens: int
    """Length of the whole text in the matcher's tokens."""
    truncated: bool
    """Only the first `ScorerIdentity.text_limit` tokens were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the filter makes of one scored text."""

    scored: Scored
    kept: bool
    reason: str
    """The rule that decided, in words a curator reads: "ITM 0.31 is below 0.50"."""
    doubted: bool = False
    """Nothing is known of the text: its image is unlike what the models know. People decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOrigin:
    """Where a text about an image stood, and what else was said of it there."""

    place: str = ""
    """Column, member or field: "caption", ".txt", "annotations". Hostile text."""
    data: Mapping[str, object] = field(default_factory=dict)
    """Scores and ids, as JSON knows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebImage:
    """One image as it comes in, with the texts that stood beside it."""

    name: str
    """Where it was: a file name, a member of an archive, a row of a table. Hostile text."""
    data: bytes = field(repr=False)
    """The bytes of the image file, as they came."""
    texts: tuple[str, ...] = ()
    """Alternative texts, cleaned by `clean_text`, each once; may be none."""
    origins: Mapping[str, TextOrigin] = field(default_factory=dict)
    """Text -> where it stood; the first place, where it stood in several."""
    duplicates: int = 0
    """Texts that were read and are in `texts` already."""
    refused: "tuple[Problem, ...]" = ()
    """Texts that were read for it and cannot be used."""
    url: str | None = None
    page_url: str | None = None
    license: str | None = None

    @property
    def texts_read(self) -> int:
        """Return how many texts were read for it, whatever became of them."""
        return len(self.texts) + self.duplicates + sum(one.texts for one in self.refused)

    def problem(self, reason: str) -> "Problem":
        """Return that the image cannot be used, and with it the texts that were read for it."""
        return Problem(name=self.name, reason=reason, texts=self.texts_read)


Unusable = Literal["image", "text", "text without image", "source", "note"]
"""What a Problem is about: an image, with the texts read for it; a text beside an image; a text
whose image is nowhere; a file or row of which nothing was read; or nothing, as a table that was
read in another encoding than it should have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One input that could not be used; the others go on."""

    name: str
    """Which: a file name, a member of an archive, a row of a table. Hostile text."""
    reason: str
    """What is wrong, in one sentence."""
    about: Unusable = "image"
    texts: int = 0
    """Texts that were read and are lost with it."""
    count: int = 1
    """How many images, files or rows it is about, where one line is told for all of them."""


CHOOSE_COLUMN = 'choose it under "Texts are in" before the import'
"""What a page tells to do with a column that is not used and looks like texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """Something that an import saw and made no use of, though it may be meant to be used."""

    kind: Literal["column", "file", "row"]
    name: str
    """Which. Hostile text."""
    advice: str
    """What it looks like, and what to do so that it is used; one sentence."""
    count: int = 1
    """How many columns, files or rows it is."""
    option: str = ""
    """The option of the command line that makes use of it; a page has a control instead."""

    def in_words(self, *, page: bool = False) -> str:
        """Return the advice as the command line tells it, or as a page with a choice of columns."""
        what_to_do = CHOOSE_COLUMN if page else self.option
        return f"{self.advice}: {what_to_do}" if self.option else self.advice


SUFFIX_OF_FORMAT = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
"""Formats that are stored, and the ends of their file names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPair:
    """One accepted image-text pair of a snapshot, with where it comes from."""

    caption_id: int
    item_id: int
    split: str
    """train, validation or test."""
    text: str
    source: CaptionSource
    image_sha256: str
    """Identity of the image's bytes, 64 hex digits; also its file name."""
    image_path: str
    """Where the stored bytes lie."""
    format: str
    """JPEG, PNG, WEBP, GIF or BMP."""
    width: int
    height: int
    itm: float | None = None
    itc: float | None = None
    scorer: str | None = None
    """Model and revision, as model@revision."""
    run_uid: str | None = None
    """Run that wrote the text; None for web and human texts."""
    captioner: str | None = None
    """Model and revision of that run, as model@revision."""
    decision_id: int | None = None
    """The decision that accepted it."""
    decided_by: str | None = None
    """Handle of the annotator, or of the threshold batch."""
    url: str | None = None
    page_url: str | None = None
    license: str | None = None
    text_place: str | None = None
    """Where the text stood when it was imported: a column, a member, a field."""
    text_data: str | None = None
    """What else was said of it there, a JSON object: ids, scores, the question it answers."""
    embedded: tuple[str, ...] = ()
    """Texts that are written into the copy of the image."""


Told = Problem | Unused
"""What an import tells beside the images."""
TextVerdict = Literal["", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedText:
    """One text about an image, with its score and the verdict of a person."""

    number: int
    """Its place among the texts of its image, which it keeps."""
    scored: Scored
    verdict: TextVerdict = ""
    parent: int | None = None
    """Number of the text it was edited from."""

    @property
    def words(self) -> str:
        """Return the text itself."""
        return self.scored.candidate.text

    @property
    def source(self) -> CaptionSource:
        """Return where it comes from: web, synthetic or edited."""
        return self.scored.candidate.source
