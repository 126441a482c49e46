"""The general steps for files: state in, changes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from ffplay import steps
from ffplay.model import Change, Host, Login, Problem, Site, Unknown
from ffplay.resources.file import ABSENT, File, FileState
from ffplay.steps.base import Context, Outcome

HOST = Host("app1", ("facenapi",), Login("10.0.0.5"))
FILE = FileState("file", b"a = 1\n", "0600", "root", "adm", mtime=5)
DIRECTORY = FileState("directory", None, "0755", "root", "root")
LINK = FileState("link", target="/real")


class OneHost:
    """A view of one host that has a few paths."""

    def __init__(self, paths: Mapping[str, Any]) -> None:
        self.paths = paths

    def read(self, _host: str, *resources: Any) -> list[Any]:
        return [self.paths.get(resource.path, ABSENT) for resource in resources]

    def prefetch(self, wanted: Any) -> None:
        raise NotImplementedError


def plan(kind: str, args: Mapping[str, Any], state: Any, path: str = "/etc/x") -> list[Outcome]:
    step = steps.kind(kind)
    jsonschema.Draft202012Validator(step.schema).validate(args)
    context = Context(
        host=HOST,
        hosts=(HOST,),
        site=Site((HOST,), {}),
        args=args,
        view=OneHost({path: state}),
        target=None,
        variables={},
        template=lambda name, _: f"rendered {name}\n",
        read_file=lambda name: b"bytes of " + name.encode(),
        test=lambda _: True,
    )
    return list(step.plan(context))


def change(before: Any, after: Any, summary: str, path: str = "/etc/x") -> list[Change]:
    return [Change("app1", File(path), before, after, summary)]


@pytest.mark.parametrize(
    ("args", "before", "after", "verb"),
    [
        ({"state": "touch"}, ABSENT, FileState("file", b"", "0644"), "create"),
        ({"state": "touch"}, FILE, None, ""),
        (
            {"state": "touch", "mode": "644"},
            FILE,
            FileState("file", b"a = 1\n", "0644", "root", "adm"),
            "set permissions of",
        ),
        ({"state": "file", "mode": "0600"}, FILE, None, ""),
        ({"owner": "ntech"}, DIRECTORY, FileState("directory", None, "0755", "ntech", "root"), "set permissions of"),
        ({"state": "directory", "mode": "0700"}, ABSENT, FileState("directory", None, "0700"), "make directory"),
        ({"state": "directory"}, DIRECTORY, None, ""),
        ({"state": "absent"}, FILE, ABSENT, "remove"),
        ({"state": "absent"}, ABSENT, None, ""),
        ({"state": "absent"}, DIRECTORY, ABSENT, "remove"),
        ({"state": "link", "src": "/real"}, ABSENT, LINK, "link"),
        ({"state": "link", "src": "/real"}, LINK, None, ""),
        ({"state": "link", "src": "/new"}, LINK, FileState("link", target="/new"), "link"),
        ({}, LINK, None, ""),
    ],
)
def test_file(args: dict[str, Any], before: FileState, after: FileState | None, verb: str) -> None:
    expected = [] if after is None else change(before, after, f"{verb} /etc/x")
    assert plan("file", {"path": "/etc/x", **args}, before) == expected


@pytest.mark.parametrize(
    ("kind", "args", "before", "after", "verb"),
    [
        ("copy_file", {"dest": "/etc/x", "src": "s"}, ABSENT, FileState("file", b"bytes of s", "0644"), "write"),
        ("copy_file", {"dest": "/etc/x", "content": "a = 1\n"}, FILE, None, ""),
        (
            "copy_file",
            {"dest": "/etc/x", "content": "b"},
            FILE,
            FileState("file", b"b", "0600", "root", "adm"),
            "write",
        ),
        ("template_file", {"dest": "/etc/x", "src": "t"}, ABSENT, FileState("file", b"rendered t\n", "0644"), "write"),
        ("line_in_file", {"path": "/etc/x", "line": "a = 1"}, FILE, None, ""),
        (
            "line_in_file",
            {"path": "/etc/x", "line": "a = 2", "regexp": "^a ="},
            FILE,
            FileState("file", b"a = 2\n", "0600", "root", "adm"),
            "edit",
        ),
        (
            "line_in_file",
            {"path": "/etc/x", "line": "a", "create": True},
            ABSENT,
            FileState("file", b"a\n", "0644"),
            "edit",
        ),
        ("line_in_file", {"path": "/etc/x", "regexp": "a", "state": "absent"}, ABSENT, None, ""),
        ("line_in_file", {"path": "/etc/x", "regexp": "b", "state": "absent"}, FILE, None, ""),
        ("set_value", {"path": "/etc/x", "key": "a", "value": 1}, FILE, None, ""),
        (
            "set_value",
            {"path": "/etc/x", "key": "a", "value": 2, "mode": "0640"},
            FILE,
            FileState("file", b"a = 2\n", "0640", "root", "adm"),
            "edit",
        ),
        (
            "set_value",
            {"path": "/etc/x", "key": "models.facen", "value": "b"},
            FileState("file", b"models: {facen: a}\n"),
            FileState("file", b"models: {facen: b}\n"),
            "edit",
        ),
        (
            "set_value",
            {"path": "/etc/x", "key": ["a.b", 1], "value": 3},
            FileState("file", b'{"a.b": [1, 2]}'),
            FileState("file", b'{"a.b": [1, 3]}'),
            "edit",
        ),
    ],
)
def test_content(kind: str, args: dict[str, Any], before: FileState, after: FileState | None, verb: str) -> None:
    assert plan(kind, args, before) == ([] if after is None else change(before, after, f"{verb} /etc/x"))


@pytest.mark.parametrize("dest", ["/etc/x/", "/etc/x"])
def test_a_copy_into_a_directory_keeps_its_name(dest: str) -> None:
    (found,) = plan("copy_file", {"dest": dest, "src": "files/s.conf"}, DIRECTORY)
    assert isinstance(found, Change)
    assert found.resource == File("/etc/x/s.conf")


@pytest.mark.parametrize(
    ("kind", "args", "before", "summary"),
    [
        ("file", {"path": "/etc/x"}, ABSENT, "/etc/x is not there"),
        ("file", {"path": "/etc/x", "state": "directory"}, FILE, "/etc/x is a file"),
        ("file", {"path": "/etc/x", "state": "link", "src": "/r"}, FILE, "/etc/x is a file"),
        ("file", {"path": "/etc/x", "state": "link"}, ABSENT, "/etc/x: a link to what?"),
        ("copy_file", {"dest": "/etc/x", "content": ""}, LINK, "/etc/x is a link to /real"),
        ("line_in_file", {"path": "/etc/x", "line": "a"}, ABSENT, "/etc/x is not there"),
        ("set_value", {"path": "/etc/x", "key": "a", "value": 1}, ABSENT, "/etc/x is not there"),
        ("set_value", {"path": "/etc/x", "key": "a", "value": 1}, DIRECTORY, "/etc/x is a directory"),
        (
            "set_value",
            {"path": "/etc/x", "key": "a", "value": 1, "format": "ini"},
            FileState("file", b"b = 1\na = [\n"),
            "/etc/x:2:5: this is not Python: '[' was never closed: a = [",
        ),
    ],
)
def test_what_cannot_be_done_is_a_problem(kind: str, args: dict[str, Any], before: FileState, summary: str) -> None:
    (found,) = plan(kind, args, before)
    assert isinstance(found, Problem)
    assert found.summary == summary
    assert found.advice


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("file", {"path": "/etc/x", "state": "absent"}),
        ("copy_file", {"dest": "/etc/x", "content": ""}),
        ("template_file", {"dest": "/etc/x", "src": "t"}),
        ("line_in_file", {"path": "/etc/x", "line": "a"}),
        ("set_value", {"path": "/etc/x", "key": "a", "value": 1}),
    ],
)
def test_what_is_not_known_yet_stays_so(kind: str, args: dict[str, Any]) -> None:
    state = Unknown("what `make` leaves")
    assert plan(kind, args, state) == change(state, state, "write /etc/x")


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("copy_file", {"dest": "/etc/x"}),
        ("copy_file", {"dest": "/etc/x", "src": "s", "content": "c"}),
        ("copy_file", {"dest": "x", "src": "s"}),
        ("line_in_file", {"path": "/etc/x"}),
        ("line_in_file", {"path": "/etc/x", "state": "absent"}),
        ("line_in_file", {"path": "/etc/x", "line": "a", "insertafter": "b", "insertbefore": "c"}),
        ("file", {"path": "/etc/x", "mode": 420}),
        ("set_value", {"path": "/etc/x", "key": [], "value": 1}),
    ],
)
def test_schemas_refuse(kind: str, args: dict[str, Any]) -> None:
    assert list(jsonschema.Draft202012Validator(steps.kind(kind).schema).iter_errors(args))
