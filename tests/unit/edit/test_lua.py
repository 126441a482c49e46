"""Shard files: reading, editing in place, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffplay.edit.base import Opaque, same
from ffplay.edit.lua import LuaError, parse, set_values, to_lua

SHARD = """#!/usr/bin/env tarantool
-- FindFace.start("10.0.0.1", 1, {}) was here once: don't
--[==[ FindFace.start( and “quotes” ]==]
local env = os.getenv('HOME') .. [[/x]]
box.cfg{
    listen         = '127.0.0.1:33001', -- the iproto port
    memtx_memory   = 1.2 * 1024 * 1024 * 1024,
    vinyl_memory   = 64 * 1024^2, wal_dir = env .. "/xlogs",
    force_recovery = true -- last
}
function hook(a) if a then for i = 1, 2 do print(i) end end; repeat local f = function() end until true end
FindFace.start("127.0.0.1", 8001, {license_ntls_server="127.0.0.1:3133", facen_size = 320})
"""


def call(options: str) -> str:
    return f'FindFace.start("127.0.0.1", 8001{options})\n'


def test_it_reads_literals_and_leaves_expressions_alone() -> None:
    shard = parse(SHARD)
    assert shard.box["listen"].literal == "127.0.0.1:33001"
    assert shard.box["memtx_memory"].literal == pytest.approx(1288490188.8)
    assert shard.box["vinyl_memory"].literal == 64 * 1024**2
    assert shard.box["wal_dir"].literal == Opaque('env .. "/xlogs"')
    assert shard.box["force_recovery"].literal is True
    assert (shard.address.literal, shard.http_port.literal) == ("127.0.0.1", 8001)
    assert {key: value.literal for key, value in shard.options.items()} == {
        "license_ntls_server": "127.0.0.1:3133",
        "facen_size": 320,
    }
    assert shard.options["facen_size"].line == 12
    assert not shard.opaque


@pytest.mark.parametrize(
    ("source", "literal"),
    [
        ("-2^2", -4),
        ("2^3^2", 512),
        ("(1 + 2) * 3 % 4", 1),
        ("0x10", 16),
        ("1e3", 1000),
        ("nil", None),
        (r"'a\n\065\x42\u{43}\'\\'", "a\nABC'\\"),
        ("[[\n[x]]", "[x"),
        ("{1, {2}; 'x'}", [1, [2], "x"]),
        ("{a = 1, ['b c'] = {d = true}, [3] = 4}", {"a": 1, "b c": {"d": True}, 3: 4}),
        ("{}", {}),
        ("f(x).y[1]:z'q'{1}", Opaque("f(x).y[1]:z'q'{1}")),
        ("#x + 1", Opaque("#x + 1")),
        ("1 / 0", Opaque("1 / 0")),
        ("{f()}", Opaque("{f()}")),
        ("function() return {} end", Opaque("function() return {} end")),
        ("os.getenv('P') or 1", Opaque("os.getenv('P') or 1")),
    ],
)
def test_values(source: str, literal: object) -> None:
    value = parse(call(", {x = " + source + "}")).options["x"]
    assert value.source == source
    assert same(value.literal, literal) or value.literal == literal


def test_a_set_touches_only_what_differs() -> None:
    result = set_values(
        SHARD,
        {
            "box.cfg": {"vinyl_memory": 67108864, "listen": "127.0.0.1:33002", "snap_dir": "/s", "memtx_memory": None},
            "FindFace.start": {"facen_size": 480, "http_port": 8002, "replication": "10.0.0.2:33001"},
        },
    )
    expected = (
        SHARD.replace("'127.0.0.1:33001'", "'127.0.0.1:33002'")
        .replace("force_recovery = true -- last", 'force_recovery = true, -- last\n    snap_dir = "/s"')
        .replace("8001", "8002")
        .replace("facen_size = 320", 'facen_size = 480, replication = "10.0.0.2:33001"')
    )
    assert result == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ", {n = 1}"),
        (", {}", ", {n = 1}"),
        (", {a=1}", ", {a=1, n=1}"),
        (", {a=1,}", ", {a=1, n=1,}"),
        (", {a=1;b=2}", ", {a=1;b=2;n=1}"),
        (", {n = 2, n = 3}", ", {n = 2, n = 1}"),
        (", {['n'] = 2}", ", {['n'] = 1}"),
        (", {\n  a   = 1,\n  bcd = 2\n}", ", {\n  a   = 1,\n  bcd = 2,\n  n   = 1\n}"),
        (", {\n\ta = 1, -- x }\n}", ", {\n\ta = 1, -- x }\n\tn = 1,\n}"),
        (", {\r\n  a = 1\r\n}", ", {\r\n  a = 1,\r\n  n = 1\r\n}"),
        (", {\n  -- nothing yet\n}", ", {\n  -- nothing yet\n  n = 1\n}"),
        (", {a = 1,\n b = 2 }", ", {a = 1,\n b = 2,\n n = 1 }"),
        (", {\n  a = 1, --[[ two\n lines ]]\n}", ", {\n  a = 1, --[[ two\n lines ]]\n  n = 1,\n}"),
    ],
)
def test_adding_a_key_follows_the_layout(before: str, after: str) -> None:
    once = set_values(call(before), {"FindFace.start": {"n": 1}})
    assert once == call(after)
    assert set_values(once, {"FindFace.start": {"n": 1}}) == once


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "there is no FindFace.start"),
        ("-- FindFace.start('a', 1)\n", 1, "there is no FindFace.start"),
        ("FindFace.start('a', 1)\nFindFace.start('a', 2)\n", 2, "a second FindFace.start"),
        ("box.cfg{}\nbox.cfg{}\nFindFace.start('a', 1)", 2, "a second box.cfg"),
        ("box.cfg{\nlisten = 1\nFindFace.start('a', 1)\n", 1, "'{' is not closed"),
        ("box.cfg{}}\n", 1, "nothing that '}' would close"),
        ("if x then\n" + call(""), 1, "'if' is not closed"),
        ("FindFace.start(“a”, 1)", 1, "typographic"),
        ("FindFace.start('a, 1)\n", 1, "string is not closed"),
        ("--[[ x\n" + call(""), 1, "comment is not closed"),
        ("FindFace.start('a')", 1, "needs an address and an HTTP port"),
        (call(", {a = 1 b = 2}"), 1, "a comma is missing"),
        (call(", {a = }"), 1, "a value is missing"),
        ("x = 1 & 2\n" + call(""), 1, "is not Lua"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, line: int, message: str) -> None:
    with pytest.raises(LuaError, match=message) as caught:
        parse(text)
    assert caught.value.line == line
    assert caught.value.line_text == (text.splitlines() or [""])[line - 1]


def test_a_table_in_a_variable_is_opaque_and_refuses_new_keys() -> None:
    text = "box.cfg(conf)\n" + call(", opts")
    assert parse(text).opaque == {"box.cfg", "FindFace.start"}
    with pytest.raises(LuaError, match="not given a table"):
        set_values(text, {"FindFace.start": {"facen_size": 480}})
    with pytest.raises(LuaError, match="not given a table"):
        set_values(text, {"box.cfg": {"listen": 1}})


def test_an_option_that_only_lua_can_tell_is_not_taken_for_its_default() -> None:
    assert parse("FindFace.start('a', 1, {search_threads = 2})").option("facen_size", 320) == 320
    assert parse("FindFace.start('a', 1)").option("facen_size", 320) == 320
    assert parse("FindFace.start('a', 1, {facen_size = 480})").option("facen_size", 320) == 480
    for options in ("options", "{facen_size = SIZE}", "merge({facen_size = 480}, common)"):
        assert isinstance(parse(f"FindFace.start('a', 1, {options})").option("facen_size", 320), Opaque)


def test_brackets_around_the_table_are_fine() -> None:
    assert set_values("box.cfg ({ a = 1 })\n" + call(""), {"box.cfg": {"a": 2}}).startswith("box.cfg ({ a = 2 })")


def test_lua_cannot_write_everything() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        to_lua(float("nan"))
    with pytest.raises(ValueError, match="no section"):
        set_values(call(""), {"box": {}})


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
VALUES = SCALARS | st.lists(SCALARS, min_size=1, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)
KEYS = st.sampled_from(["listen", "memtx_memory", "wal_dir", "force_recovery", "new_one", "end", "odd key"])


@given(
    box=st.dictionaries(KEYS, VALUES, max_size=4), start=st.dictionaries(KEYS, VALUES, max_size=3), crlf=st.booleans()
)
def test_set_then_get(box: dict[str, object], start: dict[str, object], crlf: bool) -> None:
    text = SHARD.replace("\n", "\r\n") if crlf else SHARD
    wanted = {"box.cfg": box, "FindFace.start": start}
    result = set_values(text, wanted)
    shard, before = parse(result), parse(text)
    for section, keys in wanted.items():
        for key, value in keys.items():
            assert same(shard.section(section)[key].literal, value)
        for key in before.section(section).keys() - keys.keys():
            assert shard.section(section)[key].source == before.section(section)[key].source
    assert set_values(result, wanted) == result
    for comment in ("-- FindFace.start(", "--[==[", "-- the iproto port", "-- last"):
        assert comment in result
