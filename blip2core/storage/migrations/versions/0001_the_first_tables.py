"""The first tables."""

import sqlalchemy as sa
from alembic import op

from blip2core.storage.columns import Id, JsonColumn, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "annotators",
        sa.Column("id", Id, nullable=False),
        sa.Column("handle", sa.String(length=80), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotators")),
        sa.UniqueConstraint("handle", name=op.f("uq_annotators_handle")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "images",
        sa.Column("id", Id, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pixel_sha256", sa.String(length=64), nullable=False),
        sa.Column("phash", Id, nullable=False),
        sa.Column("band0", Id, nullable=False),
        sa.Column("band1", Id, nullable=False),
        sa.Column("band2", Id, nullable=False),
        sa.Column("band3", Id, nullable=False),
        sa.Column("width", Id, nullable=False),
        sa.Column("height", Id, nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("bytes", Id, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "format IN ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP')", name=op.f("ck_images_format")
        ),
        sa.CheckConstraint("state IN ('ok', 'purged')", name=op.f("ck_images_state")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_images_sha256_length")),
        sa.CheckConstraint("width > 0 AND height > 0 AND bytes > 0", name=op.f("ck_images_size")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("sha256", name=op.f("uq_images_sha256")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_images_band0"), ["band0"], unique=False)
        batch_op.create_index(batch_op.f("ix_images_band1"), ["band1"], unique=False)
        batch_op.create_index(batch_op.f("ix_images_band2"), ["band2"], unique=False)
        batch_op.create_index(batch_op.f("ix_images_band3"), ["band3"], unique=False)
        batch_op.create_index(batch_op.f("ix_images_pixel_sha256"), ["pixel_sha256"], unique=False)

    op.create_table(
        "scorers",
        sa.Column("id", Id, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("head", sa.String(length=8), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("dtype", sa.String(length=16), nullable=False),
        sa.Column("preprocessing", sa.String(length=64), nullable=False),
        sa.Column("text_limit", Id, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint("head IN ('itm', 'itc')", name=op.f("ck_scorers_head")),
        sa.CheckConstraint("text_limit > 0", name=op.f("ck_scorers_text_limit_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorers")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_scorers_fingerprint")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "datasets",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("guidelines", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("policy", JsonColumn, nullable=False),
        sa.Column("overlap", Id, nullable=False),
        sa.Column("itm_scorer_id", Id, nullable=True),
        sa.Column("itc_scorer_id", Id, nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint("length(name) > 0", name=op.f("ck_datasets_name_given")),
        sa.CheckConstraint("overlap >= 1", name=op.f("ck_datasets_overlap_positive")),
        sa.CheckConstraint(
            "threshold >= 0.0 AND threshold <= 1.0", name=op.f("ck_datasets_threshold_range")
        ),
        sa.ForeignKeyConstraint(
            ["itc_scorer_id"],
            ["scorers.id"],
            name=op.f("fk_datasets_itc_scorer_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["itm_scorer_id"],
            ["scorers.id"],
            name=op.f("fk_datasets_itm_scorer_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("name", name=op.f("uq_datasets_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "duplicate_pairs",
        sa.Column("first_id", Id, nullable=False),
        sa.Column("second_id", Id, nullable=False),
        sa.Column("distance", Id, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "distance BETWEEN 0 AND 64", name=op.f("ck_duplicate_pairs_distance_range")
        ),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_duplicate_pairs_ordered")),
        sa.ForeignKeyConstraint(
            ["first_id"],
            ["images.id"],
            name=op.f("fk_duplicate_pairs_first_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["second_id"],
            ["images.id"],
            name=op.f("fk_duplicate_pairs_second_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("first_id", "second_id", name=op.f("pk_duplicate_pairs")),
    )
    with op.batch_alter_table("duplicate_pairs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_duplicate_pairs_second_id"), ["second_id"], unique=False
        )

    op.create_table(
        "feedback",
        sa.Column("id", Id, nullable=False),
        sa.Column("client_event_id", sa.String(length=64), nullable=False),
        sa.Column("annotator_id", Id, nullable=True),
        sa.Column("liked", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=True),
        sa.Column("image_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.id"],
            name=op.f("fk_feedback_annotator_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("client_event_id", name=op.f("uq_feedback_client_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "batches",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("dataset_id", Id, nullable=False),
        sa.Column("annotator_id", Id, nullable=False),
        sa.Column("settings", JsonColumn, nullable=False),
        sa.Column("expected", Id, nullable=False),
        sa.Column("undoes_id", Id, nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'undo' OR undoes_id IS NOT NULL", name=op.f("ck_batches_undo_has_target")
        ),
        sa.CheckConstraint("kind IN ('bulk', 'threshold', 'undo')", name=op.f("ck_batches_kind")),
        sa.CheckConstraint("expected > 0", name=op.f("ck_batches_expected_positive")),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.id"],
            name=op.f("fk_batches_annotator_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_batches_dataset_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["batches.id"], name=op.f("fk_batches_undoes_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("uid", name=op.f("uq_batches_uid")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_batches_undoes_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "items",
        sa.Column("id", Id, nullable=False),
        sa.Column("dataset_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("doubt", sa.Double(), nullable=False),
        sa.Column("disagreement", sa.Double(), nullable=False),
        sa.Column("best", sa.Double(), nullable=False),
        sa.Column("shuffle", sa.Double(), nullable=False),
        sa.Column("row_version", Id, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'skipped', 'flagged', 'audit', 'partial', 'conflict', 'decided', 'excluded')",
            name=op.f("ck_items_status"),
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_items_dataset_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_items_image_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("dataset_id", "image_id", name=op.f("uq_items_dataset_id_image_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_items_dataset_id_status_best_id"),
            ["dataset_id", "status", "best", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_items_dataset_id_status_disagreement_id"),
            ["dataset_id", "status", "disagreement", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_items_dataset_id_status_doubt_id"),
            ["dataset_id", "status", "doubt", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_items_dataset_id_status_id"),
            ["dataset_id", "status", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_items_dataset_id_status_shuffle_id"),
            ["dataset_id", "status", "shuffle", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_items_image_id"), ["image_id"], unique=False)

    op.create_table(
        "runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("dataset_id", Id, nullable=True),
        sa.Column("started_by", Id, nullable=True),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("revision", sa.String(length=64), nullable=True),
        sa.Column("dtype", sa.String(length=16), nullable=True),
        sa.Column("parameters", JsonColumn, nullable=False),
        sa.Column("seed", Id, nullable=True),
        sa.Column("code_version", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("request", sa.String(length=8), nullable=False),
        sa.Column("total", Id, nullable=True),
        sa.Column("done", Id, nullable=False),
        sa.Column("failed", Id, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("heartbeat_at", UtcTime(), nullable=True),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('import', 'caption', 'score', 'capfilt', 'threshold', 'snapshot', 'export', 'train')",
            name=op.f("ck_runs_kind"),
        ),
        sa.CheckConstraint(
            "kind NOT IN ('caption', 'score', 'capfilt') OR (model IS NOT NULL AND revision IS NOT NULL)",
            name=op.f("ck_runs_model_pinned"),
        ),
        sa.CheckConstraint("request IN ('', 'pause', 'cancel')", name=op.f("ck_runs_request")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')",
            name=op.f("ck_runs_status"),
        ),
        sa.CheckConstraint("done >= 0 AND failed >= 0", name=op.f("ck_runs_counts")),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_runs_dataset_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["started_by"], ["annotators.id"], name=op.f("fk_runs_started_by"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("uid", name=op.f("uq_runs_uid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_runs_dataset_id_kind_status"),
            ["dataset_id", "kind", "status"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_runs_status_id"), ["status", "id"], unique=False)

    op.create_table(
        "snapshots",
        sa.Column("id", Id, nullable=False),
        sa.Column("dataset_id", Id, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("policy", JsonColumn, nullable=False),
        sa.Column("last_decision_id", Id, nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("pairs", Id, nullable=False),
        sa.Column("created_by", Id, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "length(content_sha256) = 64", name=op.f("ck_snapshots_content_sha256_length")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["annotators.id"],
            name=op.f("fk_snapshots_created_by"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_snapshots_dataset_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
        sa.UniqueConstraint("dataset_id", "name", name=op.f("uq_snapshots_dataset_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_items",
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("item_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_audit_items_batch_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_audit_items_item_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("batch_id", "item_id", name=op.f("pk_audit_items")),
    )
    with op.batch_alter_table("audit_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_items_item_id"), ["item_id"], unique=False)

    op.create_table(
        "exports",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("snapshot_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=True),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("options", JsonColumn, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=True),
        sa.Column("pairs", Id, nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "format IN ('imagefolder', 'webdataset', 'coco', 'parquet', 'llava', 'jsonl', 'csv', 'sidecars')",
            name=op.f("ck_exports_format"),
        ),
        sa.CheckConstraint(
            "status <> 'complete' OR (manifest_sha256 IS NOT NULL AND pairs IS NOT NULL AND location IS NOT NULL)",
            name=op.f("ck_exports_complete"),
        ),
        sa.CheckConstraint(
            "status IN ('writing', 'complete', 'failed')", name=op.f("ck_exports_status")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_exports_run_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
            name=op.f("fk_exports_snapshot_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
        sa.UniqueConstraint("uid", name=op.f("uq_exports_uid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exports_snapshot_id"), ["snapshot_id"], unique=False)

    op.create_table(
        "leases",
        sa.Column("item_id", Id, nullable=False),
        sa.Column("annotator_id", Id, nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.id"],
            name=op.f("fk_leases_annotator_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_leases_item_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_leases")),
    )
    with op.batch_alter_table("leases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_leases_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "run_problems",
        sa.Column("id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("item_id", Id, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_run_problems_item_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_problems_run_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_problems")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("run_problems", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_run_problems_run_id_id"), ["run_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_run_problems_run_id_item_id"), ["run_id", "item_id"], unique=False
        )

    op.create_table(
        "sources",
        sa.Column("id", Id, nullable=False),
        sa.Column("item_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("origin_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("page_url", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("alt_text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_sources_item_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_sources_run_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("item_id", "origin_key", name=op.f("uq_sources_item_id_origin_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "captions",
        sa.Column("id", Id, nullable=False),
        sa.Column("item_id", Id, nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("origin_key", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source_id", Id, nullable=True),
        sa.Column("run_id", Id, nullable=True),
        sa.Column("author_id", Id, nullable=True),
        sa.Column("parent_id", Id, nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "(source = 'web' AND source_id IS NOT NULL AND run_id IS NULL AND author_id IS NULL AND parent_id IS NULL) OR (source = 'synthetic' AND run_id IS NOT NULL AND source_id IS NULL AND author_id IS NULL AND parent_id IS NULL) OR (source = 'edited' AND author_id IS NOT NULL AND parent_id IS NOT NULL AND source_id IS NULL AND run_id IS NULL) OR (source = 'human' AND author_id IS NOT NULL AND parent_id IS NULL AND source_id IS NULL AND run_id IS NULL)",
            name=op.f("ck_captions_origin"),
        ),
        sa.CheckConstraint(
            "source IN ('web', 'synthetic', 'edited', 'human')", name=op.f("ck_captions_source")
        ),
        sa.CheckConstraint(
            "length(text) BETWEEN 1 AND 20000", name=op.f("ck_captions_text_length")
        ),
        sa.ForeignKeyConstraint(
            ["author_id"],
            ["annotators.id"],
            name=op.f("fk_captions_author_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_captions_item_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id", "item_id"],
            ["captions.id", "captions.item_id"],
            name=op.f("fk_captions_parent_id_item_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_captions_run_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_captions_source_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captions")),
        sa.UniqueConstraint("id", "item_id", name=op.f("uq_captions_id_item_id")),
        sa.UniqueConstraint("item_id", "origin_key", name=op.f("uq_captions_item_id_origin_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("captions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_captions_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_captions_run_id_item_id"), ["run_id", "item_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_captions_source_id"), ["source_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_captions_source_item_id"), ["source", "item_id"], unique=False
        )

    op.create_table(
        "decisions",
        sa.Column("id", Id, nullable=False),
        sa.Column("client_event_id", sa.String(length=64), nullable=False),
        sa.Column("item_id", Id, nullable=False),
        sa.Column("annotator_id", Id, nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("caption_id", Id, nullable=True),
        sa.Column("result_caption_id", Id, nullable=True),
        sa.Column("supersedes_id", Id, nullable=True),
        sa.Column("batch_id", Id, nullable=True),
        sa.Column("round", Id, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("seen", JsonColumn, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "action <> 'edit' OR result_caption_id IS NOT NULL",
            name=op.f("ck_decisions_edit_result"),
        ),
        sa.CheckConstraint(
            "action <> 'undo' OR supersedes_id IS NOT NULL", name=op.f("ck_decisions_undo_target")
        ),
        sa.CheckConstraint(
            "action = 'undo' OR supersedes_id IS NULL",
            name=op.f("ck_decisions_only_undo_supersedes"),
        ),
        sa.CheckConstraint(
            "action IN ('accept', 'reject', 'edit', 'skip', 'flag', 'undo')",
            name=op.f("ck_decisions_action"),
        ),
        sa.CheckConstraint(
            "action NOT IN ('accept', 'reject') OR caption_id IS NOT NULL",
            name=op.f("ck_decisions_verdict_caption"),
        ),
        sa.CheckConstraint("round BETWEEN 1 AND 2", name=op.f("ck_decisions_round")),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.id"],
            name=op.f("fk_decisions_annotator_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_decisions_batch_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["caption_id", "item_id"],
            ["captions.id", "captions.item_id"],
            name=op.f("fk_decisions_caption_id_item_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_decisions_item_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["result_caption_id", "item_id"],
            ["captions.id", "captions.item_id"],
            name=op.f("fk_decisions_result_caption_id_item_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id"],
            ["decisions.id"],
            name=op.f("fk_decisions_supersedes_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("client_event_id", name=op.f("uq_decisions_client_event_id")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_decisions_supersedes_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_decisions_annotator_id_id"), ["annotator_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_decisions_batch_id_id"), ["batch_id", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_decisions_caption_id"), ["caption_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_decisions_item_id_id"), ["item_id", "id"], unique=False
        )

    op.create_table(
        "drafts",
        sa.Column("item_id", Id, nullable=False),
        sa.Column("annotator_id", Id, nullable=False),
        sa.Column("caption_id", Id, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.id"],
            name=op.f("fk_drafts_annotator_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["caption_id", "item_id"],
            ["captions.id", "captions.item_id"],
            name=op.f("fk_drafts_caption_id_item_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_drafts_item_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("item_id", "annotator_id", name=op.f("pk_drafts")),
    )
    op.create_table(
        "scores",
        sa.Column("id", Id, nullable=False),
        sa.Column("caption_id", Id, nullable=False),
        sa.Column("scorer_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("tokens", Id, nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint("tokens >= 0", name=op.f("ck_scores_tokens_positive")),
        sa.CheckConstraint("value >= -1.0 AND value <= 1.0", name=op.f("ck_scores_value_range")),
        sa.ForeignKeyConstraint(
            ["caption_id"], ["captions.id"], name=op.f("fk_scores_caption_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_scores_run_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["scorer_id"], ["scorers.id"], name=op.f("fk_scores_scorer_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scores")),
        sa.UniqueConstraint("caption_id", "scorer_id", name=op.f("uq_scores_caption_id_scorer_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_scores_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_scores_scorer_id_caption_id_value"),
            ["scorer_id", "caption_id", "value"],
            unique=False,
        )

    op.create_table(
        "snapshot_pairs",
        sa.Column("snapshot_id", Id, nullable=False),
        sa.Column("position", Id, autoincrement=False, nullable=False),
        sa.Column("caption_id", Id, nullable=False),
        sa.Column("item_id", Id, nullable=False),
        sa.Column("split", sa.String(length=12), nullable=False),
        sa.Column("decision_id", Id, nullable=True),
        sa.Column("source_id", Id, nullable=True),
        sa.Column("scorer_id", Id, nullable=True),
        sa.Column("itm", sa.Double(), nullable=True),
        sa.Column("itc", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "split IN ('train', 'validation', 'test')", name=op.f("ck_snapshot_pairs_split")
        ),
        sa.ForeignKeyConstraint(
            ["caption_id", "item_id"],
            ["captions.id", "captions.item_id"],
            name=op.f("fk_snapshot_pairs_caption_id_item_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decisions.id"],
            name=op.f("fk_snapshot_pairs_decision_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_snapshot_pairs_item_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["scorer_id"],
            ["scorers.id"],
            name=op.f("fk_snapshot_pairs_scorer_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
            name=op.f("fk_snapshot_pairs_snapshot_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_snapshot_pairs_source_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "position", name=op.f("pk_snapshot_pairs")),
        sa.UniqueConstraint(
            "snapshot_id", "caption_id", name=op.f("uq_snapshot_pairs_snapshot_id_caption_id")
        ),
    )
    op.create_table(
        "verdicts",
        sa.Column("caption_id", Id, autoincrement=False, nullable=False),
        sa.Column("annotator_id", Id, nullable=False),
        sa.Column("item_id", Id, nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("decision_id", Id, nullable=False),
        sa.CheckConstraint(
            "verdict IN ('accept', 'reject', 'edit')", name=op.f("ck_verdicts_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.id"],
            name=op.f("fk_verdicts_annotator_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["caption_id", "item_id"],
            ["captions.id", "captions.item_id"],
            name=op.f("fk_verdicts_caption_id_item_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decisions.id"],
            name=op.f("fk_verdicts_decision_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_verdicts_item_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("caption_id", "annotator_id", name=op.f("pk_verdicts")),
    )
    with op.batch_alter_table("verdicts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_verdicts_annotator_id_item_id"),
            ["annotator_id", "item_id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_verdicts_decision_id"), ["decision_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_verdicts_item_id"), ["item_id"], unique=False)
