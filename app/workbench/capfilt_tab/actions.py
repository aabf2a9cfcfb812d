"""What a visitor does with pairs: move the threshold, accept, reject, edit, ask why, keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.chat.image import image_from
from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.inference.capfilt_tasks import (
    CapFiltSession,
    JudgedText,
    caption_config,
    score_edited,
    text_of,
    with_text,
)
from app.inference.failures import error_message
from app.inference.features import encode_for_matcher
from app.services import Services
from app.workbench.capfilt_tab.cards import cards_html, summary
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update
from app.workbench.image.panel import caption_image, show_panel
from app.workbench.widgets import tables
from blip2core.errors import Blip2Error, StorageError
from blip2core.images import open_image
from blip2core.texts import clean_text

if TYPE_CHECKING:
    from blip2core.curation.pairs import StoredPairs

LONGEST_EDIT = 1000
"""Characters of an edited text."""
AT_ONCE = PRIVATE_EVENT | {"queue": False}
"""Needs no model: what a press does is there at once, also while the model works."""


def build_acts(ui: SimpleNamespace, services: Services) -> None:
    """Draws what is done with all pairs at once, above the cards."""
    with gr.Row(elem_classes="buttons"):
        ui.all = gr.Button(
            "Accept all kept", size="sm", scale=0, min_width=150, elem_id="accept-kept"
        )
        if services.database is not None:
            ui.keep = gr.Button(
                "Keep what I judged", size="sm", scale=0, min_width=170, elem_id="keep-pairs"
            )
            ui.dataset = gr.Textbox(
                "workbench", label="in the dataset", max_length=200, scale=1, elem_id="pair-dataset"
            )
    ui.kept = gr.HTML(container=False, elem_classes="status-area")


def wire_acts(ui: SimpleNamespace, services: Services, panel: SimpleNamespace) -> None:
    """Wires the threshold, those buttons, and the ones on the cards."""
    shown = [ui.pairs, ui.said, ui.cards]
    ui.threshold.input(
        on_threshold,
        [ui.pairs, ui.threshold],
        shown,
        trigger_mode="always_last",
        **AT_ONCE,
    )
    ui.cards.judge(on_judge, ui.pairs, shown, **AT_ONCE)
    ui.all.click(on_accept_kept, ui.pairs, shown, **AT_ONCE)
    ui.cards.edit(edit_of(services), ui.pairs, shown, **MODEL_EVENT)
    why = ui.cards.why(
        on_why,
        [ui.session, ui.pairs],
        [*panel.screen, panel.inspected_text, panel.tabs],
        **PRIVATE_EVENT,
    )
    why.success(
        partial(caption_image, services), ui.session, [panel.caption, panel.notice], **MODEL_EVENT
    )
    if services.database is not None:
        ui.keep.click(
            keep_of(services), [ui.pairs, ui.dataset], [ui.pairs, ui.kept], **PRIVATE_EVENT
        )


def on_threshold(pairs: CapFiltSession, value: Any) -> tuple[Update, ...]:
    """Other rules, the same scores: what is kept and dropped is decided again."""
    if isinstance(value, int | float) and 0 <= value <= 1:
        pairs.rules = replace(pairs.rules, threshold=float(value))
    return _drawn(pairs)


def on_judge(pairs: CapFiltSession, event: gr.EventData) -> tuple[Update, ...]:
    """A text was accepted or rejected; pressed again, it is neither."""
    sent = event_values(event)
    verdict = sent.get("verdict")
    try:
        if verdict in ("accepted", "rejected"):
            pairs.judge(sent.get("card"), sent.get("text"), verdict)
    except Blip2Error as error:
        return _drawn(pairs, str(error))
    return _drawn(pairs)


def on_accept_kept(pairs: CapFiltSession) -> tuple[Update, ...]:
    """All that the filter keeps and nobody judged yet."""
    pairs.accept_kept()
    return _drawn(pairs)


def edit_of(services: Services) -> Any:
    """The listener of an edit; Gradio finds the event by its annotation."""

    def edit(pairs: CapFiltSession, event: gr.EventData) -> Iterator[tuple[Update, ...]]:
        yield pairs, tables.status("The edited text is being scored."), gr.skip()
        yield on_edit_text(services, pairs, event_values(event))

    return edit


def on_edit_text(services: Services, pairs: CapFiltSession, sent: Any) -> tuple[Update, ...]:
    """An edited text is a text of its own, scored as the others; then it may be accepted."""
    try:
        card = pairs.card(sent.get("card"))
        parent = text_of(card, sent.get("text"))
        words = clean_text(str(sent.get("words") or ""))[:LONGEST_EDIT]
        if not words or words == parent.words:
            return _drawn(pairs)
        model, features = pairs.batch.request.model, card.features
        if features is None:
            image = open_image(card.data)
            features = services.engine.call(encode_for_matcher, model, image)
        scored = services.engine.call(score_edited, model, features, words)
        card = replace(pairs.card(card.number), features=features)  # judged meanwhile, perhaps
        number = 1 + max(text.number for text in card.texts)
        pairs.replace_card(
            with_text(card, JudgedText(number=number, scored=scored, parent=parent.number))
        )
    except Exception as error:
        return _drawn(pairs, error_message(error, "Not scored"))
    return _drawn(pairs)


def on_why(session: ChatSession, pairs: CapFiltSession, event: gr.EventData) -> tuple[Update, ...]:
    """The image becomes the visitor's, and the tab that looks inside gets the text."""
    try:
        card = pairs.card(event_values(event).get("card"))
        text = text_of(card, event_values(event).get("text"))
        image = image_from(card.data, card.name)
    except Blip2Error as error:
        return (*show_panel(session, str(error)), gr.skip(), gr.skip())
    session.receive(image)
    if not session.is_about(image):  # it is offered, and the visitor asked about it at the left
        return (*show_panel(session), gr.skip(), gr.skip())
    session.inspected_text = text.words
    return (*show_panel(session), session.inspected_text, gr.Tabs(selected="inside"))


