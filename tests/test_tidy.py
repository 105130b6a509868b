"""Rules of taste that a reviewer would otherwise have to repeat: over the source tree."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.registry import ENTITIES, INGRESS_QUEUE

ROOT = Path(__file__).parents[1]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
TRIGGER_LINES_MAX = 40
NOT_OURS = (
    *(".venv", ".git", "node_modules", "__pycache__", ".hypothesis", ".mypy_cache"),
    *(".pytest_cache", ".ruff_cache", ".import_linter_cache", ".make", "build", "dist"),
)


def files(*folders: str, pattern: str = "*.py") -> list[Path]:
    """Our files below the folders (or the folders themselves, where they are files), sorted."""
    found: list[Path] = []
    for folder in folders:
        path = ROOT / folder
        found += [path] if path.is_file() else path.rglob(pattern)
    return sorted(
        path
        for path in found
        if path.is_file() and not any(part in NOT_OURS for part in path.relative_to(ROOT).parts)
    )


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def imports(tree: ast.Module) -> list[str]:
    """The dotted names of all imported modules, at any depth."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that is named in the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node)
            if name:
                yield node.lineno, name


PRODUCT = files("shared", "functions", "function_app.py")
SOURCES = files("shared", "functions", "function_app.py", "local", "cli", "bench", "release")
CORE = files("shared/domain", "shared/entities", "shared/mapping")


