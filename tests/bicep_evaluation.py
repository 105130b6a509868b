"""What a Bicep template deploys: its resources with values, for given parameters.

References to what only Azure knows (ids, endpoints) become texts that name the resource. What the
evaluator does not know raises `BicepError`.
"""

import hashlib
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bicep import (
    Access,
    BicepError,
    Call,
    Condition,
    Const,
    Declaration,
    Expression,
    Items,
    Lambda,
    Loop,
    Name,
    Object,
    Operation,
    Text,
    read,
)

ENVIRONMENT = {
    "suffixes": {"storage": "core.windows.net"},
    "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
}
TENANT = {"tenantId": "00000000-0000-4000-8000-00000000000a"}
SUBSCRIPTION = {"id": "/subscriptions/s", "subscriptionId": "s"}
# What Azure makes up, by type.
RUNTIME: dict[str, dict[str, Any]] = {
    "Microsoft.ManagedIdentity/userAssignedIdentities": {
        "clientId": "00000000-0000-4000-8000-00000000000b",
        "principalId": "00000000-0000-4000-8000-00000000000c",
    },
    "Microsoft.Storage/storageAccounts": {
        "primaryEndpoints": {
            "blob": "https://{name}.blob.core.windows.net/",
            "table": "https://{name}.table.core.windows.net/",
        }
    },
    "Microsoft.KeyVault/vaults": {"vaultUri": "https://{name}.vault.azure.net/"},
    "Microsoft.Insights/components": {"ConnectionString": "IngestionEndpoint=https://{name}/"},
    "Microsoft.Web/sites": {"defaultHostName": "{name}.azurewebsites.net"},
    "Microsoft.DurableTask/schedulers": {"endpoint": "https://{name}.durabletask.io"},
}


@dataclass(frozen=True)
class Resource:
    """One deployed resource. `body` has no references any more; `scope` is an id or empty."""

    type: str
    version: str
    name: str
    symbol: str
    module: str
    body: Mapping[str, Any]
    scope: str = ""
    existing: bool = False

    @property
    def id(self) -> str:
        return f"/{self.type}/{self.name}"

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body.get("properties", {})
        return found

    def member(self, key: str) -> Any:
        if key == "id":
            return self.id
        if key == "name":  # as it is declared: of a child the last segment alone
            return self.body["name"]
        if key == "properties":
            made = json.dumps(RUNTIME.get(self.type, {})).replace("{name}", self.name)
            return {**self.properties, **json.loads(made)}
        return self.body[key]


@dataclass(frozen=True)
class Module:
    outputs: Mapping[str, Any]

    def member(self, key: str) -> Any:
        return getattr(self, key)


