"""The `blip2` command: parses, calls one library function, writes the result.

Results go to standard output, one line each, with `--json` one JSON object each. What is wrong
with a call is one line on standard error, and the exit code is 2. Heavy imports stand inside the
commands, so that help comes at once.
"""

import json
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_type_hints

import typer
from typer.exceptions import Abort, TyperException

from blip2core import config as configs
from blip2core.config import DecodeConfig
from blip2core.errors import Blip2Error, ConfigError, ImageError
from blip2core.images import find_images, open_image
from blip2core.records import Conversation
from blip2core.stickers.scene import SPLITS

if TYPE_CHECKING:
    from PIL.Image import Image

Config = TypeVar("Config")
BAD_CALL = 2
INTERRUPTED = 130

app = typer.Typer(
    name="blip2",
    help="Caption pictures, ask about them, match texts, train and measure BLIP-2.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
stickers = typer.Typer(help="The synthetic sticker world.", no_args_is_help=True)
convert = typer.Typer(help="Checkpoints of other projects.", no_args_is_help=True)
app.add_typer(stickers, name="stickers")
app.add_typer(convert, name="convert")

Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or - for standard input.")
]
OneImage = Annotated[
    str, typer.Argument(metavar="IMAGE", help="A file, a folder, or - for standard input.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per result.")]
GeneratorName = Annotated[str, typer.Option("--model", help="A name of `blip2 models`.")]
MatcherName = GeneratorName
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
Mode = Annotated[Literal["greedy", "sample", "beam"], typer.Option(help="How words are chosen.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same text; sample only.")]
MaxTokens = Annotated[int, typer.Option("--max-new-tokens", help="Longest text, in tokens.")]


