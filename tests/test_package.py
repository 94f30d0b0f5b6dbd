"""The package as a whole: files that must agree, and rules that hold in every module."""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from click.testing import CliRunner

import ais_berths
from ais_berths.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOP_LEVEL = {
    *("ais_berths", "pipelines", "cookbook", "notebooks", "data", "tests", ".ci", ".gitignore"),
    *("environment.yml", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"),
    "CITATION.cff",
}
# What conda-forge calls some packages of PyPI.
CONDA_NAMES = {"h3": "h3-py", "dask[dataframe]": "dask", "moto[server]": "moto"}
NOT_ON_CONDA_FORGE = {"pyais"}


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def bounds(*lists: list[str]) -> dict[str, str]:
    """Name and bound of every requirement, without our own extras."""
    pairs = [re.fullmatch(r"([\w\[\].,-]+?)(>=[\w.]+)?", item) for found in lists for item in found]
    assert all(pairs), "a requirement is no name with a lower bound"
    return {pair[1]: pair[2] for pair in pairs if not pair[1].startswith("ais-berths[")}


def requirements(project: dict) -> dict[str, str]:
    return bounds(project["dependencies"], *project["optional-dependencies"].values())


def conda_packages(root: Path) -> dict[str, str]:
    text = (root / "environment.yml").read_text(encoding="utf-8")
    return dict(re.findall(r"^  - ([\w-]+)(>=[\w.]+)$", text, re.MULTILINE))


def test_conda_environment_and_pyproject_are_in_step(root: Path, project: dict) -> None:
    wanted = requirements(project)
    wanted = {CONDA_NAMES.get(name, name): bound for name, bound in wanted.items()}
    wanted = {name: bound for name, bound in wanted.items() if name not in NOT_ON_CONDA_FORGE}
    assert conda_packages(root) == wanted | {"python": project["requires-python"]}


def test_every_requirement_has_a_lower_bound(project: dict) -> None:
    needed = requirements(project)
    assert [name for name, bound in needed.items() if bound is None] == []


def test_conda_environment_uses_conda_forge_only_and_ends_with_the_package(root: Path) -> None:
    text = (root / "environment.yml").read_text(encoding="utf-8")
    channels = re.search(r"^channels:\n((?:  - .*\n)+)", text, re.MULTILINE)
    assert channels is not None
    assert channels[1].split() == ["-", "conda-forge"]
    assert text.startswith("# conda env create")
    assert "\nname: ais-berths\n" in text
    assert text.rstrip().endswith('- -e ".[nmea]"')


def test_development_tools_stand_in_a_marked_block(root: Path, project: dict) -> None:
    text = (root / "environment.yml").read_text(encoding="utf-8")
    block = text.partition("# extras test and dev")[2].partition("# end of test and dev")[0]
    tools = re.findall(r"- ([\w-]+)>=", block)
    extras = project["optional-dependencies"]
    wanted = {CONDA_NAMES.get(name, name) for name in bounds(extras["test"], extras["dev"])}
    assert set(tools) == wanted


def test_versions_agree(root: Path) -> None:
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {ais_berths.__version__}\n" in citation
    shown = CliRunner().invoke(main, ["--version"]).output
    assert shown == f"ais-berths, version {ais_berths.__version__}\n"


def test_top_level_holds_nothing_else(root: Path) -> None:
    if not (root / ".git").exists():
        pytest.skip("not a git checkout: what belongs to the project cannot be told from other files")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    assert {path.partition("/")[0] for path in listed if path} <= TOP_LEVEL


def test_readme_has_two_commands_of_one_line(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python3 -m venv .*$", text, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("/ais-berths demo")
    assert commands[1].endswith("-m pytest -n 2")


def test_no_machine_paths(root: Path) -> None:
    forbidden = [f"/{name}/" for name in ("work", "root", "home")]
    texts = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for folder in ("ais_berths", "tests", "pipelines", "cookbook"):
        texts += [path for path in (root / folder).rglob("*") if path.suffix in {".py", ".toml", ".md"}]
    found = [str(path) for path in texts for name in forbidden if name in path.read_text(encoding="utf-8")]
    assert found == []


@pytest.mark.parametrize("name", ["environment.yml", "pyproject.toml", ".ci/run"])
def test_no_download_addresses(root: Path, name: str) -> None:
    """Packages come by name, from whatever registry or mirror the machine uses."""
    assert "://" not in (root / name).read_text(encoding="utf-8")


# rules for modules --------------------------------------------------------------------------------


def modules(root: Path) -> Iterator[tuple[str, Path, ast.Module]]:
    """Name of the module or folder in the package, file, and syntax tree."""
    package = root / "ais_berths"
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).parts[0].removesuffix(".py")
        yield name, path, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Full names of what a module imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_follow_the_order_of_the_data(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(r"```order\n(.*?)```", text, re.DOTALL)
    assert block is not None
    order = block[1].split()
    assert len(order) == len(set(order))
    backwards = []
    for name, path, tree in modules(root):
        if name in {"__init__", "__main__"}:
            continue
        assert name in order, f"{name} has no place in the order of CONTRIBUTING.md"
        for target in imports(tree):
            parts = target.split(".")
            if parts[0] != "ais_berths" or len(parts) < 2 or parts[1] == "__version__" or parts[1] == name:
                continue
            if parts[1] not in order or order.index(parts[1]) > order.index(name):
                backwards.append(f"{path.name} imports {parts[1]}")
    assert backwards == []


def test_only_the_pipeline_imports_dask(root: Path) -> None:
    found = {
        name
        for name, _, tree in modules(root)
        for target in imports(tree)
        if target.split(".")[0] in {"dask", "distributed"}
    }
    assert found == {"pipeline"}


def test_only_the_command_line_prints(root: Path) -> None:
    printing = []
    for name, path, tree in modules(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if (
                    called in {"print", "click.echo", "sys.stdout.write", "sys.stderr.write"}
                    and name != "cli"
                ):
                    printing.append(f"{path.name}:{node.lineno}")
    assert printing == []


def test_every_exported_module_exists() -> None:
    for name in ais_berths.__all__:
        assert getattr(ais_berths, name).__name__ == f"ais_berths.{name}"
    assert set(ais_berths.__all__) < set(dir(ais_berths))
    with pytest.raises(AttributeError, match="no attribute 'berth'"):
        _ = ais_berths.berth


def test_help_needs_no_heavy_module() -> None:
    """The command line answers at once: what it imports for --help is small."""
    code = (
        "import sys; from click.testing import CliRunner; from ais_berths.cli import main; "
        "result = CliRunner().invoke(main, ['--help']); assert result.exit_code == 0, result.output; "
        "print(','.join(sorted({'pandas', 'dask', 'pyarrow', 'shapely', 'sklearn'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("chosen", [None, "system"])
def test_the_command_line_chooses_how_arrow_holds_memory(chosen: str | None) -> None:
    """Which has to be done before Arrow is imported; who chose already is left alone."""
    if (
        sys.platform != "linux"
        or platform.machine() != "x86_64"
        or "jemalloc" not in pa.supported_memory_backends()
    ):
        pytest.skip("Arrow comes without jemalloc here")
    code = (
        "from ais_berths.cli import main; main(['config', 'show'], standalone_mode=False); "
        "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    )
    others = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    env = others if chosen is None else others | {"ARROW_DEFAULT_MEMORY_POOL": chosen}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.splitlines()[-1] == (chosen or "jemalloc")
    assert done.stderr == ""


def test_the_wheel_ships_the_samples(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"data/sample": "ais_berths/data/sample"}
    assert sum(path.stat().st_size for path in (root / "data" / "sample").rglob("*")) < 15_000_000
