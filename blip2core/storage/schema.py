"""The tables. What a curator does is only ever added to: texts and decisions never change.

datasets ── items ──┬── sources      where an image was found
images ─────┘       ├── captions ──── scores ──── scorers
                    ├── decisions ─── batches     the log of all acts
                    └── verdicts                  what the log amounts to; can be rebuilt
runs ──┬── run_problems                           jobs, and what went wrong in them
       └── finished_archives                      what an import need not read again
snapshots ── snapshot_pairs, exports              frozen sets of accepted pairs
image_store                                       which folder of images belongs to these tables
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from blip2core.storage.columns import (
    Base,
    Moment,
    RowId,
    Sha256,
    of_same_item,
    one_of,
    refers_to,
)

CAPTION_SOURCES = ("web", "synthetic", "edited", "human")
STORED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
ITEM_STATUS = (
    "pending",
    "skipped",
    "flagged",
    "audit",
    "partial",
    "conflict",
    "decided",
    "excluded",
)
SNAPSHOT_STATUS = ("writing", "complete")
RUN_KINDS = ("import", "caption", "score", "capfilt", "threshold", "snapshot", "export", "train")
RUN_STATUS = ("queued", "running", "paused", "done", "failed", "cancelled")
ACTIONS = ("accept", "reject", "edit", "skip", "flag", "undo")
UNSCORED = 2.0
"""`Item.distance` of an item without scores: farther from any threshold than a score can be."""
NUMBERED = {"sqlite_autoincrement": True}  # ids of deleted rows are not given again


class Annotator(Base):
    """A person who decides, or a service that does."""

    __tablename__ = "annotators"
    __table_args__ = (UniqueConstraint("handle"), NUMBERED)
    id: Mapped[RowId]
    handle: Mapped[str] = mapped_column(String(80))
    display_name: Mapped[str] = mapped_column(String(200), default="")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[Moment]


class Dataset(Base):
    """A collection of images that is curated together."""

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("length(name) > 0", name="name_given"),
        CheckConstraint("overlap >= 1", name="overlap_positive"),
        CheckConstraint("threshold >= 0.0 AND threshold <= 1.0", name="threshold_range"),
        NUMBERED,
    )
    id: Mapped[RowId]
    name: Mapped[str] = mapped_column(String(120))
    guidelines: Mapped[str] = mapped_column(Text, default="")
    threshold: Mapped[float] = mapped_column(Double, default=0.5)
    """ITM probability around which a text is doubtful."""
    policy: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The rules of the filter, as `FilterConfig` writes them."""
    overlap: Mapped[int] = mapped_column(default=1)
    """Annotators who must decide an item before its status is decided."""
    itm_scorer_id: Mapped[int | None] = refers_to("scorers.id")
    itc_scorer_id: Mapped[int | None] = refers_to("scorers.id")
    """The scorers whose values are shown: those of the newest scoring."""
    created_at: Mapped[Moment]


class Image(Base):
    """An image by its content; the bytes lie in the image store."""

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("sha256"),
        one_of("format", STORED_FORMATS),
        one_of("state", ("ok", "purged")),
        CheckConstraint("length(sha256) = 64", name="sha256_length"),
        CheckConstraint("width > 0 AND height > 0 AND bytes > 0", name="size"),
        Index(None, "pixel_sha256"),
        *(Index(None, f"band{band}") for band in range(4)),
        NUMBERED,
    )
    id: Mapped[RowId]
    sha256: Mapped[Sha256]
    """Of the bytes that are kept."""
    pixel_sha256: Mapped[Sha256]
    """Of the decoded pixels: the same image, whatever file it came in."""
    phash: Mapped[int]
    """Perceptual hash, 64 bits, as a signed number."""
    band0: Mapped[int]
    band1: Mapped[int]
    band2: Mapped[int]
    band3: Mapped[int]
    """`phash` in 16-bit pieces: hashes that differ in at most 3 bits share one of them."""
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str] = mapped_column(String(8))
    bytes: Mapped[int]
    state: Mapped[str] = mapped_column(String(8), default="ok")
    """purged: taken down; the bytes are gone, and the image cannot be imported again."""
    created_at: Mapped[Moment]


