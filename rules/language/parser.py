"""The grammar of expressions: text to a tree of what was written, or an error that says where and what was expected."""

from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from city.errors import QianshaoError
from rules.language.units import ALIASES, ATOMS, LITRE

LONGEST = 2_000
"""Characters of an expression. What is longer is not read by people either."""
DEEPEST = 60
_GRAMMAR = Path(__file__).with_name("grammar.lark")
_WORDS = {
    "QUANTITY": "a number with its unit",
    "NAME": "a name",
    "SLUG": "the id of a rule or type",
    "COMPARE": "a comparison",
    "$END": "the end",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "PLUS": "+",
    "MINUS": "-",
    "TIMES": "*",
    "OVER": "/",
    "VBAR": "|",
    "COLOUR": "a colour",
    "HOURS": "hours as in 07:00-09:00",
    "SEASON": "days as in 04-15..10-31",
    "DAYS": "weekdays as in mon-fri",
}


class ExpressionError(QianshaoError):
    """What is wrong with an expression. `offset`: at which character of it, from 0."""

    def __init__(self, offset: int, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.offset, self.message, self.remedy = offset, message, remedy


def parse(text: str) -> Tree[Token]:
    """The tree of an expression as it was written. Raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(
            0, f"the expression has {len(text)} characters", f"at most {LONGEST}: derive parts of it first"
        )
    _check_brackets(text)
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        raise _explained(text, error) from None


@cache
def _parser() -> Lark:
    atoms = sorted((*ATOMS, *ALIASES, LITRE), key=len, reverse=True)
    atom = "(?:" + "|".join(_escaped(name) for name in atoms if name != "1") + r")[1-9]?(?![\w{\[])"
    part = rf"(?:{atom}|\(\d+\.{atom}\))"
    unit = rf"{part}(?:[.\/]{part})*|\/{part}"
    number = r"(?:\d+\.\d+|\.\d+|\d+)"
    quantity = rf"QUANTITY.2: /{number}(?:\s*(?:{unit}))?/"
    return Lark(_GRAMMAR.read_text() + quantity, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _escaped(name: str) -> str:
    return "".join(rf"\{c}" if c in "[]{}()%" else c for c in name)


def _check_brackets(text: str) -> None:
    open_at: list[int] = []
    for offset, character in enumerate(text):
        if character == "(":
            open_at.append(offset)
        elif character == ")" and open_at:
            open_at.pop()
        if len(open_at) > DEEPEST:
            raise ExpressionError(offset, f"more than {DEEPEST} brackets deep", "derive the inner part first")
    if open_at:
        remedy = "close it; inside { } and [ ] of YAML a comma ends the text: put the expression in quotes"
        raise ExpressionError(open_at[-1], "a bracket is opened and not closed", remedy)


def _explained(text: str, error: UnexpectedInput) -> ExpressionError:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        offset, found, expected = error.token.start_pos or 0, f"{error.token.value!r}", error.accepts or error.expected
    elif isinstance(error, UnexpectedCharacters):
        offset, found, expected = (
            error.pos_in_stream or 0,
            f"{text[error.pos_in_stream or 0]!r}",
            error.allowed or set(),
        )
    else:
        offset, found = len(text.rstrip()), "the end"
        expected = set(error.expected) if isinstance(error, UnexpectedEOF) else error.accepts or error.expected  # type: ignore[attr-defined]
    words = sorted({_WORDS.get(name, name.lower()) for name in expected})
    return ExpressionError(offset, f"{found} was not expected here", f"expected {', '.join(words)}")
