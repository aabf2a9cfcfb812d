"""Settings that a user writes into a JSON or TOML file."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TypeVar, get_type_hints

from blip2core.errors import ConfigError

Config = TypeVar("Config")


def read_config(file: Path, kind: type[Config]) -> Config:
    """Read a JSON or TOML file into one of the configuration dataclasses.

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
