"""Lists and objects as Python, NumPy and pandas print them into a cell of a table."""

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

WRAPPERS = frozenset(
    {"array", "list", "np.array", "np.str_", "np.bool_", "np.int64", "np.float64", "np.float32"}
)
"""What NumPy prints around a value: array(['a', 'b'], dtype=object)."""
MISSING = frozenset({"nan", "NaN"})
"""How a missing value is printed."""
VALUES = frozenset({tokenize.STRING, tokenize.NUMBER, tokenize.NAME})
LAYOUT = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


def printed(text: str) -> object:
    """Return the value that a text prints. NumPy has no commas: ['a dog' 'a cat'] are two texts.

    Raises ValueError, SyntaxError, TypeError, RecursionError or MemoryError where it prints none,
    or where it is not certain which.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a backslash that Python would have doubled
        tree = ast.parse(_with_commas(text), mode="eval")
        return ast.literal_eval(_Plain().visit(tree))


@dataclass(slots=True)
class _Brackets:
    """What stands between one bracket and its partner."""

    opening: str
    has_commas: bool = False
    has_gaps: bool = False
    """Two values stand side by side."""


def _with_commas(text: str) -> str:
    """Return a text with commas where NumPy leaves them out. Raises ValueError where some values of
    a list stand side by side and others have commas between them.
    """
    words: list[str] = []
    levels = [_Brackets("")]
    is_value = False
    try:
        for kind, word, *_ in tokenize.generate_tokens(io.StringIO(text).readline):
            if kind in LAYOUT:
                continue
            inner = levels[-1]
            if is_value and (kind in VALUES or word in ("[", "{")):
                inner.has_gaps = True
                words.append(",")
            inner.has_commas |= word == ","
            if inner.has_gaps and (inner.has_commas or inner.opening != "["):
                raise ValueError("values stand side by side")
            words.append(word)
            if word in ("(", "[", "{"):
                levels.append(_Brackets(word))
            elif word in (")", "]", "}") and len(levels) > 1:
                levels.pop()
            is_value = kind in VALUES or word in (")", "]", "}")
    except tokenize.TokenError as error:
        raise ValueError("no value in Python") from error
    return " ".join(words)


class _Plain(ast.NodeTransformer):
    """Leaves of NumPy's values what is in them."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return what is wrapped."""
        is_known = len(node.args) == 1 and ast.unparse(node.func) in WRAPPERS
        return self.visit(node.args[0]) if is_known else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return None in the place of a missing value."""
        return ast.Constant(None) if node.id in MISSING else node
