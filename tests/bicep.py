"""A reader of Bicep, as far as infra/ uses it: text to declarations and expressions.

`pycep-parser` refuses filtered loops and decorators inside types, and the tree of
`tree-sitter-bicep` binds a member access more loosely than a lambda or `??`; so neither can be
evaluated. What this reader does not know raises `BicepError`.
https://learn.microsoft.com/azure/azure-resource-manager/bicep/file
"""

import re
from dataclasses import dataclass, field
from pathlib import Path


class BicepError(ValueError):
    """The text is not Bicep, or more than the reader or the evaluator knows."""


@dataclass(frozen=True)
class Token:
    kind: str  # name, number, string, op, line, end
    text: str
    line: int
    parts: tuple["str | Expression", ...] = ()


@dataclass(frozen=True)
class Const:
    value: object


@dataclass(frozen=True)
class Text:
    parts: tuple["str | Expression", ...]


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Access:
    """`subject.key`, `subject[key]`; `safe` with a question mark."""

    subject: "Expression"
    key: "Expression"
    safe: bool


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True)
class Operation:
    operator: str
    operands: tuple["Expression", ...]


@dataclass(frozen=True)
class Items:
    items: tuple["Expression", ...]


@dataclass(frozen=True)
class Object:
    properties: tuple[tuple["Expression", "Expression"], ...]


@dataclass(frozen=True)
class Lambda:
    names: tuple[str, ...]
    body: "Expression"


@dataclass(frozen=True)
class Loop:
    name: str
    index: str
    source: "Expression"
    body: "Expression"


@dataclass(frozen=True)
class Condition:
    test: "Expression"
    body: "Expression"


type Expression = (
    Const | Text | Name | Access | Call | Operation | Items | Object | Lambda | Loop | Condition
)


@dataclass(frozen=True)
class Declaration:
    """`kind`: param, var, resource, module, output; `of`: the type or path in quotes."""

    kind: str
    name: str
    value: Expression | None
    of: str = ""
    existing: bool = False
    decorators: tuple[str, ...] = ()


@dataclass
class File:
    path: Path
    scope: str = "resourceGroup"
    uses: str = ""
    declarations: dict[str, Declaration] = field(default_factory=dict)
    outputs: dict[str, Declaration] = field(default_factory=dict)


_TOKEN = re.compile(
    r"(?P<space>[ \t\r]+|//[^\n]*|/\*.*?\*/|\#disable[^\n]*)|(?P<line>\n)"
    r"|(?P<long>'''.*?''')|(?P<string>')|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<op>=>|==|!=|=~|!~|<=|>=|&&|\|\||\?\?|\.\?|[-+*/%<>=!?:.,@|\[\](){}])",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "'": "'", "\\": "\\", "$": "$"}
_POWERS = {
    "??": 2,
    "||": 3,
    "&&": 4,
    **dict.fromkeys(("==", "!=", "=~", "!~"), 5),
    **dict.fromkeys(("<", "<=", ">", ">="), 6),
    **dict.fromkeys(("+", "-"), 7),
    **dict.fromkeys(("*", "/", "%"), 8),
}
_TERNARY = 1


def tokens(text: str, first_line: int = 1) -> list[Token]:
    made, at, line = [], 0, first_line
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BicepError(f"line {line}: cannot read {text[at : at + 20]!r}")
        kind, start, at = str(match.lastgroup), at, match.end()
        if kind == "string":
            parts, at = _string(text, at, line)
            made.append(Token("string", text[start:at], line, parts))
        elif kind == "long":
            made.append(Token("string", match[0], line, (match[0][3:-3].removeprefix("\n"),)))
        elif kind != "space":
            made.append(Token(kind, match[0], line))
        line += text.count("\n", start, at)
    return [*made, Token("line", "\n", line), Token("end", "", line)]


def _string(text: str, at: int, line: int) -> tuple[tuple[str | Expression, ...], int]:
    parts: list[str | Expression] = []
    plain = ""
    while text[at] != "'":
        if text[at] == "\n":
            raise BicepError(f"line {line}: a string does not end")
        if text[at] == "\\":
            plain += _ESCAPES[text[at + 1]]
            at += 2
        elif text.startswith("${", at):
            end = _end_of_hole(text, at + 2)
            parts += [plain, Parser(tokens(text[at + 2 : end], line)).expression()]
            plain, at = "", end + 1
        else:
            plain += text[at]
            at += 1
    return tuple(part for part in [*parts, plain] if part != ""), at + 1


def _end_of_hole(text: str, at: int) -> int:
    depth, quoted = 0, False
    while quoted or depth or text[at] != "}":
        quoted ^= text[at] == "'"
        if not quoted:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at


