"""The house has floors, and a module imports only from its own floor or from those below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygrad_hw

PACKAGE = "tinygrad_hw"
ROOT = Path(__file__).parents[2] / PACKAGE

#: What stands directly below the package, by floor. "" is the package itself, which re-exports.
FLOORS = [
    {
        "_blas_hint",
        "absent",
        "accelerator",
        "backends",
        "cpu",
        "device",
        "dtypes",
        "kernels",
        "layout",
        "mps",
        "numpy_names",
        "printing",
        "return_types",
        "settings",
        "size",
        "types",
        "version",
        "xpu",
    },
    {"autograd"},
    {"ops", "fft", "linalg", "masked", "random", "signal", "special"},
    {"legacy", "methods", "storage", "tensor"},
    {"amp", "compiler", "cuda", "distributions", "func", "nn", "optim", "serialization", "testing", "utils"},
    {"onnx", "profiler", "summary", "train", "vision", "viz"},
    {"", "__main__", "cli", "warmup"},
]


def floor_of(module: str) -> int:
    """Return the floor of a dotted module name.

    Raises:
        LookupError: nobody has said which floor it belongs to.
    """
    head = module.split(".")[1] if "." in module else ""
    for number, names in enumerate(FLOORS):
        if head in names:
            return number
    raise LookupError(f"{module} is on no floor: add {head!r} to FLOORS")


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree, inside functions too, but not where only a type checker looks."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_type_checking(child.test):
            for other in child.orelse:
                yield from walk(other)
        else:
            yield from walk(child)


def imports(path: Path, module: str, root: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module of the package) for each import that runs."""

    def is_module(dotted: str) -> bool:
        place = root.joinpath(*dotted.split(".")[1:])
        return place.is_dir() or place.with_suffix(".py").exists()

    inside = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = inside.split(".")[: len(inside.split(".")) - node.level + 1]
                base = ".".join([*up, *filter(None, [node.module])])
            for alias in node.names:
                below = f"{base}.{alias.name}"
                yield node.lineno, below if is_module(below) else base
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def upward_imports(root: Path) -> list[str]:
    """Return a sentence for each import that goes up."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        module = ".".join([PACKAGE, *(p for p in parts if p != "__init__")])
        here = floor_of(module)
        for line, target in imports(path, module, root):
            if target.split(".")[0] == PACKAGE and floor_of(target) > here:
                found.append(
                    f"{path.relative_to(root.parent)}:{line}: floor {here} imports {target} (floor {floor_of(target)})"
                )
    return found


def test_no_import_goes_up() -> None:
    assert len(list(ROOT.rglob("*.py"))) > 50
    found = upward_imports(ROOT)
    assert not found, "\n".join(found)


def test_the_tested_tree_is_the_imported_one() -> None:
    """An installed copy elsewhere would make the other tests look at the wrong files."""
    assert Path(next(iter(tinygrad_hw.__path__))).resolve() == ROOT.resolve()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small package with a file on several floors."""
    root = tmp_path / PACKAGE
    for folder in ("kernels", "ops", "nn"):
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").touch()
    for file in ("__init__.py", "tensor.py", "dtypes.py", "nn/module.py", "ops/shape.py"):
        (root / file).touch()
    return root


UPWARD = {
    "plain": "import tinygrad_hw.tensor",
    "from": "from tinygrad_hw.tensor import Tensor",
    "submodule": "from tinygrad_hw import tensor",
    "name_of_the_package": "from tinygrad_hw import Tensor",
    "package": "import tinygrad_hw as torch",
    "deep": "from tinygrad_hw.nn import module",
    "relative": "from ..tensor import Tensor",
    "relative_package": "from .. import tensor",
    "in_a_function": "def f():\n    from tinygrad_hw.tensor import Tensor",
    "in_a_method": "class A:\n    def f(self):\n        import tinygrad_hw.nn.module",
    "in_try": "try:\n    import tinygrad_hw.tensor\nexcept ImportError:\n    pass",
    "by_name": "import importlib\nimportlib.import_module('tinygrad_hw.tensor')",
    "else_of_type_checking": "if TYPE_CHECKING:\n    pass\nelse:\n    import tinygrad_hw.tensor",
}
ALLOWED = {
    "down": "from tinygrad_hw import dtypes\nfrom tinygrad_hw.kernels import x",
    "same_floor": "from tinygrad_hw.ops.shape import reshape\nfrom . import shape",
    "for_types": "if TYPE_CHECKING:\n    from tinygrad_hw.tensor import Tensor",
    "for_types_in_a_function": "def f():\n  if typing.TYPE_CHECKING:\n    import tinygrad_hw.nn",
    "others": "import numpy as np\nfrom os import path\nimport tinygrad",
}


@pytest.mark.parametrize("text", UPWARD.values(), ids=UPWARD.keys())
def test_an_upward_import_is_caught(house: Path, text: str) -> None:
    (house / "ops" / "bad.py").write_text("x = 1\n" + text + "\n")
    found = upward_imports(house)
    assert len(found) == 1
    assert found[0].startswith("tinygrad_hw/ops/bad.py:")
    assert "floor 2 imports tinygrad_hw" in found[0]


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_allowed_passes(house: Path, text: str) -> None:
    (house / "ops" / "good.py").write_text(text + "\n")
    assert upward_imports(house) == []


def test_a_module_on_no_floor_is_named(house: Path) -> None:
    (house / "attic.py").touch()
    with pytest.raises(LookupError, match="attic"):
        upward_imports(house)
