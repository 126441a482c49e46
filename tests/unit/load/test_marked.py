import datetime

import pytest

from ffplay.load.findings import Findings
from ffplay.load.marked import Dict, Text, parse, place_of, value_place


def read(text: str) -> Dict:
    findings = Findings()
    value = parse(text, "f.yml", findings)
    assert not findings
    assert isinstance(value, Dict)
    return value


def test_every_value_knows_its_place() -> None:
    value = read("a: 1\nb:\n  - x\n  - {c: 'y z'}\n")
    assert str(value_place(value, "a").mark) == "f.yml:1:4"
    assert str(value_place(value["b"], 0).mark) == "f.yml:3:5"
    assert str(place_of(value["b"][1]["c"]).mark) == "f.yml:4:9"
    assert str(value.key_places["b"].mark) == "f.yml:2:1"


def test_a_word_is_found_within_a_block_of_text() -> None:
    value = read("a: |\n  first line\n  then {{ word }}\nb: word\n")
    assert str(place_of(value["a"]).find("word").mark) == "f.yml:3:11"
    assert str(place_of(value["a"]).find("absent").mark) == "f.yml:1:4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True),
        ("off", False),
        ("0644", 420),
        ("'0644'", "0644"),
        ("2020-01-02", datetime.date(2020, 1, 2)),
        ("2020-99-99", "2020-99-99"),
        ("~", None),
        (".inf", float("inf")),
    ],
)
def test_scalars_are_those_of_ansible(text: str, expected: object) -> None:
    assert read(f"a: {text}")["a"] == expected


def test_aliases_and_merged_mappings_work() -> None:
    value = read("base: &b {k: 1, j: 1}\nc: {<<: *b, j: 2}\nd: *b\n")
    assert value["c"] == {"k": 1, "j": 2}
    assert value["d"] == {"k": 1, "j": 1}


def test_marked_values_are_ordinary_ones() -> None:
    value = read("a: x\n")
    assert isinstance(value["a"], Text)
    assert value == {"a": "x"}
    assert {"x": 1}[value["a"]] == 1