class Parser:
    """Recursive descent; binary operators by binding power."""

    def __init__(self, made: list[Token]) -> None:
        self._tokens = made
        self._at = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    def take(self, text: str = "", kind: str = "") -> Token:
        token = self.token
        if (text and token.text != text) or (kind and token.kind != kind):
            raise BicepError(f"line {token.line}: {text or kind} expected, got {token.text!r}")
        self._at += 1
        return token

    def ahead(self, text: str) -> bool:
        """Take the operator or word if it comes next."""
        if self.token.kind in ("op", "name") and self.token.text == text:
            self._at += 1
            return True
        return False

    def lines(self) -> None:
        while self.token.kind == "line":
            self._at += 1

    def _next_is(self, text: str) -> bool:
        """Whether the operator comes next, on a later line even; then it is taken."""
        before = self._at
        self.lines()
        if self.ahead(text):
            return True
        self._at = before
        return False

    def expression(self, power: int = 0) -> Expression:
        left = self._unary()
        while self.token.kind == "op" and _POWERS.get(self.token.text, 0) > power:
            operator = self.take().text
            self.lines()
            left = Operation(operator, (left, self.expression(_POWERS[operator])))
        if power < _TERNARY and self._next_is("?"):
            self.lines()
            yes = self.expression()
            self.lines()
            self.take(":")
            self.lines()
            left = Operation("?", (left, yes, self.expression()))
        return left

    def _unary(self) -> Expression:
        for operator in ("!", "-"):
            if self.ahead(operator):
                return Operation(operator, (self._unary(),))
        return self._postfix(self._primary())

    def _postfix(self, value: Expression) -> Expression:
        while True:
            safe = self.ahead(".?")
            if safe or self.ahead("."):
                value = Access(value, Const(self.take(kind="name").text), safe)
            elif self.ahead("["):
                safe = self.ahead("?")
                key = self.expression()
                self.take("]")
                value = Access(value, key, safe)
            elif not self.ahead("!"):
                return value

    def _primary(self) -> Expression:
        token = self.take()
        match token.kind, token.text:
            case "number", text:
                return Const(int(text))
            case "string", _:
                return Text(token.parts)
            case "name", ("true" | "false") as text:
                return Const(text == "true")
            case "name", "null":
                return Const(None)
            case "name", name:
                return self._named(name)
            case "op", "[":
                return self._array()
            case "op", "{":
                return self._object()
            case "op", "(":
                return self._parenthesis()
        raise BicepError(f"line {token.line}: {token.text!r} begins no expression")

    def _named(self, name: str) -> Expression:
        if self.ahead("=>"):
            return Lambda((name,), self.expression())
        if not self.ahead("("):
            return Name(name)
        arguments = []
        self.lines()
        while not self.ahead(")"):
            arguments.append(self.expression())
            self.lines()
            self.ahead(",")
            self.lines()
        return Call(name, tuple(arguments))

    def _parenthesis(self) -> Expression:
        self.lines()
        inner = self.expression()
        self.lines()
        self.take(")")
        return inner

    def _array(self) -> Expression:
        self.lines()
        if self.ahead("for"):
            return self._loop()
        items = []
        while not self.ahead("]"):
            items.append(self.expression())
            self.ahead(",")
            self.lines()
        return Items(tuple(items))

    def _loop(self) -> Expression:
        index = ""
        if self.ahead("("):
            name = self.take(kind="name").text
            self.take(",")
            index = self.take(kind="name").text
            self.take(")")
        else:
            name = self.take(kind="name").text
        self.take("in")
        source = self.expression()
        self.take(":")
        body = self.body()
        self.lines()
        self.take("]")
        return Loop(name, index, source, body)

    def _object(self) -> Expression:
        properties = []
        self.lines()
        while not self.ahead("}"):
            token = self.take()
            key = Text(token.parts) if token.kind == "string" else Const(token.text)
            self.take(":")
            properties.append((key, self.expression()))
            self.ahead(",")
            self.lines()
        return Object(tuple(properties))

    def body(self) -> Expression:
        """A value, or `if (...) value`."""
        if self.ahead("if"):
            self.take("(")
            test = self._parenthesis()
            return Condition(test, self.expression())
        return self.expression()

    def skip_type(self) -> None:
        """Over a type, which nothing here needs."""
        depth = 0
        while depth or not (self.token.kind == "line" or self.token.text == "="):
            depth += {"{": 1, "}": -1}.get(self.token.text, 0)
            self.take()

    def decorator(self) -> str:
        name = self.take(kind="name").text
        if self.ahead("("):
            while not self.ahead(")"):
                self.expression()
                self.ahead(",")
        return name

    def file(self, path: Path) -> File:
        made, decorators = File(path), list[str]()
        self.lines()
        while self.token.kind != "end":
            if self.ahead("@"):
                decorators.append(self.decorator())
            else:
                self._statement(made, tuple(decorators))
                decorators = []
            if self.token.kind != "end":
                self.take(kind="line")
            self.lines()
        return made

    def _statement(self, file: File, decorators: tuple[str, ...]) -> None:
        word = self.take(kind="name")
        if word.text in ("targetScope", "using"):
            self.ahead("=")
            given = str(self.take(kind="string").parts[0])
            if word.text == "using":
                file.uses = given
            else:
                file.scope = given
            return
        if word.text in ("import", "type"):
            if word.text == "type":
                self.take(kind="name")
                self.take("=")
            self.skip_type()
            return
        if word.text not in ("param", "var", "resource", "module", "output"):
            raise BicepError(f"{file.path.name}:{word.line}: unknown statement {word.text}")
        name = self.take(kind="name").text
        of = str(self.take().parts[0]) if word.text in ("resource", "module") else ""
        existing = self.ahead("existing")
        self.skip_type()
        value = self.body() if self.ahead("=") else None
        made = Declaration(word.text, name, value, of, existing, decorators)
        (file.outputs if word.text == "output" else file.declarations)[name] = made


def read(path: Path) -> File:
    """The file. Raises `BicepError`."""
    try:
        return Parser(tokens(path.read_text(encoding="utf-8"))).file(path)
    except BicepError as error:
        raise BicepError(f"{path.name}: {error}") from None
