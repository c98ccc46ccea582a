"""CQL2 text (OGC 21-065r2) as a tree: one pass of a tokeniser, one of operator precedence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import shapely

from gis.store.filters import (
    COMPARISONS,
    GEOMETRIES,
    MOST_DEPTH,
    Call,
    Literal,
    Node,
    Property,
    Span,
    Values,
    bounded,
    box,
    flat,
    interval_end,
    moment,
    short_enough,
    too_deep,
    wrong,
)

# how tightly an operator binds; NOT stands between AND and the comparisons
BINDING = {"or": 1, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "div": 6, "^": 7}
NOT, COMPARED, SUM, SIGN = 3, 4, 5, 8
PREDICATES = ("like", "ilike", "between", "in", "is", "not")  # ILIKE: what GDAL sends
WORDS = ("and", "or", "not", "like", "ilike", "between", "in", "is", "null", "div", "true", "false")
LETTER = (
    "A-Za-z_:\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1ffe\u200c\u200d"
    "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
)
TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<text>'(?:[^'\\]|''|\\.)*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<name>[{LETTER}][{LETTER}.0-9\u00b7\u0300-\u036f\u203f-\u2040]*)
    |(?P<sign><>|<=|>=|[=<>(),+\-*/%^])""",
    re.VERBOSE,
)
WKT = re.compile(r"[A-Za-z\d\s.,()+\-]*")
LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. kind: number, text, quoted, name, sign or end."""

    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """What it is to the grammar: an operator, keyword or sign, in small letters."""
        return self.text.lower() if self.kind in ("name", "sign") else ""


def parse_text(text: str) -> Node:
    """The tree of a CQL2 text. Raises LayerError with the character (from 1) where it is wrong."""
    parser = _Parser(short_enough(text))
    tree = parser.expression(0)
    if parser.next.kind != "end":
        parser.unexpected("AND、OR 或结尾", "AND, OR or the end")
    return bounded(tree)


class _Parser:
    """Precedence climbing over the tokens; `next` is the one not yet taken."""

    def __init__(self, text: str) -> None:
        self.source, self.position, self.depth = text, 0, 0
        self.next = self._token()

    def take(self) -> Token:
        token, self.next = self.next, self._token()
        return token

    def accept(self, word: str) -> bool:
        if self.next.word == word:
            self.take()
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            self.unexpected(f"“{word.upper()}”", repr(word.upper()))

    def unexpected(self, zh: str, en: str) -> NoReturn:
        shown = self.next.text[:40]
        raise wrong(
            f"这里应为{zh}" + (f"，不是“{shown}”" if shown else "，却到了结尾"),
            f"expected {en}, not {shown!r}" if shown else f"expected {en}, but it ends",
            self.next.at,
        )

    def expression(self, least: int) -> Node:
        """What stands here, with every operator that binds at least so tightly."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise too_deep(self.next.at)
        left = self._first(least)
        while (operator := self._operator(least)) is not None:
            left = operator(left)
        self.depth -= 1
        return left

    def _first(self, least: int) -> Node:
        if least <= NOT and self.next.word == "not":
            at = self.take().at
            return Call("not", (self.expression(NOT),), at)
        return self._signed()

    def _operator(self, least: int) -> Callable[[Node], Node] | None:
        """What takes the left side on, if the next token is an operator that may stand here."""
        word = self.next.word
        if word in COMPARISONS and least <= COMPARED:
            return self._compare
        if word in PREDICATES and least <= COMPARED:
            return self._predicate
        if BINDING.get(word, -1) >= max(least, 1):
            return self._join if word in ("and", "or") else self._calculate
        return None

    def _compare(self, left: Node) -> Node:
        token = self.take()
        return Call(token.word, (left, self.expression(SUM)), token.at)

    def _calculate(self, left: Node) -> Node:
        token = self.take()
        return Call(token.word, (left, self.expression(BINDING[token.word] + 1)), token.at)

    def _join(self, left: Node) -> Node:
        word, at = self.next.word, self.next.at
        args = [left]
        while self.accept(word):
            args.append(self.expression(BINDING[word] + 1))
        return Call(word, tuple(args), at)

    def _predicate(self, left: Node) -> Node:
        at = self.next.at
        if self.accept("is"):
            negated = self.accept("not")
            self.expect("null")
            found = Call("isnull", (left,), at)
            return Call("not", (found,), at) if negated else found
        negated = self.accept("not")
        if self.accept("like"):
            found = Call("like", (left, self.expression(SUM)), at)
        elif self.accept("ilike"):
            pattern = self.expression(SUM)
            found = Call("like", (Call("casei", (left,), at), Call("casei", (pattern,), at)), at)
        elif self.accept("between"):
            low = self.expression(SUM)
            self.expect("and")
            found = Call("between", (left, low, self.expression(SUM)), at)
        elif self.accept("in"):
            start = self.next.at
            self.expect("(")
            found = Call("in", (left, Values(self._rest(), start)), at)
        else:
            self.unexpected("LIKE、BETWEEN 或 IN", "LIKE, BETWEEN or IN")
        return Call("not", (found,), at) if negated else found

    def _signed(self) -> Node:
        at = self.next.at
        if self.accept("-"):
            value = self._operand()
            if isinstance(value, Literal) and type(value.value) in (int, float):
                return Literal(-value.value, at)  # type: ignore[operator]
            return Call("*", (Literal(-1, at), value), at)
        self.accept("+")
        return self._operand()

    def _operand(self) -> Node:
        token = self.next
        if token.kind == "number":
            return Literal(_number(self.take()), token.at)
        if token.kind == "text":
            return Literal(_unquoted(self.take().text), token.at)
        if token.kind == "quoted":
            self.take()
            return Property(token.text[1:-1].replace('""', '"'), token.at)
        if token.word == "(":
            self.take()
            values = self._rest()
            return values[0] if len(values) == 1 else Values(values, token.at)
        if token.word in ("true", "false"):
            return Literal(self.take().word == "true", token.at)
        if token.kind != "name" or token.word in WORDS:
            self.unexpected("字段、值或“(”", "a field, a value or '('")
        return self._named()

    def _named(self) -> Node:
        token = self.next
        if token.word in GEOMETRIES and self._opens_wkt():
            return self._geometry(token)
        self.take()
        if not self.accept("("):
            return Property(token.text, token.at)
        args = self._rest()
        if token.word == "interval":
            return _span(args, token.at)
        if token.word in ("date", "timestamp"):
            return _moment(token.word, args, token.at)
        if token.word == "bbox":
            return box([_plain(arg) for arg in args], token.at)
        return Call(token.word, args, token.at)

    def _rest(self) -> tuple[Node, ...]:
        """Values with commas up to the closing bracket; the opening one is taken."""
        found: list[Node] = []
        while not self.accept(")"):
            if found and not self.accept(","):
                self.unexpected("“,”或“)”", "',' or ')'")
            found.append(self.expression(0))
        return tuple(found)

    def _opens_wkt(self) -> bool:
        return re.match(r"\s*(Z\s*)?\(", self.source[self.position :], re.IGNORECASE) is not None

    def _geometry(self, token: Token) -> Node:
        """WKT up to the bracket that closes it."""
        start, end, depth = token.at - 1, self.position, 0
        plain = WKT.match(self.source, start)
        for end in range(self.position, plain.end() if plain else 0):
            depth += {"(": 1, ")": -1}.get(self.source[end], 0)
            if self.source[end] == ")" and depth == 0:
                break
        wkt = self.source[start : end + 1]
        try:
            shape = shapely.from_wkt(wkt)
        except (shapely.errors.ShapelyError, ValueError) as exc:
            raise wrong(
                "几何不是有效的 WKT，如 POINT(114.0 33.0)",
                "the geometry is no valid WKT, like POINT(114.0 33.0)",
                token.at,
            ) from exc
        self.position = end + 1
        self.next = self._token()
        return flat(shape, token.at)

    def _token(self) -> Token:
        while self.position < len(self.source):
            at = self.position + 1
            found = TOKEN.match(self.source, self.position)
            if found is None:
                shown = self.source[self.position]
                raise wrong(f"看不懂“{shown}”", f"what is {shown!r} here?", at)
            self.position = found.end()
            if found.lastgroup != "space":
                return Token(str(found.lastgroup), found[0], at)
        return Token("end", "", len(self.source) + 1)


