"""Which mutants there are: one small change each, drawn evenly from the packages."""

from __future__ import annotations

import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code

EQUIVALENT = Path(__file__).with_name("equivalent.toml")
OPERATORS = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ReplaceAndWithOr",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_USub_UAdd",
    "ZeroIterationForLoop",
    *(f"ReplaceBinaryOperator_{a}" for a in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")),
    *(
        f"ReplaceComparisonOperator_{a}"
        for a in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Eq_NotEq", "NotEq_Eq", "Is_IsNot")
    ),
)
"""Of Cosmic Ray's operators those whose mutants are seldom nonsense or the same program."""

LAYOUT = re.compile(
    r"^@dataclass\(|\bstrokeDash\b|\b(min_width|scale|height|width|lines|max_lines|gap|side)=\d"
    r"|st\.columns\(|^model_config\b|^if TYPE_CHECKING:|^if __name__ =="
)
"""Lines that are left out: how wide something is drawn, which eyes judge and not tests; options of
dataclasses, most of which no behaviour depends on; what only a type checker reads; and what only
runs in a process of its own, where no coverage is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one line."""

    module: str
    """Path of the file, from the top of the repository."""
    operator: str
    occurrence: int
    """Place among what the operator can change in the file."""
    line: int
    text: str
    """The line before the change, without white space around it."""
    definition: str
    """Name of the function or class that it stands in."""

    @property
    def package(self) -> str:
        """Return the package it belongs to: `blip2core/storage`, `app/chat`, `blip2core`."""
        parts = self.module.split("/")
        return "/".join(parts[:2]) if len(parts) > 2 else parts[0]

    def mutated(self, code: str) -> str | None:
        """Return the file's text after the change; None where there is none to make."""
        operator = plugins.get_operator(f"core/{self.operator}")()
        try:
            changed: str | None = mutate_code(code, operator, self.occurrence)
        except AttributeError:  # Cosmic Ray cannot replace `errors.Error` in a tuple of exceptions
            return None
        return changed


def mutants_of(root: Path, module: str) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    code = (root / module).read_text("utf-8")
    tree, lines = get_ast(code), code.splitlines()
    for name in OPERATORS:
        operator = plugins.get_operator(f"core/{name}")()
        places = (
            (node, start)
            for node in ast_nodes(tree)
            for start, _ in operator.mutation_positions(node)
        )
        for occurrence, (node, (line, _)) in enumerate(places):
            if LAYOUT.search(lines[line - 1].strip()) or is_marker(name, node):
                continue
            yield Mutant(
                module=module,
                operator=name,
                occurrence=occurrence,
                line=line,
                text=lines[line - 1].strip(),
                definition=ASTQuery(node).get_definition_name() or "",
            )


def is_marker(operator: str, node: Any) -> bool:
    """Return whether a `*` or `/` is no product: a mark in a signature, or `*` before a name.

    Cosmic Ray takes them for one; a change of them is no mutant, or one that does not compile.
    """
    return operator.startswith("ReplaceBinaryOperator_") and node.parent.type not in (
        "arith_expr",
        "term",
    )


def draw(mutants: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants: evenly over packages, and there over files and kinds of change."""
    by_package: dict[str, dict[str, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in mutants:
        by_package[mutant.package][mutant.module].append(mutant)
    numbers, drawn = random.Random(seed), []
    while len(drawn) < count and by_package:
        for package in sorted(by_package):
            files = by_package[package]
            file = numbers.choice(sorted(files))
            kind = numbers.choice(sorted({mutant.operator for mutant in files[file]}))
            chosen = numbers.choice([one for one in files[file] if one.operator == kind])
            files[file].remove(chosen)
            drawn.append(chosen)
            if not files[file]:
                del files[file]
            if not files:
                del by_package[package]
    return drawn[:count]


def read_equivalents(file: Path = EQUIVALENT) -> list[dict[str, Any]]:
    """Return the mutants that no test can notice, each with its `reason`.

    One is known by its `module`, `operator`, `definition` and the `text` of its line.
    """
    if not file.exists():
        return []
    return list(tomllib.loads(file.read_text("utf-8")).get("mutant", []))


def is_equivalent(mutant: Mutant, known: Sequence[dict[str, Any]]) -> bool:
    """Return whether a mutant is among those listed as equivalent."""
    fields = ("module", "operator", "definition", "text")
    return any(all(one[name] == getattr(mutant, name) for name in fields) for one in known)