def keep_of(services: Services) -> Any:
    """The listener that puts pairs into the database."""

    def keep(
        pairs: CapFiltSession, dataset: str, request: gr.Request
    ) -> tuple[CapFiltSession, str]:
        return pairs, on_save_pairs(services, pairs, dataset, request.username or "workbench")

    return keep


def on_save_pairs(services: Services, pairs: CapFiltSession, dataset: str, handle: str) -> str:
    """Images, texts, scores and verdicts go to the curator's database; HTML of what was done."""
    try:
        kept = save_pairs(services, pairs, dataset=dataset.strip(), annotator=handle)
    except Exception as error:
        return tables.status(error_message(error, "Not kept"), problem=True)
    return tables.status(
        f"{kept.accepted} accepted and {kept.rejected} rejected texts of {kept.images} images "
        f"are in the dataset {dataset.strip()}."
    )


def save_pairs(
    services: Services, pairs: CapFiltSession, *, dataset: str, annotator: str
) -> StoredPairs:
    """Store the images of which a text was judged; once, however often it is called.

    Raises StorageError where there is no database, nothing was judged or the dataset has no name.
    """
    # The workbench alone needs no database; torch is there, as the models are.
    from blip2core.capfilt import scorer_identity
    from blip2core.curation.pairs import JudgedImage, PairOrigin, store_pairs
    from blip2core.models.identity import dtype_of

    if services.database is None:
        raise StorageError("There is no database to save to.")
    judged = [
        JudgedImage(name=card.name, data=card.data, sha256=card.sha256, texts=card.texts)
        for card in pairs.cards
    ]
    if not judged:
        raise StorageError("Accept or reject a text first.")
    pair = services.engine.pair(pairs.batch.request.model)
    origin = PairOrigin(
        captioner=pair.generator.spec.name,
        revision=pair.generator.revision,
        dtype=dtype_of(pair.generator),
        captions=caption_config(pairs.batch.request.captions),
        scorer=scorer_identity(pair.matcher),
    )
    stored = store_pairs(
        services.database,
        judged,
        origin,
        dataset=dataset,
        annotator=annotator,
        run_id=pairs.runs.get(dataset),
    )
    pairs.runs[dataset] = stored.run_id
    return stored


def _drawn(pairs: CapFiltSession, problem: str = "") -> tuple[Update, ...]:
    """The desk, what is said of it, and the cards."""
    said = tables.status(problem, problem=True) if problem else ""
    if pairs.batch.is_running:
        said += tables.progress(
            pairs.batch.done,
            len(pairs.batch.items),
            f"{pairs.batch.done} of {len(pairs.batch.items)}",
        )
    return pairs, said + summary(pairs) + tables.problems(pairs.problems), cards_html(pairs)