def _number(token: Token) -> int | float:
    if token.text.isdigit():
        # int() refuses more than 4,300 digits, and no column holds more than 19
        if len(token.text) < 20 and int(token.text) < LARGEST:
            return int(token.text)
        return float(token.text[:400])
    return float(token.text)


def _unquoted(text: str) -> str:
    return re.sub(r"''|\\'", "'", text[1:-1])


def _plain(arg: Node) -> float:
    if isinstance(arg, Literal) and isinstance(arg.value, int | float):
        return float(arg.value)
    raise wrong("BBOX 中应为数", "BBOX holds numbers", arg.at)


def _moment(word: str, args: tuple[Node, ...], at: int) -> Literal:
    if len(args) == 1 and isinstance(args[0], Literal) and isinstance(args[0].value, str):
        found = moment(args[0].value, at)
        if (word == "date") == (len(args[0].value) == 10):
            return found
    raise wrong(
        "应为 DATE('2024-05-20') 或 TIMESTAMP('2024-05-20T08:00:00Z')",
        "it is DATE('2024-05-20') or TIMESTAMP('2024-05-20T08:00:00Z')",
        at,
    )


def _span(args: tuple[Node, ...], at: int) -> Span:
    if len(args) != 2:
        raise wrong("INTERVAL 应有两端", "INTERVAL has two ends", at)
    ends: list[Property | Literal | None] = []
    for arg in args:
        if isinstance(arg, Literal) and isinstance(arg.value, str):
            ends.append(interval_end(arg.value, arg.at))
        elif isinstance(arg, Property):
            ends.append(arg)
        else:
            raise wrong(
                "INTERVAL 的两端应为字段、'2024-05-20' 或 '..'",
                "an end of INTERVAL is a field, '2024-05-20' or '..'",
                arg.at,
            )
    return Span(ends[0], ends[1], at)
