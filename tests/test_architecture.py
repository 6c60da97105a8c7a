"""The arrows of ARCHITECTURE.md, read from the source text; no module is imported to judge it.

A *unit* is a room, the public face, or a module or package directly inside `lab`; the simulation,
which the lab only uses, is one of its own.
Whoever adds a unit gives it a row in `ARROWS`.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

LEAVES = {
    "lab.addresses",
    "lab.children",
    "lab.descriptors",
    "lab.errors",
    "lab.escaped",
    "lab.methods",
    "lab.mortal",
    "lab.packets",
    "lab.redaction",
    "lab.stamp",
    "lab.tolerance",
}
FACTS = {"lab.history", "lab.contract", "lab.errors", "lab.tolerance", "lab.tune"}
PROGRAMS = {"lab.excerpt", "lab.programs"}
WIRE = {"lab.history", "lab.frames", "lab.counting", *LEAVES, *PROGRAMS}
ORACLE = FACTS | {"lab.attempts", "lab.oracle"}
PLAN = {"lab.expect", "lab.plan", "scenarios", "faults"}
JUDGES = {"lab.checks", "lab.verdict", "lab.report"}
HOSTED = {"lab.net", "lab.recorder", "lab.proxy", "lab.backends"}
CONDUCTOR = {"lab.run", "lab.play", "lab.results", "lab.environments", "lab.subjects"}

# unit -> the other units that it may import
ARROWS: dict[str, set[str]] = {
    "maximus": set(),
    "faults": set(),
    "scenarios": {"faults"},
    "fixtures": set(),
    "lab": set(),
    # facts, and what judges them: never the network
    **{leaf: set() for leaf in LEAVES},
    "lab.history": set(),
    "lab.contract": {"lab.history", "lab.errors"},
    "lab.tune": {"lab.contract", "lab.errors"},
    "lab.attempts": FACTS | {"faults", "lab.methods"},
    "lab.oracle": FACTS | {"lab.attempts"},
    "lab.plan": ORACLE | {"scenarios", "faults"},
    "lab.expect": ORACLE | {"lab.plan", "scenarios", "faults"},
    "lab.checks": ORACLE | PLAN,
    "lab.verdict": ORACLE | PLAN | {"lab.checks"},
    "lab.report": ORACLE
    | PLAN
    | {"lab.checks", "lab.verdict", "lab.results", "lab.redaction", "lab.methods"},
    # what moves bytes, and what starts programs
    **{text: {"lab.redaction"} for text in PROGRAMS},
    "lab.frames": {"lab.history"},
    "lab.orders": {"lab.frames", "lab.history", "lab.backends", "faults"},
    "lab.recorder": WIRE,
    "lab.counting": {"lab.history", "lab.addresses", "lab.packets"},
    "lab.net": WIRE,
    "lab.sockets": WIRE | {"lab.net"},
    "lab.environments.simulated": set(),
    "lab.virtual": WIRE | {"lab.net", "lab.backends", "lab.environments.simulated"},
    "lab.behind": WIRE | {"lab.net"},
    "lab.proxy": WIRE | {"lab.net", "faults"},
    "lab.backends": WIRE | {"lab.net"},
    "lab.keeper": WIRE,
    "lab.apart": WIRE | {"lab.net", "lab.backends", "lab.sockets"},
    "lab.foreground": {"lab.descriptors", "lab.sockets"},
    "lab.toxiproxy": WIRE | {"lab.net", "lab.sockets", "lab.foreground"},
    "lab.stubs": WIRE | {"lab.net", "lab.sockets", "lab.foreground", "lab.backends"},
    "lab.rig": WIRE | HOSTED | {"faults"},
    "lab.asked": {"lab.backends", "lab.orders"},
    "lab.host": WIRE
    | HOSTED
    | {"lab.asked", "lab.behind", "lab.orders", "lab.rig", "lab.sockets", "faults"},
    "lab.contained": WIRE | {"lab.net", "lab.behind", "lab.host", "lab.sockets"},
    "lab.simulation": WIRE
    | HOSTED
    | FACTS
    | {
        "lab.plan",
        "lab.play",
        "lab.environments",
        "lab.environments.simulated",
        "lab.rig",
        "lab.subjects",
        "lab.virtual",
        "faults",
    },
    "lab.environments": WIRE
    | {"lab.net", "lab.orders", "lab.backends", "lab.sockets", "lab.toxiproxy", "faults"},
    # who plays it
    "lab.subjects": WIRE | FACTS | {"lab.backends", "fixtures", "maximus"},
    "lab.results": ORACLE | PLAN | {"lab.checks", "lab.verdict"},
    "lab.play": WIRE | ORACLE | PLAN | {"lab.backends", "lab.environments", "lab.subjects"},
    "lab.run": WIRE
    | ORACLE
    | PLAN
    | {"lab.backends", "lab.simulation"}
    | (CONDUCTOR - {"lab.run"}),
    "lab.testing": WIRE
    | ORACLE
    | PLAN
    | JUDGES
    | CONDUCTOR
    | {"lab.backends", "lab.simulation", "lab.environments.simulated"},
    "lab.pytest_simulated": {"lab.environments.simulated", "lab.errors"},
    "lab.pytest_plugin": {
        "lab.pytest_simulated",
        "lab.testing",
        "lab.environments",
        "lab.mortal",
        "lab.packets",
        "lab.history",
        "lab.errors",
        "lab.backends",
    },
    "lab.folders": {"lab.errors"},
    "lab.outputs": {"lab.errors"},
    "lab.interrupts": set(),
    "lab.console": ORACLE | PLAN | JUDGES | CONDUCTOR | {"lab.outputs", "lab.interrupts"},
    "lab.cli": ORACLE
    | PLAN
    | JUDGES
    | CONDUCTOR
    | {
        "lab.toxiproxy",
        "lab.stubs",
        "lab.console",
        "lab.folders",
        "lab.interrupts",
        "lab.outputs",
        "maximus",
    },
    "face": ORACLE | PLAN | JUDGES | CONDUCTOR | {"lab.cli", "lab.testing"},
}

PURE = {
    "faults",
    "lab.expect",
    "lab.plan",
    "lab.frames",
    "lab.methods",
    "lab.orders",
    "lab.redaction",
    "lab.excerpt",
}
PURE = (PURE | ORACLE | JUDGES) - {"lab.history"}
IMPURE_IMPORTS = {
    *("asyncio", "multiprocessing", "os", "random", "secrets", "selectors", "signal", "socket"),
    *("ssl", "subprocess", "threading", "time", "uuid"),
    *("docker", "httpx", "requests", "toxiproxy"),
}
WALL_CLOCK = {"now", "utcnow", "today"}

# unit -> all that it may import beside the standard library and its arrows
OUTSIDE = {
    "faults": {"pydantic"},
    "scenarios": {"pydantic", "ruamel"},
    "maximus": {"httpx", "pybreaker", "pydantic", "typing_extensions"},
}

# The two ways in import late on purpose: `--help`, and a pytest session without the lab, are quick.
LAZY = {"lab.cli", "lab.pytest_plugin"}

VAGUE = {"engine", "handler", "helper", "manager", "util"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, with its module in front, and how it is written."""

    target: str
    line: int
    relative: bool = False
    in_function: bool = False
    for_types: bool = False