class Item(Base):
    """An image in a dataset, with all that is said of it."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("dataset_id", "image_id"),
        one_of("status", ITEM_STATUS),
        Index(None, "dataset_id", "status", "id"),
        Index(None, "dataset_id", "status", "doubt", "id"),
        Index(None, "dataset_id", "status", "disagreement", "id"),
        Index(None, "dataset_id", "status", "shuffle", "id"),
        Index(None, "dataset_id", "status", "best", "id"),
        Index(None, "image_id"),
        NUMBERED,
    )
    id: Mapped[RowId]
    dataset_id: Mapped[int] = refers_to("datasets.id")
    image_id: Mapped[int] = refers_to("images.id")
    status: Mapped[str] = mapped_column(String(10), default="pending")
    distance: Mapped[float] = mapped_column("doubt", Double, default=UNSCORED)
    """Of the nearest ITM score to the threshold of the dataset; the column has its name of version
    0.1.
    """
    disagreement: Mapped[float] = mapped_column(Double, default=0.0)
    """How far ITM and ITC, or web and synthetic texts, are apart; 0 where they agree."""
    best: Mapped[float] = mapped_column(Double, default=-1.0)
    """Highest ITM score of its texts; -1 without scores."""
    shuffle: Mapped[float] = mapped_column(Double)
    """Place in a random order that never changes, in [0, 1)."""
    row_version: Mapped[int] = mapped_column(default=0)
    """Grows with every decision: a decision on an older version is refused."""
    created_at: Mapped[Moment]


class Source(Base):
    """Where an image was found; one image may have several."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("item_id", "origin_key"), NUMBERED)
    id: Mapped[RowId]
    item_id: Mapped[int] = refers_to("items.id")
    run_id: Mapped[int] = refers_to("runs.id")
    origin_key: Mapped[Sha256]
    """SHA-256 of name and address: importing again adds nothing."""
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    page_url: Mapped[str | None] = mapped_column(Text)
    license: Mapped[str | None] = mapped_column(Text)
    alt_text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[Moment]


class Caption(Base):
    """A text about an image. It never changes: an edit is a new one with its parent. What was said
    of it may come later, until it is in a snapshot.
    """

    __tablename__ = "captions"
    __table_args__ = (
        UniqueConstraint("item_id", "origin_key"),
        UniqueConstraint("id", "item_id"),
        one_of("source", CAPTION_SOURCES),
        of_same_item("parent_id"),
        CheckConstraint("length(text) BETWEEN 1 AND 20000", name="text_length"),
        CheckConstraint(
            "(source = 'web' AND source_id IS NOT NULL AND run_id IS NULL"
            " AND author_id IS NULL AND parent_id IS NULL)"
            " OR (source = 'synthetic' AND run_id IS NOT NULL AND source_id IS NULL"
            " AND author_id IS NULL AND parent_id IS NULL)"
            " OR (source = 'edited' AND author_id IS NOT NULL AND parent_id IS NOT NULL"
            " AND source_id IS NULL AND run_id IS NULL)"
            " OR (source = 'human' AND author_id IS NOT NULL AND parent_id IS NULL"
            " AND source_id IS NULL AND run_id IS NULL)",
            name="origin",
        ),
        Index(None, "run_id", "item_id"),
        Index(None, "source", "item_id"),
        Index(None, "source_id"),
        Index(None, "parent_id"),
        NUMBERED,
    )
    id: Mapped[RowId]
    item_id: Mapped[int] = refers_to("items.id")
    source: Mapped[str] = mapped_column(String(10))
    origin_key: Mapped[str] = mapped_column(String(120))
    """What makes it this text of this item; never null, so that it can be unique."""
    text: Mapped[str] = mapped_column(Text)
    source_id: Mapped[int | None] = refers_to("sources.id")
    run_id: Mapped[int | None] = refers_to("runs.id")
    author_id: Mapped[int | None] = refers_to("annotators.id")
    parent_id: Mapped[int | None]
    place: Mapped[str | None] = mapped_column(Text)
    """Column, member or field where a web text stood."""
    data: Mapped[dict[str, Any] | None]
    """What else was said of it there: scores and ids."""
    created_at: Mapped[Moment]