def all_of(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def test_the_source_tree_is_found() -> None:
    assert len(PRODUCT) > 40
    assert len(CORE) > 10


@all_of(SOURCES)
def test_modules_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MODULE_LINES_MAX
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < FUNCTION_LINES_MAX, node.name


@all_of(files("functions", "function_app.py"))
def test_trigger_functions_stay_smaller(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < TRIGGER_LINES_MAX, node.name


def classes_by_name() -> dict[str, list[str]]:
    """The modules that define a class of each name."""
    homes: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name_of(path))
    return homes


def test_two_classes_never_share_a_name() -> None:
    shared = {name: homes for name, homes in classes_by_name().items() if len(homes) > 1}
    assert shared == {}


MODULES_REFUSED = (
    *("threading", "concurrent", "multiprocessing", "subprocess", "requests", "uuid", "secrets"),
    *("queue", "sched", "_thread", "urllib.request", "http.client"),
)
NAMES_REFUSED = (
    *("time.time", "time.monotonic", "time.sleep", "time.time_ns", "datetime.now"),
    *("datetime.datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("asyncio.run", "asyncio.to_thread", "asyncio.new_event_loop", "os.environ", "os.getenv"),
    *("os.urandom", "io.open"),
)
CALLS_REFUSED = ("open", "input", "print", "eval", "exec", "hash")
METHODS_REFUSED = ("run_in_executor", "run_until_complete", "read_text", "read_bytes", "write_text")
# The one place that knows the process, the one that reads what ships, and the one clock.
EXCEPTIONS = {
    "shared/bootstrap.py": ("os.environ", "random.SystemRandom"),
    "shared/packaged.py": ("template.read_bytes",),
    "shared/clients/clock.py": ("datetime.now",),
}


@all_of(PRODUCT)
def test_no_threads_no_hidden_clock_and_no_blocking_calls(path: Path) -> None:
    tree, allowed = tree_of(path), EXCEPTIONS.get(name_of(path), ())
    refused = [
        name
        for name in imports(tree)
        if any(name == each or name.startswith(f"{each}.") for each in MODULES_REFUSED)
    ]
    for line, name in uses(tree):
        if name in allowed:
            continue
        last = name.rpartition(".")[2]
        if name in NAMES_REFUSED or name.startswith("random.") or last in METHODS_REFUSED:
            refused.append(f"{line}: {name}")
    refused += [
        f"{node.lineno}: {dotted(node.func)}()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) in CALLS_REFUSED
    ]
    assert refused == []


@pytest.mark.parametrize(("name", "allowed"), EXCEPTIONS.items())
def test_each_exception_is_still_needed(name: str, allowed: tuple[str, ...]) -> None:
    used = [found for _, found in uses(tree_of(ROOT / name))]
    assert [each for each in allowed if each not in used] == []


@all_of(CORE)
def test_the_core_knows_no_floats(path: Path) -> None:
    tree = tree_of(path)
    assert [line for line, name in uses(tree) if name == "float"] == []
    literals = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    assert literals == []


def is_set(node: ast.AST) -> bool:
    """True for what is plainly a set, also behind `list`, `tuple` or `enumerate`."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp):
        return is_set(node.left) or is_set(node.right)
    if not isinstance(node, ast.Call):
        return False
    name = dotted(node.func)
    if name in ("set", "frozenset"):
        return True
    return name in ("list", "tuple", "enumerate", "iter") and any(is_set(arg) for arg in node.args)


@all_of(files("shared", "functions", "local"))
def test_nothing_iterates_over_a_set(path: Path) -> None:
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and is_set(node.iter):
            found.append(node.iter.lineno)
        elif (
            isinstance(node, ast.Call)
            and any(
                is_set(arg)
                for arg in node.args
                if dotted(node.func) in ("list", "tuple", "enumerate")
            )
        ) or (isinstance(node, ast.Starred) and is_set(node.value)):
            found.append(node.lineno)
    assert found == []


IMMUTABLE_CALLS = (
    *("tuple", "frozenset", "MappingProxyType", "ContextVar", "re.compile", "timedelta", "date"),
    *("datetime", "Decimal", "int", "str", "Path", "NewType", "TypeVar", "range", "bytes"),
    *("ConfigDict", "_same", "entity_set", "logging.getLogger"),
)
FUNCTIONS_OBJECTS = ("df.Blueprint", "func.Blueprint", "df.DFApp")


def frozen_classes() -> list[str]:
    """Names of frozen dataclasses, frozen models and enums."""
    found = []
    for path in PRODUCT:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                decorators = [ast.unparse(each) for each in node.decorator_list]
                frozen = any("frozen=True" in each for each in decorators)
                if frozen or any(dotted(base) == "Model" for base in node.bases):
                    found.append(node.name)
    return found


FROZEN = (*IMMUTABLE_CALLS, *frozen_classes())


def is_mutable(value: ast.AST, allowed: tuple[str, ...]) -> bool:
    """True for a value that somebody could change."""
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if isinstance(value, ast.Tuple):
        return any(is_mutable(inner, allowed) for inner in value.elts)
    return isinstance(value, ast.Call) and dotted(value.func) not in allowed


@all_of(PRODUCT)
def test_no_module_holds_state(path: Path) -> None:
    triggers = name_of(path).startswith("function")
    allowed = (*FROZEN, *FUNCTIONS_OBJECTS) if triggers else FROZEN
    found = []
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            value = node.value
            if value is not None and is_mutable(value, allowed):
                found.append(ast.unparse(node).splitlines()[0])
        if isinstance(node, ast.Global):
            found.append(f"global at {node.lineno}")
    found += [
        f"global at {node.lineno}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Global | ast.Nonlocal)
    ]
    assert found == []


@all_of(SOURCES)
def test_the_functions_sdks_stay_in_the_trigger_adapters(path: Path) -> None:
    allowed = name_of(path).startswith(("functions/", "function_app.py", "local/", "bench/"))
    sdks = ("azure.functions", "azure.durable_functions")
    found = [name for name in imports(tree_of(path)) if name.startswith(sdks)]
    assert allowed or found == []


IMPURE = (
    *("bootstrap", "telemetry", "datetime", "random", "asyncio", "os", "httpx", "uuid", "time"),
    "open",
)


def orchestrators() -> list[ast.FunctionDef]:
    found = []
    for path in files("functions"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                "orchestration_trigger" in ast.unparse(each) for each in node.decorator_list
            ):
                assert isinstance(node, ast.FunctionDef), f"{node.name} is no plain generator"
                found.append(node)
    return found


def test_there_are_orchestrators() -> None:
    assert [node.name for node in orchestrators()] != []


@pytest.mark.parametrize("node", orchestrators(), ids=lambda node: node.name)
def test_orchestrators_decide_and_do_nothing_else(node: ast.FunctionDef) -> None:
    names = [
        dotted(each)
        for statement in node.body
        for each in ast.walk(statement)
        if isinstance(each, ast.Name | ast.Attribute)
    ]
    assert [name for name in names if name.split(".")[0] in IMPURE] == []
    assert [each for each in ast.walk(node) if isinstance(each, ast.Await)] == []


ROOMS = tuple(
    sorted(
        name_of(path.parent)
        for folder in ("shared/services", "shared/entities")
        for path in files(folder, pattern="__init__.py")
        if path.parent.parent.name in ("services", "entities") and path.parent.name != "common"
    )
)
ROOM_MODULES_MAX = 8


def doors_of(room: str) -> dict[str, str]:
    """The modules by which others use a room, with their text: its `__init__`; of an entity also
    `making`, which must not load with the row."""
    paths = [ROOT / room / "__init__.py", *(ROOT / room).glob("making.py")]
    dotted_room = room.replace("/", ".")
    return {
        f"{dotted_room}.{path.stem}".removesuffix(".__init__"): path.read_text(encoding="utf-8")
        for path in paths
    }


DOORS = {room: doors_of(room) for room in ROOMS}


def doors_missed(path: Path) -> list[str]:
    """What a file imports from the insides of a room that is not its own."""
    missed: list[str] = []
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        for room, doors in DOORS.items():
            if name_of(path).startswith(f"{room}/"):
                continue
            if node.module in doors:
                open_names = doors[node.module].partition("__all__")[2]
                missed += [a.name for a in node.names if f'"{a.name}"' not in open_names]
            elif node.module.startswith(f"{room.replace('/', '.')}."):
                missed.append(node.module)
    return missed


def test_there_are_rooms() -> None:
    assert "shared/services/work" in ROOMS
    assert "shared/entities/charge" in ROOMS


@pytest.mark.parametrize("path", files("shared", "functions", "local", "cli", "bench"), ids=name_of)
def test_a_room_is_used_through_its_door(path: Path) -> None:
    """What others may use of a room stands in `__all__` of its doors."""
    assert doors_missed(path) == []


@pytest.mark.parametrize("room", [room for room in ROOMS if "/services/" in room])
def test_a_room_of_services_stays_small(room: str) -> None:
    modules = [path for path in files(room) if path.name != "__init__.py"]
    assert 0 < len(modules) <= ROOM_MODULES_MAX


STAGE_IMPORTS_MAX = 12


@pytest.mark.parametrize("path", files("shared/converge"), ids=name_of)
def test_a_stage_of_converge_needs_few_modules(path: Path) -> None:
    needed = set()
    for name in imports(tree_of(path)):
        module = ROOT / f"{name.replace('.', '/')}.py"
        if name.startswith("shared.") and (module.is_file() or module.with_suffix("").is_dir()):
            needed.add(name)
    packages = {name for name in needed if any(each.startswith(f"{name}.") for each in needed)}
    assert len(needed - packages) <= STAGE_IMPORTS_MAX


def test_the_queues_of_the_registry_are_those_that_are_deployed() -> None:
    deployed = json.loads((ROOT / "infra/queues.json").read_text(encoding="utf-8"))["queues"]
    names = [queue["name"] for queue in deployed]
    assert names == [*dict.fromkeys(entity.queue for entity in ENTITIES), INGRESS_QUEUE]


# --- Packages, files that ship, texts -------------------------------------------------------


def pins(name: str) -> dict[str, str]:
    """Version and marker by package of a pinned requirements file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)([^\n\\]*)", text, re.MULTILINE)
    return {package.lower(): version for package, version, _marker in found}


def plain(requirement: str) -> str:
    """The package of a requirement of pyproject.toml."""
    return re.split(r"[\[<>=!~ ;]", requirement, maxsplit=1)[0].lower()


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMMAND = tuple(PROJECT["project"]["dependencies"])
EMBEDDED = tuple(PROJECT["project"]["optional-dependencies"]["local"])
SIGN_IN = tuple(PROJECT["project"]["optional-dependencies"]["azure"])
APP = tuple(PROJECT["dependency-groups"]["app"])
DIRECT = tuple(plain(each) for each in APP)
BESIDE_THE_APP = ("azure-functions-runtime", "rich", "typer", "uvicorn")
AMQP = tuple(plain(each) for each in PROJECT["dependency-groups"]["amqp"])
RELEASE = tuple(plain(each) for each in PROJECT["dependency-groups"]["release"])
DEVELOPMENT = (*BESIDE_THE_APP, *(plain(each) for each in PROJECT["dependency-groups"]["dev"]))


def test_what_ships_is_what_is_tested() -> None:
    production, everything = pins("requirements.txt"), pins("requirements-dev.txt")
    assert len(production) > len(DIRECT)
    differing = {
        package: version
        for package, version in production.items()
        if everything.get(package) != version
    }
    assert differing == {}


def test_the_command_and_the_embedded_world_need_what_is_deployed_and_little_else() -> None:
    both = [*COMMAND, *EMBEDDED]
    assert sorted(each for each in both if plain(each) not in BESIDE_THE_APP) == sorted(APP)
    assert sorted(plain(each) for each in both if each not in APP) == sorted(BESIDE_THE_APP)


def test_every_direct_dependency_ships_and_no_tool_does() -> None:
    production, everything = pins("requirements.txt"), pins("requirements-dev.txt")
    assert [package for package in DIRECT if package not in production] == []
    assert [package for package in DEVELOPMENT if package not in everything] == []
    assert [package for package in DEVELOPMENT if package in production] == []


def test_what_is_compiled_is_pinned_apart_and_agrees_with_the_rest() -> None:
    compiled, everything = pins("requirements-amqp.txt"), pins("requirements-dev.txt")
    assert [package for package in AMQP if package not in compiled] == []
    assert [package for package in AMQP if package in everything] == []
    shared = [package for package in compiled if package not in AMQP]
    assert shared != []
    assert [package for package in shared if compiled[package] != everything.get(package)] == []


def test_the_tools_of_a_release_are_pinned_apart() -> None:
    tools, everything = pins("requirements-release.txt"), pins("requirements-dev.txt")
    assert [package for package in RELEASE if package not in tools] == []
    assert [package for package in RELEASE if package in everything] == []


@pytest.mark.parametrize(
    "name",
    [f"requirements{which}.txt" for which in ("", "-dev", "-amqp", "-release")],
)
def test_every_pin_carries_its_hashes(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line[:1].isalnum()]
    assert len(lines) == len(pins(name))
    assert [line.split()[0] for line in lines if "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("package", [*DIRECT, *DEVELOPMENT, *AMQP, *RELEASE, *map(plain, SIGN_IN)])
def test_every_direct_dependency_is_explained(package: str) -> None:
    assert f"`{package}`" in (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")


TEXTS = sorted(
    path
    for pattern in ("*.py", "*.md", "*.json", "*.toml", "*.txt", "*.yaml", "*.yml", "Makefile")
    for path in files(".", pattern=pattern)
)


def test_no_file_names_the_machine_it_was_written_on() -> None:
    places = tuple("/" + place + "/" for place in ("work", "root", "tmp/bash_jobs", "Users"))
    found = [
        f"{name_of(path)}: {place}"
        for path in TEXTS
        for place in places
        if re.search(rf"(?<![\w.:]){place}\w", path.read_text("utf-8", errors="replace"))
    ]
    assert found == []


def test_no_file_holds_a_secret_of_a_real_account() -> None:
    shapes = r"\b[sr]k_live_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/]{32,}|BEGIN [A-Z ]*PRIVATE KEY"
    found = [
        name_of(path)
        for path in TEXTS
        if re.search(shapes, path.read_text("utf-8", errors="replace"))
    ]
    assert found == []


DOCUMENTS = files(".", pattern="*.md")


@all_of(DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8", errors="replace"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"\]\s*\(", "](", text))
    missing = [
        target
        for target in targets
        if not re.match(r"[a-z]+:|#", target)
        and not (path.parent / target.partition("#")[0]).exists()
    ]
    assert missing == []


def test_every_page_of_docs_that_is_named_exists() -> None:
    shape = r"(?<![\w./-])docs/[a-z0-9./-]+\.md"
    missing = [
        f"{name_of(path)}: {name}"
        for path in TEXTS
        for name in re.findall(shape, path.read_text("utf-8", errors="replace"))
        if not (ROOT / name).is_file()
    ]
    assert missing == []