@dataclass(frozen=True, slots=True)
class Module:
    """One source file by its import name."""

    name: str
    path: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def unit(self) -> str:
        """The row of the table that holds for this module."""
        return unit_of(self.name)

    def at(self, line: int) -> str:
        """A place to click on."""
        return f"{self.path}:{line}"


def unit_of(name: str) -> str:
    """`faultlab.lab.proxy.link` -> `lab.proxy`; `faultlab.__main__` -> `face`."""
    parts = name.split(".")
    if parts[0] != "faultlab":
        return parts[0]
    match parts[1:]:
        case ["lab", "environments", "simulated", *_]:
            return "lab.environments.simulated"  # a library of its own inside that package
        case ["lab", inner, *_]:
            return f"lab.{inner}"
        case [("lab" | "faults" | "scenarios" | "fixtures") as room, *_]:
            return room
        case _:
            return "face"


def parse(name: str, source: str, path: str) -> Module:
    """A module from its text; `path` tells a package from a module."""
    tree = ast.parse(source, path)
    parts = name.split(".")
    package = parts if path.endswith("__init__.py") else parts[:-1]
    return Module(name, path, tree, tuple(_imports(tree, package, Import("", 0))))


def _imports(node: ast.AST, package: list[str], where: Import) -> Iterator[Import]:
    def found(target: str, line: int, *, relative: bool = False) -> Import:
        return Import(target, line, relative, where.in_function, where.for_types)

    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                for alias in names:
                    yield found(alias.name, child.lineno)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else []
                for alias in names:
                    target = ".".join([*base, *filter(None, [module]), alias.name])
                    yield found(target, child.lineno, relative=level > 0)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                inner = Import("", 0, in_function=True, for_types=where.for_types)
                yield from _imports(child, package, inner)
            case ast.If() if "TYPE_CHECKING" in ast.unparse(child.test):
                inner = Import("", 0, in_function=where.in_function, for_types=True)
                yield from _imports(child, package, inner)
            case _:
                yield from _imports(child, package, where)