class Run(Base):
    """Something that ran, or is to run, over a dataset."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("uid"),
        one_of("kind", RUN_KINDS),
        one_of("status", RUN_STATUS),
        one_of("request", ("", "pause", "cancel")),
        CheckConstraint(
            "kind NOT IN ('caption', 'score', 'capfilt')"
            " OR (model IS NOT NULL AND revision IS NOT NULL)",
            name="model_pinned",
        ),
        CheckConstraint("done >= 0 AND failed >= 0", name="counts"),
        Index(None, "dataset_id", "kind", "status"),
        Index(None, "status", "id"),
        NUMBERED,
    )
    id: Mapped[RowId]
    uid: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(16))
    dataset_id: Mapped[int | None] = refers_to("datasets.id")
    started_by: Mapped[int | None] = refers_to("annotators.id")
    model: Mapped[str | None] = mapped_column(String(200))
    revision: Mapped[str | None] = mapped_column(String(64))
    dtype: Mapped[str | None] = mapped_column(String(16))
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seed: Mapped[int | None]
    code_version: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(10), default="queued")
    request: Mapped[str] = mapped_column(String(8), default="")
    """What somebody asked of it while it runs: pause or cancel."""
    total: Mapped[int | None]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    sums: Mapped[dict[str, Any] | None]
    """Of an import: what became of each image and text that was read."""
    reading: Mapped[dict[str, Any] | None]
    """Of an import: how far it has read its sources."""
    created_at: Mapped[Moment]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RunProblem(Base):
    """One input of a run that could not be used."""

    __tablename__ = "run_problems"
    __table_args__ = (
        Index(None, "run_id", "id"),
        Index(None, "run_id", "item_id"),
        NUMBERED,
    )
    id: Mapped[RowId]
    run_id: Mapped[int] = refers_to("runs.id")
    item_id: Mapped[int | None] = refers_to("items.id")
    name: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    about: Mapped[str] = mapped_column(Text, default="image", server_default="image")
    """As `Problem.about`; a note is about nothing that was lost."""
    inputs: Mapped[int] = mapped_column(default=1, server_default="1")
    """How many images, files or rows it is."""
    texts: Mapped[int] = mapped_column(default=0, server_default="0")
    """Texts that were read and are lost with it."""
    created_at: Mapped[Moment]


class FinishedArchive(Base):
    """An archive that an import has read to its end, until that import ends: one that was killed
    goes on behind it.
    """

    __tablename__ = "finished_archives"
    __table_args__ = (UniqueConstraint("dataset_id", "key"), Index(None, "run_id"), NUMBERED)
    id: Mapped[RowId]
    dataset_id: Mapped[int] = refers_to("datasets.id")
    run_id: Mapped[int] = refers_to("runs.id")
    """The import that read it, or passed over it last."""
    key: Mapped[Sha256]
    """What decides what is read of it: its bytes, and how they are read."""
    name: Mapped[str] = mapped_column(Text)
    outcome: Mapped[dict[str, Any]]
    """Sums of what it brought, and what could not be used."""
    created_at: Mapped[Moment]


class Scorer(Base):
    """Everything that decides a score besides image and text."""

    __tablename__ = "scorers"
    __table_args__ = (
        UniqueConstraint("fingerprint"),
        one_of("head", ("itm", "itc")),
        CheckConstraint("text_limit > 0", name="text_limit_positive"),
        NUMBERED,
    )
    id: Mapped[RowId]
    fingerprint: Mapped[Sha256]
    head: Mapped[str] = mapped_column(String(8))
    model: Mapped[str] = mapped_column(String(200))
    revision: Mapped[str] = mapped_column(String(64))
    dtype: Mapped[str] = mapped_column(String(16))
    preprocessing: Mapped[Sha256]
    text_limit: Mapped[int]
    created_at: Mapped[Moment]


class Score(Base):
    """What one scorer says of one caption: said once."""

    __tablename__ = "scores"
    __table_args__ = (
        UniqueConstraint("caption_id", "scorer_id"),
        # NaN: SQLite stores it as NULL, which the column refuses; to PostgreSQL it is above 1.
        CheckConstraint("value >= -1.0 AND value <= 1.0", name="value_range"),
        CheckConstraint("tokens >= 0", name="tokens_positive"),
        Index(None, "scorer_id", "caption_id", "value"),  # all a histogram reads, in order
        Index(None, "run_id"),
        NUMBERED,
    )
    id: Mapped[RowId]
    caption_id: Mapped[int] = refers_to("captions.id")
    scorer_id: Mapped[int] = refers_to("scorers.id")
    run_id: Mapped[int] = refers_to("runs.id")
    value: Mapped[float] = mapped_column(Double)
    tokens: Mapped[int]
    truncated: Mapped[bool]
    created_at: Mapped[Moment]


class Batch(Base):
    """Many decisions made by one act, and undone by one."""

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("uid"),
        UniqueConstraint("undoes_id"),
        one_of("kind", ("bulk", "threshold", "undo")),
        CheckConstraint("kind <> 'undo' OR undoes_id IS NOT NULL", name="undo_has_target"),
        CheckConstraint("expected > 0", name="expected_positive"),
        NUMBERED,
    )
    id: Mapped[RowId]
    uid: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(10))
    dataset_id: Mapped[int] = refers_to("datasets.id")
    annotator_id: Mapped[int] = refers_to("annotators.id")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What chose the items: threshold and filters."""
    expected: Mapped[int]
    """How many decisions it consists of; never fewer are stored."""
    undoes_id: Mapped[int | None] = refers_to("batches.id")
    created_at: Mapped[Moment]


