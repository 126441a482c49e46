"""What is taken for a document, and what is not."""

from __future__ import annotations

import contextlib
import datetime

import bson
import pytest

from ffplay.resources.bson_file import documents, number_in, walk

EVERYTHING = {
    "_id": bson.Int64(4_000_000_000_001), "int": 5, "float": 5.5, "whole": 5.0, "none": None, "raw": b"\0\1",
    "empty": b"", "typed": bson.Binary(b"\2", 5), "old": bson.Binary(b"ab", 2), "when": datetime.datetime(2018, 3, 4),
    "yes": True, "oid": bson.ObjectId(), "list": [1, "a", {"b": [b"c"]}], "sub": {"z": {}, "a": []}, "text": "äöü",
    "no": "", "re": bson.Regex("^a", "i"), "d": bson.Decimal128("1.5"), "stamp": bson.Timestamp(1, 2),
    "min": bson.MinKey(), "max": bson.MaxKey(), "code": bson.Code("f()"), "scoped": bson.Code("f()", {"a": 1}),
    "ref": bson.DBRef("faces", 1),
}  # fmt: skip
RAW = bson.encode(EVERYTHING)


def test_every_type_is_walked() -> None:
    elements = walk(RAW)
    assert [name.decode() for name in elements] == list(EVERYTHING)
    for name, (_, begin, _, end) in elements.items():
        size = (end - begin + 5).to_bytes(4, "little")
        assert bson.decode(size + RAW[begin:end] + b"\0") == {name.decode(): EVERYTHING[name.decode()]}


@pytest.mark.parametrize(("name", "number"), [("_id", 4_000_000_000_001), ("int", 5), ("whole", 5)])
def test_whole_numbers_are_read_however_they_are_stored(name: str, number: int) -> None:
    assert number_in(RAW, walk(RAW), name.encode()) == number


@pytest.mark.parametrize("name", ["float", "text", "nothing"])
def test_what_is_no_whole_number_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"whole number as {name}"):
        number_in(RAW, walk(RAW), name.encode())


def test_a_document_that_is_cut_is_none_unless_between_two_fields() -> None:
    ends = {end for _, _, _, end in walk(RAW).values()} | {4}
    for at in range(4, len(RAW) - 1):
        cut = (at + 1).to_bytes(4, "little") + RAW[4:at] + b"\0"
        if at in ends:
            walk(cut)
            continue
        with pytest.raises(ValueError, match=r"document|does not end|type"):
            walk(cut)


def test_nothing_but_a_plain_error_comes_of_damage() -> None:
    for at in range(len(RAW)):
        for value in (0, 1, 0x7F, 0xFF):
            with contextlib.suppress(ValueError):
                walk(RAW[:at] + bytes([value]) + RAW[at + 1 :])


@pytest.mark.parametrize("value", [{"a": "text"}, {"a": {"b": 1}}, {"a": b"raw"}, {"a": [1, 2]}])
def test_a_length_inside_a_document_is_checked(value: dict[str, object]) -> None:
    raw = bytearray(bson.encode(value))
    raw[7] ^= 1
    with pytest.raises(ValueError, match=r"document|does not end"):
        walk(bytes(raw))


def test_a_document_nested_without_end_is_refused() -> None:
    raw = bson.encode({})
    for _ in range(300):
        raw = (len(raw) + 8).to_bytes(4, "little") + b"\3a\0" + raw + b"\0"
    with pytest.raises(ValueError, match="does not end where it says"):
        walk(raw)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 10**6])
def test_documents_come_whole_however_the_bytes_come(size: int) -> None:
    raws = [bson.encode({"_id": number, "x": b"y" * number}) for number in range(0, 60, 7)]
    data = b"".join(raws)
    assert list(documents(data[at : at + size] for at in range(0, len(data), size))) == raws


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (RAW[:-1], "ends in the middle of the document at byte 0"),
        (RAW + RAW[:3], f"ends in the middle of the document at byte {len(RAW)}"),
        (RAW + b"\4\0\0\0", f"a document of 4 bytes at byte {len(RAW)}"),
        (b"\0\0\0\x7f" + RAW, "a document of 2130706432 bytes at byte 0"),
    ],
)
def test_bytes_that_are_no_documents_say_where(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(documents([data]))
