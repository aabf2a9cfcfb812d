"""Commands that run a model on images: caption, ask, match, retrieve."""

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from blip2core.cli.doubt import Doubting
from blip2core.cli.options import (
    AsJson,
    DecodingOption,
    Device,
    GeneratorName,
    ImageNames,
    MatcherName,
    MaxTokens,
    OneImage,
    Seed,
)
from blip2core.cli.output import NamedImages, write_row
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from blip2core.records import ALL_TURNS, Conversation, HistoryPolicy
from blip2core.stickers.taught import CAN_DO, instead_of_an_answer, is_taught
from blip2core.texts import visible

inference_commands = typer.Typer()


@inference_commands.command()
def caption(
    images: ImageNames,
    num: Annotated[int, typer.Option(help="Captions of each image.")] = 1,
    mode: DecodingOption = "greedy",
    prompt: Annotated[str | None, typer.Option(help="How the caption shall begin.")] = None,
    seed: Seed = None,
    max_new_tokens: MaxTokens = 40,
    model: GeneratorName = "stickers-opt",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Say what is in each image."""
    from blip2core.models.loading import load_generator

    decode = DecodeConfig(mode=mode, seed=seed, max_new_tokens=max_new_tokens)
    named = NamedImages(images, as_json)
    generator = load_generator(model, device=device)
    doubting = Doubting(generator, device)
    for name, opened in named:
        features = generator.encode([opened])
        doubt = doubting.look(name, opened, features, as_json)
        for text in generator.caption(features, prompt=prompt, num=num, decode=decode)[0]:
            row = {
                "image": name,
                "prompt": generator.caption_prompt(prompt),
                "caption": text.text,
                "cut_off": text.cut_off,
            } | doubt
            tell_cut_off(text.text, text.cut_off, as_json)
            write_row(row, as_json, named.label(name), text.text)
    named.finish()


@inference_commands.command(name="ask")
def ask_image(
    image: OneImage,
    questions: Annotated[
        list[str], typer.Argument(metavar="QUESTION...", help="Several make a conversation.")
    ],
    mode: DecodingOption = "greedy",
    seed: Seed = None,
    max_new_tokens: MaxTokens = 40,
    history: Annotated[
        str | None,
        typer.Option(
            metavar="TURNS",
            help="Earlier turns that a question is sent with: a number, or all. Else as many as "
            "the model was measured with.",
        ),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Ask also what the model was never taught to answer."),
    ] = False,
    model: GeneratorName = "stickers-opt",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Ask about an image; later questions know the latest ones before them and their answers.

    A question that an embedded model was never taught is not asked: what it can do is told, with
    three questions about the image.
    """
    from blip2core.chat import prompt_for
    from blip2core.models.loading import load_generator

    decode = DecodeConfig(mode=mode, seed=seed, max_new_tokens=max_new_tokens)
    sent = None if history is None else history_from(history)
    named = NamedImages([image], as_json)
    generator = load_generator(model, device=device)
    doubting = Doubting(generator, device)
    for name, opened in named:
        features, talk = generator.encode([opened]), Conversation()
        doubt = doubting.look(name, opened, features, as_json)
        for question in questions:
            row: dict[str, Any] = {"image": name, "question": question} | doubt
            few = generator.spec.few_questions
            if few and not anyway and not is_taught(question):
                is_known = not doubt.get("doubt", {}).get("is_doubted", False)
                caption = generator.caption(features)[0][0].text if is_known else ""
                row |= instead_of_an_answer(caption)
                write_row(row, as_json, named.label(name), f"{CAN_DO} Try: {' '.join(row['try'])}")
                continue
            prompt = prompt_for(generator, talk, question, decode, history=sent)
            answer = generator.answer(features, [prompt.text], decode=decode)[0]
            talk = talk.add(question, answer.text)
            row |= {
                "prompt": prompt.text,
                "answer": answer.text,
                "cut_off": answer.cut_off,
                "dropped": len(prompt.dropped),
            } | ({"taught": is_taught(question)} if few else {})
            tell_cut_off(answer.text, answer.cut_off, as_json)
            write_row(row, as_json, named.label(name), answer.text)
    named.finish()


def tell_cut_off(text: str, cut_off: bool, as_json: bool) -> None:
    """Tell on stderr that the limit of tokens ended a text; a JSON row has it."""
    if cut_off and not as_json:
        print(f"blip2: {visible(text)}: cut off by --max-new-tokens", file=sys.stderr)


def history_from(turns: str) -> HistoryPolicy:
    """Return the history policy of an option. Raises ConfigError where it is none."""
    if turns == "all":
        return ALL_TURNS
    if not (turns.isascii() and turns.isdecimal() and len(turns) < 6):
        raise ConfigError(f"--history ({turns}) must be a number of turns, such as 3, or all")
    return HistoryPolicy(turns=int(turns))


@inference_commands.command()
def match(
    image: OneImage,
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...")],
    model: MatcherName = "stickers-itm",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Score how well each text fits an image: matching probability and contrastive cosine."""
    from blip2core.models.loading import load_matcher

    named = NamedImages([image], as_json)
    matcher = load_matcher(model, device=device)
    for name, opened in named:
        for fit in matcher.match(matcher.encode([opened]), texts):
            label, itm, itc = named.label(name), f"{fit.itm:.3f}", f"{fit.itc:+.3f}"
            write_row({"image": name} | asdict(fit), as_json, label, itm, itc, fit.text)
    named.finish()


@inference_commands.command()
def retrieve(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where the images are.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")],
    top: Annotated[int, typer.Option(min=1, help="Results shown.")] = 10,
    model: MatcherName = "stickers-itm",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Find the images of a folder that fit a text best."""
    from blip2core.models.loading import load_matcher

    named = NamedImages([folder], as_json)
    matcher = load_matcher(model, device=device)
    found = [(name, matcher.encode([opened])) for name, opened in named]
    if found:
        names, features = zip(*found, strict=True)
        joined = features[0].join(features)
        for index, fit in matcher.rank(text, joined, shortlist=max(128, top))[:top]:
            row = {"image": names[index], "itm": fit.itm, "itc": fit.itc}
            write_row(row, as_json, f"{fit.itm:.3f}", f"{fit.itc:+.3f}", names[index])
    named.finish()
