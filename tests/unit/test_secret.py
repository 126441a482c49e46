"""What is made of a secret is one, and no way of writing it down gets past the mask."""

import base64
import html
import io
import json
import shlex
import sys
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ffplay.secret import MaskedStream, Secret, Secrets

CANARY = 'Can4ry\'s "b\\r&d" ü/?'
PLAIN = "hunter-2-plain"


@pytest.fixture
def secrets() -> Secrets:
    found = Secrets()
    found.add(CANARY, "db_password")
    found.add(PLAIN, "token")
    return found


def yaml_single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "shell": shlex.quote,
    "shell in shell": lambda text: shlex.quote(f"mysql -p{shlex.quote(text)}"),
    "JSON": json.dumps,
    "JSON with its letters": lambda text: json.dumps(text, ensure_ascii=False),
    "shell in JSON": lambda text: json.dumps({"cmd": f"mysql -p{shlex.quote(text)}"}),
    "JSON in JSON": lambda text: json.dumps({"body": json.dumps({"p": text})}),
    "Python": lambda text: repr([text]),
    "YAML": yaml_single,
    "HTML": html.escape,
    "URL": lambda text: urllib.parse.quote(text, safe=""),
    "URL path": urllib.parse.quote,
    "form": lambda text: urllib.parse.urlencode({"p": text}),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("value", [CANARY, PLAIN])
def test_a_secret_is_masked_however_it_is_spelled(secrets: Secrets, spell: Callable[[str], str], value: str) -> None:
    spelled = spell(value)
    masked = secrets.mask(f"before {spelled} after")
    assert value not in masked
    assert spelled.strip("'\"") not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert f"<secret {'token' if value == PLAIN else 'db_password'}>" in masked


def test_a_secret_is_masked_from_the_moment_that_a_thread_has_it() -> None:
    secrets = Secrets()

    def shown(number: int) -> bool:
        text = f"alike-{number // 4}-"  # Of each there are four that add it, and all begin with the same characters.
        secrets.add(text, "one")
        return text in secrets.mask(f"it is {text}.")

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert not any(pool.map(shown, range(400)))
    finally:
        sys.setswitchinterval(before)
    assert [number for number in range(100) if f"alike-{number}-" in secrets.mask(f"it is alike-{number}-.")] == []


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("coding", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_what_a_secret_is_a_part_of_does_not_give_it_away(
    secrets: Secrets, before: str, coding: Callable[[bytes], bytes]
) -> None:
    masked = secrets.mask(coding(f"{before}{PLAIN}@host".encode()).decode())
    assert "<secret token>" in masked
    pieces = masked.split("<secret token>")
    for piece in pieces:
        whole = piece[: len(piece) // 4 * 4]
        assert PLAIN[1:-1].encode() not in base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))


def test_lines_of_a_long_secret_are_masked_by_themselves() -> None:
    secrets = Secrets()
    secrets.add("-----BEGIN KEY-----\nMIIabcdefgh\n}\nxyz\n", "key")
    assert secrets.mask("+ MIIabcdefgh\n+ }\n+ xyz") == "+ <secret key>\n+ }\n+ xyz"


def test_the_longest_of_two_secrets_wins() -> None:
    secrets = Secrets()
    secrets.add("hunter", "short")
    secrets.add("hunter-and-more", "long")
    assert secrets.mask("hunter-and-more hunter") == "<secret long> <secret short>"


def test_a_secret_of_three_characters_is_not_looked_for() -> None:
    secrets = Secrets()
    assert repr(secrets.add("abc", "pin")) == "'<secret>'"
    assert secrets.mask("abcdef") == "abcdef"


@pytest.mark.parametrize("text", ["running `mysql -phunter-2...`", "a terminal's width: hunter-2-p"])
def test_a_secret_that_is_cut_off_is_masked(secrets: Secrets, text: str) -> None:
    assert "hunter" not in secrets.mask(text)


def test_a_word_that_begins_like_a_secret_stays(secrets: Secrets) -> None:
    assert secrets.mask("the hunter went home") == "the hunter went home"


def test_colours_within_a_secret_do_not_hide_it() -> None:
    secrets = Secrets()
    secrets.add(PLAIN, "token")
    masked = secrets.mask("\x1b[1m+p=hunter-\x1b[7m2\x1b[0m-plain;\x1b[0m x")
    assert masked == "\x1b[1m+p=<secret token>\x1b[7m\x1b[0m;\x1b[0m x"


def test_a_stream_masks_what_is_written(secrets: Secrets) -> None:
    inner = io.StringIO()
    print(f"p={PLAIN}", file=MaskedStream(inner, secrets))
    assert inner.getvalue() == "p=<secret token>\n"


def test_names_of_secrets_cannot_break_json(secrets: Secrets) -> None:
    secrets.add("another-one", 'pipe "x\\y"\n')
    assert json.loads(secrets.mask(json.dumps("another-one"))) == "<secret pipe x y>"


TWO_WORDS = "%.9s!"
DERIVED: dict[str, Callable[[str], object]] = {
    "upper": lambda s: s.upper(),
    "reversed": lambda s: s[::-1],
    "a part": lambda s: s[3:12],
    "swapped": lambda s: s.swapcase(),
    "split": lambda s: s.split("-"),
    "replaced": lambda s: s.replace("-", "_"),
    "padded and upper": lambda s: ("x" + s + "y").upper(),
    "formatted": lambda s: TWO_WORDS % s,
    "repeated": lambda s: (s * 2)[5:20],
    "translated": lambda s: s.translate({ord("-"): "+"}),
    "joined": lambda s: s.join(["ab", "cd"]).upper(),
    "through str": lambda s: str(s).upper(),
    "f-string of it alone": lambda s: f"{s}".upper(),
}


@pytest.mark.parametrize("make", DERIVED.values(), ids=DERIVED)
def test_what_is_made_of_a_secret_is_masked_from_then_on(make: Callable[[str], object]) -> None:
    secrets = Secrets()
    made = make(secrets.add(PLAIN, "token"))
    for text in made if isinstance(made, list) else [made]:
        assert isinstance(text, Secret)
        if len(text) >= 4:
            assert str.__str__(text) not in secrets.mask(f"<{str.__str__(text)}>")


def test_public_parts_stay_public() -> None:
    secrets = Secrets()
    line = "user=admin password=" + secrets.add(PLAIN, "token")
    assert [type(word) for word in line.split()] == [str, Secret]
    assert secrets.mask("admin") == "admin"


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secrets().add(PLAIN, "token")
    as_people_do = "%r"
    shown = [repr(secret), repr([secret]), f"{secret!r}", as_people_do % secret, repr({"a": (secret,)})]
    assert [text for text in shown if PLAIN in text] == []
    with pytest.raises(TypeError):
        secret.__reduce__()


def test_masked_json_keeps_its_shape(secrets: Secrets) -> None:
    assert secrets.masked({"a": [PLAIN, 1, None], PLAIN: {"b": f"x{PLAIN}"}}) == {
        "a": ["<secret token>", 1, None],
        "<secret token>": {"b": "x<secret token>"},
    }