@app.command()
def caption(
    images: Images,
    num: Annotated[int, typer.Option(help="Captions of each picture.")] = 1,
    mode: Mode = "greedy",
    prompt: Annotated[str | None, typer.Option(help="How the caption shall begin.")] = None,
    seed: Seed = None,
    max_new_tokens: MaxTokens = 40,
    model: GeneratorName = "stickers-opt",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Say what is in each picture."""
    from blip2core.models.loading import load_generator

    decode = DecodeConfig(mode=mode, seed=seed, max_new_tokens=max_new_tokens)
    pictures = _Pictures(images, as_json)
    generator = load_generator(model, device=device)
    for name, picture in pictures:
        features = generator.encode([picture])
        for text in generator.caption(features, prompt=prompt, num=num, decode=decode)[0]:
            _write({"image": name, "caption": text.text}, as_json, pictures.label(name), text.text)
    pictures.finish()


@app.command()
def ask(
    image: OneImage,
    questions: Annotated[
        list[str], typer.Argument(metavar="QUESTION...", help="Several make a conversation.")
    ],
    mode: Mode = "greedy",
    seed: Seed = None,
    max_new_tokens: MaxTokens = 40,
    model: GeneratorName = "stickers-opt",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Ask about a picture; later questions know the earlier ones and their answers."""
    from blip2core.chat import prompt_for
    from blip2core.models.loading import load_generator

    decode = DecodeConfig(mode=mode, seed=seed, max_new_tokens=max_new_tokens)
    pictures = _Pictures([image], as_json)
    generator = load_generator(model, device=device)
    for name, picture in pictures:
        features, talk = generator.encode([picture]), Conversation()
        for question in questions:
            prompt = prompt_for(generator, talk, question, decode)
            answer = generator.answer(features, [prompt.text], decode=decode)[0].text
            talk = talk.add(question, answer)
            row = {"image": name, "question": question, "answer": answer}
            _write(row | {"dropped": len(prompt.dropped)}, as_json, pictures.label(name), answer)
    pictures.finish()


@app.command()
def match(
    image: OneImage,
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...")],
    model: MatcherName = "stickers-itm",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """How well each text fits a picture: matching probability and contrastive cosine."""
    from blip2core.models.loading import load_matcher

    pictures = _Pictures([image], as_json)
    matcher = load_matcher(model, device=device)
    for name, picture in pictures:
        for fit in matcher.match(matcher.encode([picture]), texts):
            scores = f"{fit.itm:.3f}\t{fit.itc:+.3f}"
            label = pictures.label(name)
            _write({"image": name} | asdict(fit), as_json, label, scores, fit.text)
    pictures.finish()


@app.command()
def explain(
    image: OneImage,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for; may be empty.")],
    method: Annotated[str | None, typer.Option(help="How to look; all: every method.")] = None,
    query: Annotated[int | None, typer.Option(help="One query; else all, or the best.")] = None,
    layer: Annotated[int | None, typer.Option(help="One layer with cross-attention.")] = None,
    head: Annotated[int | None, typer.Option(help="One head; else the mean.")] = None,
    word: Annotated[int | None, typer.Option(help="One word of the text, counted from 0.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Also measure if the map counts.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the map over the picture, PNG.")] = None,
    npz: Annotated[Path | None, typer.Option(help="Write all attention as numbers.")] = None,
    model: MatcherName = "stickers-itm",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Show where the matcher looked for a text: in words, as a picture, as numbers."""
    from blip2core.explain import Focus
    from blip2core.explain.report import explain_picture
    from blip2core.models.loading import load_matcher

    pictures = _Pictures([image], as_json)
    focus = Focus(query=query, layer=layer, head=head, word=word)
    matcher = load_matcher(model, device=device)
    for name, picture in pictures:
        for row in explain_picture(
            matcher, picture, text, method=method, focus=focus, test=test, out=out, npz=npz
        ):
            words = [row["description"], *([row["verdict"]] if row.get("verdict") else [])]
            _write({"image": name, **row}, as_json, pictures.label(name), *words)
    pictures.finish()


@app.command()
def retrieve(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where the pictures are.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")],
    top: Annotated[int, typer.Option(min=1, help="Results shown.")] = 10,
    model: MatcherName = "stickers-itm",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """The pictures of a folder that fit a text best."""
    from blip2core.models.loading import load_matcher

    pictures = _Pictures([folder], as_json)
    matcher = load_matcher(model, device=device)
    found = [(name, matcher.encode([picture])) for name, picture in pictures]
    if found:
        names, features = zip(*found, strict=True)
        joined = features[0].join(features)
        for index, fit in matcher.rank(text, joined, shortlist=max(128, top))[:top]:
            row = {"image": names[index], "itm": fit.itm, "itc": fit.itc}
            _write(row, as_json, f"{fit.itm:.3f}\t{fit.itc:+.3f}", names[index])
    pictures.finish()


@app.command()
def train(
    stage: Annotated[Literal["unimodal", "stage1", "stage2"], typer.Argument()],
    config: Annotated[Path, typer.Option(help="Settings as a JSON or TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a killed run goes on there.")],
    as_json: Json = False,
) -> None:
    """Train one stage; its settings are the fields of the stage's configuration."""
    kind = getattr(configs, f"{stage.capitalize()}Config")
    settings = read_config(config, kind)
    result = import_module(f"blip2core.training.{stage}").run(settings, out)
    _write({"stage": stage, "out": str(result)}, as_json, str(result))


@app.command()
def evaluate(
    model: GeneratorName = "stickers-opt",
    task: Annotated[
        str,
        typer.Option(
            help="captions, vqa, dialogue, itm, retrieval or all; or of the maps: "
            "pointing, faithfulness, answers."
        ),
    ] = "all",
    seed: Annotated[int, typer.Option(help="Chooses the scenes; none was trained on.")] = 0,
    scenes: Annotated[int, typer.Option(min=1, help="Number of scenes.")] = 1000,
    heldout: Annotated[
        bool, typer.Option("--heldout", help="Scenes with combinations kept from training.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure a model on fresh sticker scenes."""
    from blip2core.evaluation import evaluate as measure

    figures = measure(model, task, seed, scenes, heldout)
    if as_json:
        _write(figures, as_json)
    else:
        for name, value in _flat(figures):
            _write({}, as_json, name, f"{value:.4f}" if isinstance(value, float) else str(value))


@app.command()
def models(as_json: Json = False) -> None:
    """The models known by name."""
    from blip2core.models.specs import SPECS

    for spec in SPECS.values():
        place = "embedded" if spec.is_embedded else str(spec.checkpoint)
        row = {
            "name": spec.name,
            "kind": spec.kind,
            "family": spec.family,
            "parameters": spec.parameters,
            "image_size": spec.image_size,
            "place": place,
            "knows": spec.knows,
            "licence": spec.licence,
        }
        size = f"{spec.parameters / 1e6:,.0f} M"
        _write(row, as_json, f"{spec.name:28}{spec.kind:11}{size:>9}  {place:42}{spec.knows}")


@stickers.command()
def paint(
    out: Annotated[Path, typer.Option(help="Folder for the pictures and truth.jsonl.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the first picture.")] = SPLITS["test"].start,
    count: Annotated[int, typer.Option(min=1, help="Number of pictures.")] = 1,
    heldout: Annotated[
        bool, typer.Option("--heldout", help="Only scenes with combinations kept from training.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Paint pictures of the sticker world, with what is in them as JSON beside them."""
    from blip2core.stickers.paint import paint as paint_scene
    from blip2core.stickers.scene import draw_scene

    out.mkdir(parents=True, exist_ok=True)
    with (out / "truth.jsonl").open("w", encoding="utf-8") as truth:
        for number in range(seed, seed + count):
            scene = draw_scene(number, held_out=heldout)
            file = out / f"{number:08d}.png"
            paint_scene(scene).save(file)
            row = {"file": file.name, "truth": asdict(scene)}
            truth.write(json.dumps(row) + "\n")
            _write(row, as_json, str(file))


@convert.command()
def lavis(
    source: Annotated[Path, typer.Argument(help="A .pth file of LAVIS, or a checkpoint folder.")],
    target: Annotated[Path, typer.Argument(help="The folder, or the .pth file, to write.")],
    base: Annotated[
        str | None,
        typer.Option(help="From LAVIS: a checkpoint of the same architecture, for what is frozen."),
    ] = None,
    trained_only: Annotated[
        bool, typer.Option("--trained-only", help="To LAVIS: leave out the frozen weights.")
    ] = False,
    as_json: Json = False,
) -> None:
    """From a LAVIS file to a folder that `from_pretrained` loads, or back."""
    if target.suffix == ".pth":
        from blip2core.training.lavis import export_lavis

        export_lavis(source, target, frozen=not trained_only)
        _write({"file": str(target)}, as_json, str(target))
        return
    if base is None:
        raise ConfigError("--base is needed: LAVIS files lack configuration and frozen weights.")
    from blip2core.training.lavis import import_lavis

    imported = import_lavis(source, base, target)
    row = {"folder": str(target), "taken": len(imported.taken), "kept": len(imported.kept)}
    words = f"{target}: {row['taken']} weights from {source}, {row['kept']} from {base}"
    _write(row, as_json, words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; the console script."""
    if not sys.stderr.isatty():  # nobody watches progress bars there
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        return app(arguments, prog_name="blip2", standalone_mode=False) or 0
    except (Blip2Error, TyperException) as error:
        message = error.format_message() if isinstance(error, TyperException) else str(error)
        print(f"blip2: {' '.join(message.split())}", file=sys.stderr)
        return BAD_CALL
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def read_config(file: Path, kind: type[Config]) -> Config:
    """A JSON or TOML file as one of the configuration dataclasses.

    Raises ConfigError that names the file and the setting: unreadable, unknown or wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as JSON or TOML: {error}") from error
    if unknown := list(_unknown_keys(data, kind)):
        valid = ", ".join(get_type_hints(kind))
        raise ConfigError(f"{file} has unknown settings: {', '.join(unknown)}. Valid: {valid}.")
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        problem = error.errors()[0]
        setting = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{file}: {setting}: {problem['msg']}.") from error


def _unknown_keys(data: object, kind: type, prefix: str = "") -> Iterator[str]:
    if not isinstance(data, dict) or not is_dataclass(kind):
        return
    types, names = get_type_hints(kind), {field.name for field in fields(kind)}
    for name, value in data.items():
        if name not in names:
            yield prefix + name
        else:
            yield from _unknown_keys(value, types[name], f"{prefix}{name}.")


class _Pictures:
    """The pictures a call names, opened one by one. One that cannot be read is reported and
    skipped; `finish` then ends the command with an exit code.
    """

    def __init__(self, sources: Iterable[str], as_json: bool) -> None:
        self._names = [name for source in sources for name in _names(source)]
        self._as_json, self._failed = as_json, False

    def __iter__(self) -> Iterator[tuple[str, "Image"]]:
        for name in self._names:
            try:
                yield name, open_image(sys.stdin.buffer.read() if name == "-" else name)
            except ImageError as error:
                self._failed = True
                if self._as_json:
                    _write({"image": name, "error": str(error)}, True)
                else:
                    print(f"blip2: {error}", file=sys.stderr)

    def label(self, name: str) -> str:
        """What a line begins with: the name, where there are several pictures."""
        return name if len(self._names) > 1 else ""

    def finish(self) -> None:
        """Ends the command with exit code 2 where a picture could not be read."""
        if self._failed:
            raise typer.Exit(BAD_CALL)


def _names(source: str) -> list[str]:
    """A folder -> the pictures in it; all else stands for itself."""
    is_folder = source != "-" and Path(source).is_dir()
    return [str(path) for path in find_images(source)] if is_folder else [source]


def _write(row: Mapping[str, object], as_json: bool, *words: str) -> None:
    """One result: `row` as JSON, or the words."""
    line = json.dumps(row, ensure_ascii=False) if as_json else "\t".join(filter(None, words))
    print(line, flush=True)


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Nested figures -> ("captions.noun_f1", value) pairs."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
