"""Of a diff with a secret in it the secret goes, and the line that it takes the place of."""

from ffplay.engine.veil import without_secrets
from ffplay.resources.codec import decode, encode, masked
from ffplay.resources.file import File, FileState, unified
from ffplay.secret import Secrets


def diff(before: str, after: str) -> str:
    secrets = Secrets()
    secrets.add("new-password", "pw")
    return without_secrets(unified("/f", before.encode(), after.encode()), secrets)


def test_a_former_secret_is_known_by_how_its_line_begins() -> None:
    told = diff("a = 1\npassword = old-password\nb = 1\n", "a = 1\npassword = new-password\nb = 2\n").splitlines()
    assert told[3:] == [" a = 1", "-password = <secret, as it was>", "-b = 1", "+password = <secret pw>", "+b = 2"]


def test_a_former_file_of_one_secret_goes_whole() -> None:
    assert diff("old-password\n", "new-password\n").splitlines()[3:] == ["-<secret, as it was>", "+<secret pw>"]


def test_a_diff_without_a_secret_stays() -> None:
    assert diff("a = 1\n", "a = 2\n").splitlines()[3:] == ["-a = 1", "+a = 2"]


def test_what_is_masked_for_a_journal_can_be_read_back() -> None:
    secrets = Secrets()
    secrets.add("new-password", "pw")
    value = (
        File("/f"),
        FileState("file", b"\xff new-password"),
        FileState("file", b"p=new-password\n"),
        "a new-password",
    )
    assert decode(masked(encode(value), secrets)) == (
        File("/f"),
        FileState("file", b"? <secret pw>"),
        FileState("file", b"p=<secret pw>\n"),
        "a <secret pw>",
    )
    assert decode(masked(encode((b"\xff\x00", "x")), secrets)) == (b"\xff\x00", "x")