def sources() -> Iterator[Module]:
    """Every source file of the rooms and of the face, by the name under which it is imported."""
    rooms = {"lab": "faultlab.", "faults": "faultlab.", "scenarios": "faultlab."}
    rooms |= {"fixtures": "faultlab.", "maximus": ""}
    files = [(path, rooms[room]) for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    files += [(path, "") for path in sorted((ROOT / "src/faultlab").glob("*.py"))]
    for path, prefix in files:
        shown = path.relative_to(ROOT)
        parts = shown.parts[1:] if shown.parts[0] == "src" else shown.parts
        name = prefix + ".".join(parts).removesuffix(".py").removesuffix(".__init__")
        yield parse(name, path.read_text("utf-8"), str(shown))


MODULES = {module.name: module for module in sources()}


def own(target: str) -> str | None:
    """The module of ours that an imported name lives in; None if it is not ours."""
    while target:
        if target in MODULES:
            return target
        target = target.rpartition(".")[0]
    return None


def own_imports() -> Iterator[tuple[Module, Import, Module]]:
    """Who imports what inside the project."""
    for module in MODULES.values():
        for imported in module.imports:
            if (target := own(imported.target)) is not None:
                yield module, imported, MODULES[target]


def crossings() -> list[str]:
    """Imports between units that have no arrow."""
    return [
        f"{module.at(imported.line)}: {module.unit} may not import {target.unit}"
        for module, imported, target in own_imports()
        if target.unit not in ARROWS.get(module.unit, set()) | {module.unit}
    ]


def impurities(module: Module) -> list[str]:
    """What a pure module may not hold: ways to the network, to clocks, chance and the process."""
    found = [
        f"{module.at(imported.line)}: a pure module imports {imported.target}"
        for imported in module.imports
        if imported.target.split(".")[0] in IMPURE_IMPORTS and not imported.for_types
    ]
    found += [
        f"{module.at(node.lineno)}: a pure module asks the wall clock: {ast.unparse(node)}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in WALL_CLOCK
    ]
    return found


def test_every_unit_has_a_row_and_every_row_a_meaning() -> None:
    """A module outside the table would be under no rule at all."""
    units = {module.unit for module in MODULES.values()}
    assert sorted(units - ARROWS.keys()) == []
    assert sorted(set().union(*ARROWS.values(), PURE, OUTSIDE) - ARROWS.keys()) == []


def test_the_arrows_contain_no_circle() -> None:
    """Rows that allow a circle would let two units grow into one."""
    TopologicalSorter(ARROWS).prepare()


def test_imports_between_units_follow_the_arrows() -> None:
    """A written rule without a test lasts until the first deadline."""
    assert crossings() == []


def test_pure_units_reach_no_network_clock_chance_or_process() -> None:
    """What is decided or judged must come out the same when it is asked again."""
    modules = [module for module in MODULES.values() if module.unit in PURE]
    assert [line for module in modules for line in impurities(module)] == []


def test_faults_scenarios_and_maximus_need_only_what_they_name() -> None:
    """These rooms are read by other people's tools; each further package is a decision."""
    assert [
        f"{module.at(imported.line)}: {module.unit} may not import {imported.target}"
        for module in MODULES.values()
        for imported in module.imports
        if module.unit in OUTSIDE
        and own(imported.target) is None
        and (package := imported.target.split(".")[0]) not in sys.stdlib_module_names
        and package not in OUTSIDE[module.unit]
    ] == []


def test_only_subjects_and_the_command_line_name_maximus() -> None:
    """The lab must not know the client that it judges, or it tests only itself."""
    who = {m.unit for m, _, target in own_imports() if target.unit == "maximus" != m.unit}
    assert who <= {"lab.subjects", "lab.cli"}


def test_the_simulation_is_a_library_of_its_own() -> None:
    """A loop, a network and clocks that anybody can use, without the lab and what it needs."""
    room = "faultlab.lab.environments.simulated"
    assert [
        f"{module.at(imported.line)}: {imported.target}"
        for module in MODULES.values()
        if module.name.startswith(room)
        for imported in module.imports
        if not imported.target.startswith(room)
        and imported.target.split(".")[0] not in sys.stdlib_module_names
    ] == []


def test_no_import_cycle() -> None:
    """Modules in a circle are one module in several files."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for module, imported, target in own_imports():
        if not imported.in_function and not imported.for_types and target is not module:
            graph[module.name].add(target.name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" <- ".join(error.args[1])) from None


def test_no_function_imports_a_room() -> None:
    """It hides an arrow; only the two ways in are late on purpose. Inside a unit there is none to hide."""
    assert [
        f"{module.at(imported.line)}: {imported.target}"
        for module, imported, target in own_imports()
        if imported.in_function and module.unit not in LAZY and target.unit != module.unit
    ] == []


def loaded(module: str) -> set[str]:
    """The packages that are not ours which come with a module of ours."""
    found: set[str] = set()
    seen: set[str] = set()
    ahead = [module]
    while ahead:
        name = ahead.pop()
        if name in seen or name not in MODULES:
            continue
        seen.add(name)
        ahead.append(name.rpartition(".")[0])
        for imported in MODULES[name].imports:
            if not imported.in_function and not imported.for_types:
                target = own(imported.target)
                ahead.append(target or "")
                found |= set() if target else {imported.target.split(".")[0]}
    return found - sys.stdlib_module_names


def test_a_stub_s_process_loads_only_what_serves() -> None:
    """Eight of them start at once; pydantic and a reader of YAML doubled what each costs."""
    assert loaded("faultlab.lab.apart") == {"h11", "msgspec"}


def test_rooms_import_one_another_relatively() -> None:
    """An absolute name would find the installed package, not this checkout's."""
    assert [
        f"{module.at(imported.line)}: {imported.target}"
        for module, imported, target in own_imports()
        if not imported.relative and not (target.unit == "maximus" != module.unit)
    ] == []


def test_nothing_imports_tests() -> None:
    """What users install comes without them."""
    assert [
        module.at(imported.line)
        for module in MODULES.values()
        for imported in module.imports
        if imported.target.split(".")[0] in {"tests", "conftest"}
    ] == []


def test_no_module_has_a_vague_name() -> None:
    """A file that can hold anything will."""
    assert [
        module.path
        for module in MODULES.values()
        if VAGUE & {word.rstrip("s") for word in Path(module.path).stem.split("_")}
    ] == []


def test_the_reader_sees_every_way_to_write_an_import() -> None:
    """The tests above are only as good as what they read."""
    source = """
import random
from .link import Link
from ..net import connect
from ... import __version__
if TYPE_CHECKING:
    from .gate import Gate
def late():
    with x:
        import faultlab.lab.cli
"""
    module = parse("faultlab.lab.proxy.relay", source, "lab/proxy/relay.py")
    assert module.unit == "lab.proxy"
    assert module.imports == (
        Import("random", 2),
        Import("faultlab.lab.proxy.link.Link", 3, relative=True),
        Import("faultlab.lab.net.connect", 4, relative=True),
        Import("faultlab.__version__", 5, relative=True),
        Import("faultlab.lab.proxy.gate.Gate", 7, relative=True, for_types=True),
        Import("faultlab.lab.cli", 10, in_function=True),
    )
    package = parse("faultlab.lab.proxy", "from .link import Link", "lab/proxy/__init__.py")
    assert package.imports == (Import("faultlab.lab.proxy.link.Link", 1, relative=True),)


def test_an_impure_module_is_seen() -> None:
    """A rule that nothing can break proves nothing."""
    source = "import time\nfrom datetime import datetime\nstarted = datetime.now()\n"
    module = parse("faultlab.lab.plan", source, "lab/plan.py")
    assert impurities(module) == [
        "lab/plan.py:1: a pure module imports time",
        "lab/plan.py:3: a pure module asks the wall clock: datetime.now()",
    ]
