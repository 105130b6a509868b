"""The reasons that the source can give, read from its syntax tree: why work parks, waits, skips.

`Parked(cause, ...)`, `Waiting(reason, ...)` and `Skipped(reason)` take a closed word first. It is a
literal, a constant, a local name, the result of a function, or a parameter of the function around
it: then the calls of that function say which words there are. What is none of these is reported,
so that no reason escapes by being computed.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DEPTH_MAX = 8
RERAISED = ("error.cause", "error.reason", "parked.cause")  # of an error or a row that has a word


@dataclass(frozen=True)
class Function:
    """A function, its module's constants, and what encloses it."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    module: Path


@dataclass
class Sources:
    """The modules of the product."""

    trees: dict[Path, ast.Module] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, paths: list[Path]) -> "Sources":
        found = cls()
        for path in paths:
            tree = found.trees[path] = ast.parse(path.read_text(encoding="utf-8"))
            found.functions += [
                Function(node, path)
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            for node in tree.body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    for target in node.targets:
                        if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                            found.constants[target.id] = node.value.value
        return found

    def reasons(self, error: str) -> set[str]:
        """The words with which an error of this class is made."""
        found: set[str] = set()
        for path, tree in self.trees.items():
            for call, around in calls(tree):
                if called(call) == error and call.args:
                    found |= self.words(call.args[0], around, path)
        return found

    def verdicts(self, *kinds: str) -> set[str]:
        """The causes of `Verdict(Kind.<kind>, ..., cause=...)`, named by word or position."""
        found: set[str] = set()
        for path, tree in self.trees.items():
            for call, around in calls(tree):
                if called(call) != "Verdict" or not call.args:
                    continue
                kind = call.args[0]
                if isinstance(kind, ast.Attribute) and kind.attr in kinds:
                    for keyword in call.keywords:
                        if keyword.arg == "cause":
                            found |= self.words(keyword.value, around, path)
        return found

    def words(
        self, node: ast.expr, around: Function | None, path: Path, depth: int = 0
    ) -> set[str]:
        """The texts that an expression may be."""
        if depth > DEPTH_MAX:
            return self._unknown(node, path)
        match node:
            case ast.Constant(value=str(text)):
                return {text} if text else set()
            case ast.IfExp(body=one, orelse=other):
                return self.words(one, around, path, depth) | self.words(other, around, path, depth)
            case ast.Name(id=name):
                return self._named(name, node, around, path, depth)
            case ast.Call() if (name := called(node)) and self._functions(name):
                return self._returned(name, depth)
            case ast.Attribute() if ast.unparse(node) in RERAISED:
                return set()
        return self._unknown(node, path)

    def _named(
        self, name: str, node: ast.expr, around: Function | None, path: Path, depth: int
    ) -> set[str]:
        if around is not None:
            values = list(assigned(around.node, name))
            if values:
                return set().union(*(self.words(v, around, path, depth + 1) for v in values))
            arguments = around.node.args
            names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
            if name in (*names, *(each.arg for each in arguments.kwonlyargs)):
                is_method = names[:1] in (["self"], ["cls"])
                position = names.index(name) - is_method if name in names else None
                return self._passed(around.node.name, position, name, depth)
        if name in self.constants:
            return {self.constants[name]}
        return self._unknown(node, path)

    def _passed(self, function: str, position: int | None, name: str, depth: int) -> set[str]:
        found: set[str] = set()
        if function == "__init__":
            return found  # of the error's own class
        for path, tree in self.trees.items():
            for call, around in calls(tree):
                if called(call) != function:
                    continue
                given = [each.value for each in call.keywords if each.arg == name]
                if position is not None and position < len(call.args):
                    given.append(call.args[position])
                for value in given:
                    found |= self.words(value, around, path, depth + 1)
        return found

    def _returned(self, name: str, depth: int) -> set[str]:
        found: set[str] = set()
        for function in self._functions(name):
            for node in ast.walk(function.node):
                if isinstance(node, ast.Return) and node.value is not None:
                    found |= self.words(node.value, function, function.module, depth + 1)
        return found

    def _functions(self, name: str) -> list[Function]:
        return [each for each in self.functions if each.node.name == name]

    def _unknown(self, node: ast.expr, path: Path) -> set[str]:
        self.unresolved.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
        return set()


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, Function | None]]:
    """Every call, with the innermost function around it."""

    def walk(node: ast.AST, around: Function | None) -> Iterator[tuple[ast.Call, Function | None]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            around = Function(node, Path())
        if isinstance(node, ast.Call):
            yield node, around
        for child in ast.iter_child_nodes(node):
            yield from walk(child, around)

    yield from walk(tree, None)


def assigned(function: ast.AST, name: str) -> Iterator[ast.expr]:
    """The values that a function gives to a local name."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for part, value in zip(target.elts, node.value.elts, strict=False):
                    if isinstance(part, ast.Name) and part.id == name:
                        yield value