@dataclass
class Deployment:
    """All resources of a template and its modules, in the order of the files."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, type: str) -> list[Resource]:
        return [one for one in self.resources if one.type == type and not one.existing]

    def one(self, type: str, symbol: str = "") -> Resource:
        found = [one for one in self.of(type) if symbol in ("", one.symbol)]
        if len(found) != 1:
            raise BicepError(f"{len(found)} resources {type} {symbol}")
        return found[0]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _hash(*values: str) -> str:
    return hashlib.sha256("|".join(values).encode()).hexdigest()


def _union(*values: Any) -> Any:
    if isinstance(values[0], list):
        made: list[Any] = []
        for value in values:
            made += [one for one in value if one not in made]
        return made
    merged: dict[str, Any] = {}
    for value in values:
        for key, inner in value.items():
            both = isinstance(inner, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = _union(merged[key], inner) if both else inner
    return merged


def _subnet(space: str, size: int, number: int) -> str:
    return str(list(ipaddress.ip_network(space).subnets(new_prefix=size))[number])


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "bool": lambda text: str(text).lower() == "true",
    "cidrSubnet": _subnet,
    "concat": lambda *values: sum(values[1:], values[0]),
    "contains": lambda where, what: what in where,
    "empty": lambda value: value is None or len(value) == 0,
    "environment": lambda: ENVIRONMENT,
    "filter": lambda values, test: [value for value in values if test(value)],
    "guid": lambda *values: _hash(*values)[:36],
    "items": lambda value: [{"key": key, "value": value[key]} for key in sorted(value)],
    "join": lambda values, between: between.join(values),
    "length": len,
    "map": lambda values, make: [make(value) for value in values],
    "replace": lambda text, old, new: text.replace(old, new),
    "split": lambda text, between: text.split(between),
    "string": _text,
    "subscription": lambda: SUBSCRIPTION,
    "subscriptionResourceId": lambda type, *names: f"/{type}/{'/'.join(names)}",
    "take": lambda value, count: value[:count],
    "tenant": lambda: TENANT,
    "toLower": lambda text: text.lower(),
    "toObject": lambda values, key, value: {key(one): value(one) for one in values},
    "trim": lambda text: text.strip(),
    "union": _union,
    "uniqueString": lambda *values: _hash(*values)[:13],
}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


class Template:
    """One file with its parameters, evaluated on demand."""

    def __init__(
        self,
        path: Path,
        parameters: Mapping[str, Any],
        into: Deployment,
        environment: Mapping[str, str] | None = None,
        group: str = "",
    ) -> None:
        self._file = read(path)
        self._parameters = parameters
        self._into = into
        self._environment = environment or {}
        self._group = group
        self._known: dict[str, Any] = {}
        declared = [name for name, one in self._file.declarations.items() if one.kind == "param"]
        unknown = [name for name in parameters if name not in declared]
        if unknown:
            raise BicepError(f"{path.name} has no parameters {unknown}")

    def run(self) -> dict[str, Any]:
        """Evaluate everything; the outputs."""
        for name in self._file.declarations:
            self._symbol(name)
        return {
            name: self._value(one.value, {})
            for name, one in self._file.outputs.items()
            if one.value is not None
        }

    def _symbol(self, name: str) -> Any:
        if name not in self._known:
            if name not in self._file.declarations:
                raise BicepError(f"{self._file.path.name}: unknown name {name}")
            self._known[name] = self._declared(self._file.declarations[name])
        return self._known[name]

    def _declared(self, one: Declaration) -> Any:
        if one.kind == "param" and not self._file.uses:
            if one.name in self._parameters:
                return self._parameters[one.name]
            if one.value is None:
                return None
        assert one.value is not None, one.name
        if one.kind in ("resource", "module"):
            make = self._resource if one.kind == "resource" else self._module
            return self._each(one.value, {}, lambda body, local: make(one, body, local))
        return self._value(one.value, {})

    def _each(
        self,
        body: Expression,
        local: Mapping[str, Any],
        make: Callable[[Expression, Mapping[str, Any]], Any],
    ) -> Any:
        """What `make` makes of a body inside loops and conditions; None where there is none."""
        if isinstance(body, Condition):
            return self._each(body.body, local, make) if self._value(body.test, local) else None
        if isinstance(body, Loop):
            values = self._value(body.source, local)
            rounds = [{**local, body.name: v, body.index: i} for i, v in enumerate(values)]
            return [self._each(body.body, names, make) for names in rounds]
        return make(body, local)

    def _resource(self, one: Declaration, body: Expression, local: Mapping[str, Any]) -> Resource:
        type, _, version = one.of.partition("@")
        values = self._value(body, local)
        parent, scope = values.pop("parent", None), values.pop("scope", None)
        values.pop("dependsOn", None)
        name = f"{parent.name}/{values['name']}" if parent is not None else values["name"]
        made = Resource(
            type=type,
            version=version,
            name=name,
            symbol=one.name,
            module=self._file.path.stem,
            body=_plain(values),
            scope="" if scope is None else scope.id,
            existing=one.existing,
        )
        self._into.resources.append(made)
        return made

    def _module(self, one: Declaration, body: Expression, local: Mapping[str, Any]) -> Module:
        values = self._value(body, local)
        values.pop("dependsOn", None)
        path = self._file.path.parent / one.of
        group = values["scope"].name if "scope" in values else self._group
        return Module(Template(path, values.get("params", {}), self._into, group=group).run())

    def _value(self, node: Expression, local: Mapping[str, Any]) -> Any:
        match node:
            case Const(value):
                return value
            case Text(parts):
                made = [p if isinstance(p, str) else _text(self._value(p, local)) for p in parts]
                return "".join(made)
            case Name(name):
                return local[name] if name in local else self._symbol(name)
            case Items(items):
                return [self._value(item, local) for item in items]
            case Object(properties):
                pairs = [(self._value(k, local), self._value(v, local)) for k, v in properties]
                return dict(pairs)
            case Lambda(names, inner):
                return lambda *given: self._value(inner, {**local, **dict(zip(names, given))})  # noqa: B905
            case Loop() | Condition():
                return self._each(node, local, self._value)
            case Access():
                return self._access(node, local)
            case Operation(operator, operands):
                return self._operation(operator, operands, local)
            case Call(function, arguments):
                return self._call(function, [self._value(one, local) for one in arguments])

    def _access(self, node: Access, local: Mapping[str, Any]) -> Any:
        subject, key = self._value(node.subject, local), self._value(node.key, local)
        if subject is None and _is_safe(node):
            return None
        if isinstance(subject, Resource | Module):
            return subject.member(key)
        if isinstance(subject, Mapping) and key not in subject and node.safe:
            return None
        return subject[key]

    def _operation(
        self, operator: str, operands: tuple[Expression, ...], local: Mapping[str, Any]
    ) -> Any:
        first = self._value(operands[0], local)
        match operator:
            case "!":
                return not first
            case "-" if len(operands) == 1:
                return -first
            case "?":
                return self._value(operands[1 if first else 2], local)
            case "??":
                return self._value(operands[1], local) if first is None else first
            case "&&":
                return first and self._value(operands[1], local)
            case "||":
                return first or self._value(operands[1], local)
        return OPERATORS[operator](first, self._value(operands[1], local))

    def _call(self, function: str, arguments: list[Any]) -> Any:
        beside = self._file.path.parent
        match function:
            case "loadJsonContent":
                return json.loads((beside / arguments[0]).read_text(encoding="utf-8"))
            case "resourceGroup":
                return {"id": f"{SUBSCRIPTION['id']}/resourceGroups/{self._group}"}
            case "loadTextContent":
                return (beside / arguments[0]).read_text(encoding="utf-8")
            case "readEnvironmentVariable":
                name, *default = arguments
                if name not in self._environment and not default:
                    raise BicepError(f"the variable {name} is missing")
                return self._environment.get(name, *default)
        if function not in FUNCTIONS:
            raise BicepError(f"{self._file.path.name}: unknown function {function}")
        return FUNCTIONS[function](*arguments)


def _is_safe(node: Expression) -> bool:
    """Whether the chain asks with `.?` somewhere: then all of it is null where that is null."""
    return isinstance(node, Access) and (node.safe or _is_safe(node.subject))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.id if isinstance(value, Resource) else value


def deploy(path: Path, parameters: Mapping[str, Any]) -> Deployment:
    """Everything the template would make with these parameters. Raises `BicepError`."""
    made = Deployment()
    made.outputs = Template(path, parameters, made).run()
    return made


def parameters_of(path: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The values of a `.bicepparam` file."""
    template = Template(path, {}, Deployment(), environment)
    template.run()
    return {name: template._symbol(name) for name in read(path).declarations}
