"""What the documents say is held to what the program does.

Blocks of YAML in a document are playbooks, and must be right for inventories/cluster.yml, unless the line above them
says otherwise:

    <!-- fragment -->    a piece of a playbook or of an inventory; it must be YAML
    <!-- inventory -->   an inventory
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
import yaml

from ffplay import errors
from ffplay.arguments import build_parser
from ffplay.errors import BUG_EXIT_CODE, CHANGES_EXIT_CODE, FINDINGS_EXIT_CODE
from ffplay.lab import site as lab_site
from ffplay.lab.layout import LabOptions
from ffplay.lint.check import check, read_book
from ffplay.load import Sources, editors, load, load_inventory

TOP = Path(__file__).resolve().parents[2]
CLUSTER = TOP / "inventories" / "cluster.yml"
README = TOP / "README.md"
PAGES = sorted([README, *(TOP / "docs").glob("*.md")])
PLAYBOOKS = sorted((TOP / "playbooks").glob("*.yml"))
INVENTORIES = sorted((TOP / "inventories").glob("*.yml"))
# Models of the same size, of another one, and one that the table lacks; a detector with a setting.
OVERRIDES = (
    (),
    ("model=en2_face0",),
    ("model=banana_800f",),
    ("model=new_512 facen_size=512",),
    ("detector=legacy", '{"detector_settings": {"nnd_min_face_size": 40}}'),
)
# Written in pieces, so that this file does not contain them.
FORBIDDEN = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "/wo" + "rk/", "DESI" + "GN.md", "FAC" + "TS.md", "ANCH" + "ORS")
_BLOCK = re.compile(r"(?:^<!-- (?P<mark>[a-z ]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A block of a document: what the line above it calls it, its language, and its text."""

    page: Path
    line: int
    mark: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield a page's blocks in order."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text"))
        yield Block(page, line, found["mark"] or "", found["language"], found["text"])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
YAML = [block for block in BLOCKS if block.language == "yaml"]


def marked(mark: str) -> Block:
    """Return the block of that mark."""
    (found,) = (block for block in BLOCKS if block.mark == mark)
    return found


def parsers(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield a parser and those of its verbs, each with the words that lead to it."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, inner in action.choices.items():
                yield from parsers(inner, f"{name} {verb}".strip())


VERBS = dict(parsers(build_parser()))
EVERYTHING = "\n".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb])
def test_every_verb_is_documented(verb: str) -> None:
    words = verb.split()
    assert re.search(rf"`?ff-play {words[0]}\b", EVERYTHING)
    assert all(re.search(rf"\b{word}\b", EVERYTHING) for word in words)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_documented(verb: str) -> None:
    options = {option for action in VERBS[verb]._actions for option in action.option_strings}
    assert {option for option in options if not re.search(rf"`{option}[`= ]", EVERYTHING)} == set()


def test_no_option_is_documented_that_there_is_not() -> None:
    known = {option for parser in VERBS.values() for action in parser._actions for option in action.option_strings}
    lines = [*re.findall(r"^\| `(-[^|]*)\|", EVERYTHING, re.M), *re.findall(r"ff-play [^\n]*", EVERYTHING)]
    written = {option for line in lines for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)}
    assert written - known == set()


def every_error(root: type[errors.Error]) -> Iterator[type[errors.Error]]:
    yield root
    for child in root.__subclasses__():
        yield from every_error(child)


def test_the_table_of_exit_codes_is_that_of_the_program() -> None:
    table = README.read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    written = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)]
    raised = {error.exit_code for error in every_error(errors.Error)}
    assert written == sorted({0, CHANGES_EXIT_CODE, FINDINGS_EXIT_CODE, BUG_EXIT_CODE, *raised})


@pytest.mark.parametrize("page", [*PAGES, *sorted((TOP / "tests").glob("**/*.md"))], ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors_of(file), target


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that a page's headings have."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", [block for block in YAML if block.mark not in ("fragment", "inventory")], ids=str)
def test_every_playbook_of_the_documents_is_right_and_clean(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "playbook.yml"
    path.write_text(block.text)
    (tmp_path / "templates").symlink_to(TOP / "templates")
    sources = Sources(path, () if "inventory:" in block.text else (CLUSTER,))
    assert load(sources).playbook is not None
    assert check(read_book(sources)).remarks == ()
    jsonschema.validate(yaml.safe_load(block.text), editors.playbook_schema())


@pytest.mark.parametrize("block", [block for block in YAML if block.mark == "inventory"], ids=str)
def test_every_inventory_of_the_documents_is_right(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(block.text)
    assert load_inventory([path]).hosts
    jsonschema.validate(yaml.safe_load(block.text), editors.inventory_schema())


@pytest.mark.parametrize("block", [block for block in YAML if block.mark == "fragment"], ids=str)
def test_every_fragment_of_the_documents_is_yaml(block: Block) -> None:
    assert yaml.safe_load(block.text) is not None


@pytest.mark.parametrize("overrides", OVERRIDES, ids=lambda given: " ".join(given) or "as shipped")
@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_shipped_playbook_is_right_for_every_shipped_inventory(
    playbook: Path, inventory: Path, overrides: tuple[str, ...]
) -> None:
    loaded = load(Sources(playbook, (inventory,), overrides))
    assert loaded.playbook is not None
    assert all(play.steps for play in loaded.playbook.plays)


def test_the_generated_pages_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, str(TOP / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(TOP)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def tracked() -> list[Path]:
    """Return the files of the tree, with those that are new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout")
    return [TOP / name for name in done.stdout.splitlines() if (TOP / name).is_file()]


def test_nothing_is_left_to_be_done_in_the_tree() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(TOP)}: {word}" for word in FORBIDDEN if word in text]
    assert found == []


@pytest.mark.lab
def test_the_readme_shows_what_plan_prints(tmp_path: Path) -> None:
    """Every line of the README's plan is printed by its playbook, in that order; `...` stands for any lines."""
    (tmp_path / "templates").symlink_to(TOP / "templates")
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(marked("readme playbook").text)
    lab = lab_site.up(LabOptions(directory=tmp_path / "lab"))
    try:
        command = [sys.executable, "-m", "ffplay", "plan", str(playbook), "-i", str(lab.inventory)]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    finally:
        lab_site.down(tmp_path / "lab")
    assert done.returncode == 0, done.stdout + done.stderr
    printed = iter(same(done.stdout, str(tmp_path)).splitlines())
    for line in same(marked("readme plan").text, "/srv").splitlines():
        if line.strip() != "...":
            assert any(line == other for other in printed), f"not printed, or not in its place: {line}"


def same(plan: str, directory: str) -> str:
    """Return a plan without what another lab has otherwise: directory, addresses, run names, mounts, sizes, times."""
    plan = plan.replace(directory, "")
    plan = re.sub(r"127\.\d+\.\d+\.", "127.A.B.", plan)
    plan = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{4}", "RUN", plan)
    plan = re.sub(r"(space: \S+) \S+:", r"\1 MOUNT:", plan)
    plan = re.sub(r"about [\d.]+ s\b", "about N s", plan)
    return re.sub(r"[\d.]+ ([KMGT]iB)", r"N \1", plan)
