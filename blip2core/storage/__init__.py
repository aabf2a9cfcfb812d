"""The curator's database and image store. Start with `open_database`; the rest are functions.

    database = open_database()                    # or a URL, or the path of an SQLite file
    with database.write() as session:             # one unit: on disk when the block ends
        recorded = record_decision(session, NewDecision(...))
    with database.read() as session:              # sees one state, changes nothing
        page = review_queue(session, dataset_id=1)

Each takes the session first and never commits. By subject:

    datasets    get_or_create_dataset, find_dataset, get_dataset, list_datasets, status_counts,
                filter_of, update_dataset
    items       add_item, add_items, find_image, image_of_item, exclude_items, purge_image,
                is_taken_down, taken_down, stored_images
    alike       near_duplicates, duplicates_of, note_near (in near_images)
    archives    finished_archives, finish_archive, take_over_archive, forget_archives
    takedown    plan_takedown, take_down, finish_takedowns (take the database)
    captions    add_captions, texts_of, add_scores, pending_items, scorer_ids
    review      review_queue, second_review_queue, count_queue
    cards       card, save_draft, load_draft, drop_draft, take_lease, release_lease
    decisions   record_decision, undo_last
    batches     decide_many, undo_batch, list_batches, threshold_choices, count_threshold,
                draw_audit, audit_result
    thresholds  score_histogram, kept_counts, verdict_scores
    runs        create_run, claim_run, start_run, heartbeat, finish_run, request_pause,
                request_cancel, resume_run, get_run, unfinished_run, list_runs, add_problem,
                list_problems, count_problems, compare_runs, run_scores, was_interrupted,
                done_again, group_problems
    retries     retry_run, retryable_items, requeue_run, restart_run
    choosing    SnapshotPolicy, chosen_rows, split_of (what a snapshot takes)
    freezing    create_snapshot, freeze_snapshot, drop_unfinished_snapshots (take the database)
    snapshots   snapshot_pairs (takes the database), find_snapshot, named_snapshot,
                list_snapshots, snapshots_with
    history     rejections, applied_rules, double_verdicts (until a snapshot was taken)
    exporting   record_export, finish_export, fail_export, fail_unfinished_exports
    people      get_or_create_annotator, list_annotators, set_active, annotator_progress,
                verdict_pairs
    feedback    add_feedback, list_feedback
    upkeep      upgrade, backup, check; check_images, refuse_missing_images, with_images;
                back_up, verify_backup, restore_backup, restore_images; copy_studio
    store_id    read_store_id, write_store_id, check_store, adopt_store (which folder of images)
"""

from blip2core.storage.database import Database, default_data_folder, open_database
from blip2core.storage.images import ImageStore

__all__ = ["Database", "ImageStore", "default_data_folder", "open_database"]