class AuditItem(Base):
    """An item of a threshold batch, drawn at random to be looked at by a person."""

    __tablename__ = "audit_items"
    __table_args__ = (Index(None, "item_id"),)
    batch_id: Mapped[int] = refers_to("batches.id", primary_key=True)
    item_id: Mapped[int] = refers_to("items.id", primary_key=True)


class DecisionEvent(Base):
    """One act of one annotator. Never changes: taking it back is another event."""

    __tablename__ = "decisions"
    __table_args__ = (
        UniqueConstraint("client_event_id"),
        UniqueConstraint("supersedes_id"),
        of_same_item("caption_id"),
        of_same_item("result_caption_id"),
        one_of("action", ACTIONS),
        CheckConstraint("action <> 'edit' OR result_caption_id IS NOT NULL", name="edit_result"),
        CheckConstraint("action <> 'undo' OR supersedes_id IS NOT NULL", name="undo_target"),
        CheckConstraint("action = 'undo' OR supersedes_id IS NULL", name="only_undo_supersedes"),
        CheckConstraint(
            "action NOT IN ('accept', 'reject') OR caption_id IS NOT NULL", name="verdict_caption"
        ),
        CheckConstraint("round BETWEEN 1 AND 2", name="round"),
        Index(None, "item_id", "id"),
        Index(None, "annotator_id", "id"),
        Index(None, "batch_id", "id"),
        Index(None, "caption_id"),
        NUMBERED,
    )
    id: Mapped[RowId]
    client_event_id: Mapped[str] = mapped_column(String(64))
    """Made where the card is drawn: a double click or a retry is one event."""
    item_id: Mapped[int] = refers_to("items.id")
    annotator_id: Mapped[int] = refers_to("annotators.id")
    action: Mapped[str] = mapped_column(String(10))
    caption_id: Mapped[int | None]
    result_caption_id: Mapped[int | None]
    """The text that an edit made."""
    supersedes_id: Mapped[int | None] = refers_to("decisions.id")
    """The event that an undo takes back; each can be taken back once."""
    batch_id: Mapped[int | None] = refers_to("batches.id")
    round: Mapped[int] = mapped_column(default=1)
    """2 where it was made in the blind second review."""
    reason: Mapped[str | None] = mapped_column(String(200))
    note: Mapped[str | None] = mapped_column(Text)
    seen: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What was on screen: threshold, scores, order of the texts."""
    created_at: Mapped[Moment]


class Verdict(Base):
    """What the decisions of one annotator on one caption amount to. Computed from the log."""

    __tablename__ = "verdicts"
    __table_args__ = (
        of_same_item("caption_id"),
        one_of("verdict", ("accept", "reject", "edit")),
        Index(None, "item_id"),
        Index(None, "annotator_id", "item_id"),
        Index(None, "decision_id"),
    )
    caption_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    annotator_id: Mapped[int] = refers_to("annotators.id", primary_key=True)
    item_id: Mapped[int] = refers_to("items.id")
    verdict: Mapped[str] = mapped_column(String(10))
    """edit: the text was replaced by another, so it was not good enough."""
    decision_id: Mapped[int] = refers_to("decisions.id")


class Draft(Base):
    """A text being written, kept until it is accepted or thrown away."""

    __tablename__ = "drafts"
    __table_args__ = (of_same_item("caption_id"),)
    item_id: Mapped[int] = refers_to("items.id", primary_key=True)
    annotator_id: Mapped[int] = refers_to("annotators.id", primary_key=True)
    caption_id: Mapped[int | None]
    """The text it started from; null where written from nothing."""
    text: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime]


class Lease(Base):
    """An annotator has the item on screen; others are offered other items."""

    __tablename__ = "leases"
    __table_args__ = (Index(None, "expires_at"),)
    item_id: Mapped[int] = refers_to("items.id", primary_key=True)
    annotator_id: Mapped[int] = refers_to("annotators.id")
    expires_at: Mapped[datetime]


class DuplicatePair(Base):
    """Two images that look alike."""

    __tablename__ = "duplicate_pairs"
    __table_args__ = (
        CheckConstraint("first_id < second_id", name="ordered"),
        CheckConstraint("distance BETWEEN 0 AND 64", name="distance_range"),
        Index(None, "second_id"),
    )
    first_id: Mapped[int] = refers_to("images.id", primary_key=True)
    second_id: Mapped[int] = refers_to("images.id", primary_key=True)
    distance: Mapped[int]
    """Bits in which the perceptual hashes differ; 0 also where the pixels are the same."""
    created_at: Mapped[Moment]


class Snapshot(Base):
    """Accepted pairs, frozen under a name."""

    __tablename__ = "snapshots"
    __table_args__ = (
        UniqueConstraint("dataset_id", "name"),
        one_of("status", SNAPSHOT_STATUS),
        CheckConstraint("length(content_sha256) = 64", name="content_sha256_length"),
        NUMBERED,
    )
    id: Mapped[RowId]
    dataset_id: Mapped[int] = refers_to("datasets.id")
    name: Mapped[str] = mapped_column(String(120))
    policy: Mapped[dict[str, Any]]
    last_decision_id: Mapped[int]
    """Names the state: every decision up to this number was looked at, and none after it."""
    content_sha256: Mapped[Sha256]
    pairs: Mapped[int]
    created_by: Mapped[int] = refers_to("annotators.id")
    created_at: Mapped[Moment]
    status: Mapped[str] = mapped_column(String(10), default="complete", server_default="complete")
    """writing: its pairs are being stored; until it is complete nothing lists or exports it."""


class SnapshotPair(Base):
    """One pair of a snapshot, with scores and origin as they were."""

    __tablename__ = "snapshot_pairs"
    __table_args__ = (
        of_same_item("caption_id"),
        UniqueConstraint("snapshot_id", "caption_id"),
        one_of("split", ("train", "validation", "test")),
        Index(None, "caption_id"),
    )
    snapshot_id: Mapped[int] = refers_to("snapshots.id", primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    caption_id: Mapped[int]
    item_id: Mapped[int] = refers_to("items.id")
    split: Mapped[str] = mapped_column(String(12))
    decision_id: Mapped[int | None] = refers_to("decisions.id")
    """The decision that accepted it; null where only the threshold did."""
    source_id: Mapped[int | None] = refers_to("sources.id")
    scorer_id: Mapped[int | None] = refers_to("scorers.id")
    itm: Mapped[float | None] = mapped_column(Double)
    itc: Mapped[float | None] = mapped_column(Double)


class Export(Base):
    """A snapshot written to files."""

    __tablename__ = "exports"
    __table_args__ = (
        UniqueConstraint("uid"),
        one_of("status", ("writing", "complete", "failed")),
        CheckConstraint(
            "status <> 'complete' OR (manifest_sha256 IS NOT NULL AND pairs IS NOT NULL"
            " AND location IS NOT NULL)",
            name="complete",
        ),
        Index(None, "snapshot_id"),
        NUMBERED,
    )
    id: Mapped[RowId]
    uid: Mapped[str] = mapped_column(String(36))
    snapshot_id: Mapped[int] = refers_to("snapshots.id")
    run_id: Mapped[int | None] = refers_to("runs.id")
    format: Mapped[str] = mapped_column(String(16))
    """A name of `exports.FORMATS`; no CHECK, so that a new format needs no migration."""
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(String(10), default="writing")
    manifest_sha256: Mapped[Sha256 | None]
    pairs: Mapped[int | None]
    location: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Moment]


class Feedback(Base):
    """What a visitor of the chat page thinks of one answer."""

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("client_event_id"), NUMBERED)
    id: Mapped[RowId]
    client_event_id: Mapped[str] = mapped_column(String(64))
    annotator_id: Mapped[int | None] = refers_to("annotators.id")
    liked: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text, default="")
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    prompt: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(String(200))
    revision: Mapped[str | None] = mapped_column(String(64))
    image_sha256: Mapped[Sha256 | None]
    created_at: Mapped[Moment]


class ImageStoreRecord(Base):
    """The image store that belongs to these tables: one row, once an owner has opened them."""

    __tablename__ = "image_store"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    uid: Mapped[str] = mapped_column(String(36))
    """The id that the folder of images carries in a file."""
    location: Mapped[str] = mapped_column(Text)
    """Where the folder was when it was last opened: for whoever looks for it."""
