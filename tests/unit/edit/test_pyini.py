"""findface-facenapi.ini: reading and editing in place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffplay.edit.base import EditError, Opaque, same
from ffplay.edit.pyini import get, set_values

INI = """\
# facenapi's configuration: detector = see below
import os
mongo_host                     = 'localhost'   # the metadata
mongo_port                     = 27017
# detector                     = 'dlib'
#detector                       = 'nnd'
extraction_api_url = "http://10.0.0.5:18666"  # größe
text = '''
#upload_path = 'inside a string'
'''
#upload_path = 'uploads'
tntapi_servers_file = os.path.join('/etc', 'tntapi.json')
nnd_min_face_size = 30; gae = False
if gae:
    friend_count = 7
mongo_port                     = 27018
"""


def test_the_last_assignment_wins_and_expressions_are_opaque() -> None:
    values = get(INI)
    assert values["mongo_host"] == "localhost"
    assert values["mongo_port"] == 27018
    assert values["tntapi_servers_file"] == Opaque("os.path.join('/etc', 'tntapi.json')")
    assert values["gae"] is False
    assert values["friend_count"] == Opaque("if gae:\n    friend_count = 7")
    assert "detector" not in values


@pytest.mark.parametrize(
    ("wanted", "old", "new"),
    [
        ({"mongo_host": "db"}, "'localhost'   # the", "'db'   # the"),
        ({"mongo_host": "localhost"}, "", ""),
        ({"mongo_port": 1}, "= 27018", "= 1"),
        ({"mongo_port": True}, "= 27018", "= True"),
        ({"detector": "nnd"}, "#detector                       = 'nnd'\n", None),
        ({"upload_path": "x"}, "#upload_path = 'uploads'\n", "#upload_path = 'uploads'\nupload_path = 'x'\n"),
        ({"extraction_api_url": "http://a"}, '"http://10.0.0.5:18666"  #', '"http://a"  #'),
        ({"gae": True}, "gae = False", "gae = True"),
        ({"tntapi_servers_file": "/t"}, "os.path.join('/etc', 'tntapi.json')", "'/t'"),
        ({"friend_count": 5}, "27018\n", "27018\nfriend_count                   = 5\n"),
        ({"new": [1.5, None]}, "27018\n", "27018\nnew                            = [1.5, None]\n"),
    ],
)
def test_a_set_touches_one_place(wanted: dict[str, object], old: str, new: str | None) -> None:
    new = f"{old}detector                       = 'nnd'\n" if new is None else new
    result = set_values(INI, wanted)
    assert result == INI.replace(old, new) if old else result == INI
    assert set_values(result, wanted) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", "a = 1\n"),
        ("b = 2", "b = 2\na = 1"),
        ("b = 2\r\n#a=3\r\n", "b = 2\r\n#a=3\r\na=1\r\n"),
        ("#a = 3", "#a = 3\na = 1"),
        ("\ufeffa = 2\n", "\ufeffa = 1\n"),
        ("a = (\n  2\n)\n", "a = (\n  1\n)\n"),
        ("a: int = 2\n", "a: int = 1\n"),
        ("a: int\n", "a: int\na = 1\n"),
        ("a = b = 2\n", "a = b = 2\na = 1\n"),
        ("a = 2\na += 1\n", "a = 2\na += 1\na = 1\n"),
        ("ä = 'ü'; a = 2\n", "ä = 'ü'; a = 1\n"),
    ],
)
def test_odd_files(text: str, result: str) -> None:
    assert set_values(text, {"a": 1}) == result


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        ("a = 1\nb = [\n", {}, "line 2, column 5: this is not Python"),
        ("a = 1\0\n", {}, "this is not Python"),
        ("a = '\udcff'\n", {}, "this is not Python"),
        ("", {"not a name": 1}, "cannot be a name"),
        ("", {"class": 1}, "cannot be a name"),
        ("", {"a": object()}, "cannot be written"),
    ],
)
def test_refusals(text: str, wanted: dict[str, object], message: str) -> None:
    with pytest.raises(EditError, match=message):
        set_values(text, wanted)


NAMES = st.sampled_from(["mongo_host", "mongo_port", "detector", "upload_path", "friend_count", "gae", "brand_new"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(wanted=st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3)), crlf=st.booleans(), end=st.booleans())
def test_set_then_get(wanted: dict[str, object], crlf: bool, end: bool) -> None:
    text = INI.replace("\n", "\r\n") if crlf else INI
    text = text if end else text.rstrip()
    result = set_values(text, wanted)
    before, after = get(text), get(result)
    assert all(same(after[name], value) for name, value in wanted.items())
    assert all(after[name] == before[name] for name in before.keys() - wanted.keys())
    assert set_values(result, wanted) == result
    lines = result.split("\n")
    assert all(line in lines for line in text.split("\n") if line.startswith("#"))
    assert result.endswith("\n") == end
