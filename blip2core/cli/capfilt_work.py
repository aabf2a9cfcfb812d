"""What the commands of CapFilt share: the models of a run, and what is printed of its work."""

from typing import TYPE_CHECKING

from blip2core.cli.output import write_row
from blip2core.cli.studio import doubted_in_words, shown
from blip2core.config import CaptionConfig, DecodeConfig, FilterConfig
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.capfilt import CapFilt
    from blip2core.curation import CapFiltStep
    from blip2core.storage import Database
    from blip2core.storage.schema import Run

FILTER = "stickers-itm"


def settings_of_run(run: "Run", captioner: str | None) -> tuple[str, CaptionConfig]:
    """Return the captioner of a run and how it wrote; a folder is kept by its name alone, and found
    again where `captioner` is its path.
    """
    from blip2core.models.specs import find_spec

    captions = dict(run.parameters["captions"])
    decode = DecodeConfig(**captions.pop("decode"))
    name = run.parameters["captioner"]
    found = captioner if captioner and find_spec(captioner).name == name else name
    return found, CaptionConfig(decode=decode, **captions)


def filter_of_dataset(database: "Database", dataset_id: int) -> str | None:
    """Return the matcher that scored a dataset last; None where none has."""
    from blip2core.storage.datasets import filter_of

    with database.read() as session:
        return filter_of(session, dataset_id=dataset_id)


def load_models(
    captioner: str | None,
    matcher: str | None,
    captions: CaptionConfig | None,
    batch: int,
    device: str,
) -> "CapFilt":
    """Load the models of a run; without a captioner it only scores."""
    from blip2core.capfilt import CapFilt
    from blip2core.models.loading import load_generator, load_matcher

    generator = None if captioner is None else load_generator(captioner, device=device)
    return CapFilt(
        generator=generator,
        matcher=load_matcher(matcher or FILTER, device=device, share_with=generator),
        captions=captions or CaptionConfig(),
        batch=batch,
    )


def write_step(step: "CapFiltStep", rules: FilterConfig, as_json: bool) -> None:
    """Print the texts of an image that were just scored, each with the decision of the rules."""
    from blip2core.capfilt import decide

    if step.problem is not None:
        row: dict[str, object] = {"item": step.item_id, "problem": step.problem.reason}
        write_row(row, as_json, f"item {step.item_id}", f"problem: {step.problem.reason}")
        return
    decisions = decide([scored for _, scored in step.scored], rules)
    for (number, scored), decision in zip(step.scored, decisions, strict=True):
        row = {
            "item": step.item_id,
            "caption": number,
            "source": scored.candidate.source,
            "text": scored.candidate.text,
            "itm": scored.itm,
            "itc": scored.itc,
            "tokens": scored.tokens,
            "truncated": scored.truncated,
            "kept": decision.kept,
            "reason": decision.reason,
            "doubted": decision.doubted,
        }
        scores = (f"{scored.itm:.3f}", f"{scored.itc:+.3f}")
        kept = "kept" if decision.kept else "dropped"
        text = shown(scored.candidate.text)
        write_row(row, as_json, f"{step.item_id}", *scores, kept, scored.candidate.source, text)


def write_end(
    database: "Database", dataset_id: int, run_id: int, rules: FilterConfig, as_json: bool
) -> None:
    """Print how a run ended, and what the rules would keep now."""
    from blip2core.curation import preview
    from blip2core.storage.runs import get_run

    with database.read() as session:
        seen = preview(session, dataset_id=dataset_id, rules=rules)
        ended = get_run(session, run_id=run_id)
    row = {"run": run_id, "status": ended.status, "done": ended.done, "failed": ended.failed}
    row |= {"accept": seen.accept, "reject": seen.reject, "items_kept": seen.items_kept}
    row["items_doubted"] = seen.items_doubted
    done, failed = count_of(ended.done, "image"), count_of(ended.failed, "problem")
    texts = count_of(seen.decisions, "text")
    words = f"run {run_id} is {ended.status}: {done}, {failed}"
    write_row(
        row,
        as_json,
        f"{words}; of {texts} the rules would keep {seen.accept}{doubted_in_words(seen)}",
    )
