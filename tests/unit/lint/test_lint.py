"""Every rule by its file in cases/: playbooks between lines of `---`, in which `# expect` stands where it speaks.

Where a comment on the line would change what is tested, the last line has the numbers of the lines instead.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffplay import cli
from ffplay.lint.check import RULES, Result, check, read_book
from ffplay.load import Sources

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((Path(__file__).parent / "cases").glob("*.yml"))
SHIPPED = sorted((ROOT / "playbooks").glob("*.yml"))


def cases() -> Iterator[tuple[str, int, str]]:
    for path in FILES:
        for number, text in enumerate(re.split(r"^---\n", path.read_text(), flags=re.M), 1):
            yield path.stem, number, text


def expected(text: str) -> list[int]:
    lines = text.splitlines()
    last = re.fullmatch(r"# expect (\d[\d ]*)", lines[-1])
    here = [number for number, line in enumerate(lines, 1) if line.endswith("# expect")]
    return sorted([*here, *map(int, last[1].split() if last else [])])


def linted(text: str, folder: Path) -> Result:
    path = folder / "playbook.yml"
    path.write_text(text)
    return check(read_book(Sources(path)))


@pytest.mark.parametrize(("rule", "number", "text"), [*cases()], ids=lambda value: str(value)[:30].splitlines()[0])
def test_a_rule_speaks_where_it_should_and_nowhere_else(rule: str, number: int, text: str, tmp_path: Path) -> None:
    found = [remark.mark.line for remark in linted(text, tmp_path).remarks if remark.rule.id == rule]
    assert found == expected(text)


@pytest.mark.parametrize("rule", [path.stem for path in FILES if path.stem not in ("unknown-rule", "curly-quotes")])
def test_a_comment_on_the_line_or_above_it_silences(rule: str, tmp_path: Path) -> None:
    text = next(text for name, _, text in cases() if name == rule)
    lines = text.splitlines()
    on = [f"{line}  # ff-play: ignore {rule}" if n in expected(text) else line for n, line in enumerate(lines, 1)]
    above = [
        f"# well\n# ff-play: ignore no-such, {rule}\n# known\n{line}" if n in expected(text) else line
        for n, line in enumerate(lines, 1)
    ]
    for silenced in (on, above):
        result = linted("\n".join(silenced), tmp_path)
        assert rule not in {remark.rule.id for remark in result.remarks}
        assert result.silenced == len(expected(text))


def test_a_comment_that_is_not_right_above_silences_nothing(tmp_path: Path) -> None:
    text = "# ff-play: ignore unnamed-play\n\n- hosts: all\n  steps: [verify]\n"
    assert [remark.rule.id for remark in linted(text, tmp_path).remarks] == ["unnamed-play"]


def test_every_rule_has_cases_that_break_it_and_says_why() -> None:
    assert {path.stem for path in FILES} == set(RULES)
    assert {rule for rule, _, text in cases() if expected(text)} == set(RULES)
    for rule in RULES.values():
        assert re.fullmatch(r"[A-Z`].*[.)]", rule.summary)
        assert re.fullmatch(r"[A-Z].*[.)]", rule.reason)


def test_curly_quotes_of_a_template_are_found_in_it_and_silenced_there(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    template = tmp_path / "templates" / "shard.lua.j2"
    template.write_text(
        "box.cfg{}\n  local a = \u201cb\u201d\n-- ff-play: ignore curly-quotes\nlocal c = \u201cd\u201d\n"
    )
    result = linted("- name: x\n  hosts: all\n  steps: [template: shard.lua.j2, template: other.j2]\n", tmp_path)
    assert [str(remark.mark) for remark in result.remarks] == [f"{template}:2:13"]
    assert result.silenced == 1


def test_steps_of_an_included_file_are_judged_at_their_place(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("- debug: {msg: x}\n- command: restart-it\n")
    result = linted("- name: x\n  hosts: all\n  steps: [include: more.yml]\n", tmp_path)
    assert [str(remark.mark) for remark in result.remarks] == [f"{tmp_path}/more.yml:2:3"]


@pytest.mark.parametrize("inventory", ["cluster", "standalone"])
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_playbooks_are_clean(path: Path, inventory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lint", str(path), "-i", str(ROOT / "inventories" / f"{inventory}.yml")]) == 0
    assert f"{path}: clean" in capsys.readouterr().out


def test_a_finding_has_its_place_its_rule_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "playbook.yml"
    path.write_text("- hosts: all\n  steps:\n    - command: x\n")
    assert cli.main(["lint", str(path)]) == 8
    told = capsys.readouterr().out
    assert f"{path}:1:3: unnamed-play: this play has no `name`\n    {RULES['unnamed-play'].reason}\n" in told
    assert f"{path}:3:7: command-without-guard: " in told
    assert "2 findings" in told
    assert cli.main(["lint", str(path), "--json"]) == 8
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(one["rule"], one["line"], one["column"]) for one in found] == [
        ("unnamed-play", 1, 3),
        ("command-without-guard", 3, 7),
    ]


@pytest.mark.parametrize("verb", ["lint", "validate", "new"])
def test_no_host_is_reached_and_nothing_is_started(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("this verb looks at files alone")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(subprocess.Popen, "__init__", forbidden)
    words = [str(tmp_path / "new.yml"), "--model", "cherry_480"] if verb == "new" else [str(SHIPPED[0])]
    assert cli.main([verb, *words, "-i", str(ROOT / "inventories" / "cluster.yml")]) == 0
    assert capsys.readouterr().err == ""


def test_a_broken_playbook_is_told_as_validate_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "playbook.yml"
    path.write_text("- hosts: all\n  steps:\n    - wype: tarantool\n")
    assert cli.main(["lint", str(path)]) == 3
    assert "did you mean `wipe`?" in capsys.readouterr().err
