"""Inventories that a program prints: what is read, and what is said of one that fails."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ffplay.errors import InputError
from ffplay.load import Sources, format_finding, load
from ffplay.load.vault import encrypt
from ffplay.load.vaultkeys import Key, Vault
from ffplay.secret import Secret, Secrets

GOOD = """#!/bin/sh
cat <<'JSON'
{
  "tntapi": {"hosts": ["db1"], "vars": {"memtx_gb": 2}},
  "_meta": {"hostvars": {"db1": {"shards": 2, "who": "{{ inventory_hostname }}"}}}
}
JSON
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Return a function that writes an executable `inv` and reads it as the inventory."""
    monkeypatch.chdir(tmp_path)

    def read(text: str, mode: int = 0o755):  # type: ignore[no-untyped-def]
        Path("inv").write_text(text)
        Path("inv").chmod(mode)
        return load(Sources(None, (Path("inv"),)))

    return read


def told(script, text: str, mode: int = 0o755) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as caught:
        script(text, mode)
    return "\n".join(format_finding(finding) for finding in caught.value.findings)


def test_what_a_script_prints_is_an_inventory_with_templates(script) -> None:  # type: ignore[no-untyped-def]
    found = script(GOOD)
    (host,) = found.site.hosts
    assert (host.groups, len(host.shards)) == (("all", "tntapi"), 2)
    assert found.variables.scope(host).mapping()["who"] == "db1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "#!/bin/sh\necho no route to the cloud >&2\nexit 7\n",
            "inv --list: ended with exit code 7\n  hint: it said: no route to the cloud",
        ),
        ("#!/bin/sh\nkill -9 $$\n", "inv --list: was killed by signal 9"),
        ("#!/bin/sh\n", "inv --list: it printed nothing; an inventory script prints JSON"),
        ("#!/no/such/program\n", "inv --list: cannot be started: No such file or directory"),
        ("#!/bin/sh\necho '[1]'\n", "inv --list:1:1: an inventory script prints a mapping"),
        (
            '#!/bin/sh\necho "{"\necho "  \\"a\\": [1,"\necho warned >&2\n',
            "inv --list:3:1: this is not JSON: Expecting value",
        ),
        (
            GOOD.replace('["db1"]', '{"db1": {}}'),
            "inv --list:2:23: `hosts` must be a list of names",
        ),
        (GOOD.replace('"vars": {"memtx_gb": 2}', '"vars": [2]'), "inv --list:2:40: `vars` must be a mapping"),
        (
            GOOD.replace('"who": "{{ inventory_hostname }}"', '"ansible_port": "{{ nowhere }}"'),
            "inv --list:3:67: the variable `nowhere`",
        ),
        (
            '#!/bin/sh\n[ $1 = --list ] && echo \'{"g": ["a", "b"]}\' && exit\necho cannot >&2\nexit 3\n',
            "inv --host a: ended with exit code 3\n  hint: it said: cannot",
        ),
    ],
)
def test_a_script_that_fails_or_prints_nonsense_is_named(script, text: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    assert expected in told(script, text)


def test_what_a_script_prints_encrypted_is_a_secret(tmp_path: Path) -> None:
    sealed = json.dumps(encrypt(b"s3cret{{ x }}", b"pw", b"0" * 32))
    script, password, secrets = tmp_path / "inv", tmp_path / "pw", Secrets()
    script.write_text(GOOD.replace('"{{ inventory_hostname }}"', f'{{"__ansible_vault": {sealed}}}'))
    script.chmod(0o755)
    password.write_text("pw")
    found = load(Sources(None, (script,), vault=Vault(secrets, [Key("default", str(password))])))
    value = found.variables.scope(found.site.host("db1")).mapping()["who"]
    assert (str.__str__(value), isinstance(value, Secret)) == ("s3cret{{ x }}", True)


def test_a_script_that_is_not_executable_is_not_taken_for_something_else(script) -> None:  # type: ignore[no-untyped-def]
    assert told(script, GOOD, 0o644) == (
        "inv: this is a script, and it is not executable\n  hint: if it shall be run: chmod +x inv"
    )


def test_an_executable_file_that_is_no_program_is_read(script) -> None:  # type: ignore[no-untyped-def]
    assert [host.name for host in script("all: {hosts: {a: }}\n").site.hosts] == ["a"]


def test_a_script_that_hangs_is_killed_with_all_that_it_started(
    script,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ffplay.load.inventory_script.SCRIPT_SECONDS", 0.3)
    begun = time.monotonic()
    # The child holds standard output open: killing the shell alone would leave us waiting for it.
    text = "#!/bin/sh\n(sleep 300; touch alive) &\nsleep 300\n"
    assert "inv --list: no answer within 0.3 seconds; it was killed" in told(script, text)
    assert time.monotonic() - begun < 200


def test_a_script_is_asked_for_nothing_on_standard_input(script) -> None:  # type: ignore[no-untyped-def]
    assert "it printed nothing" in told(script, "#!/bin/sh\ncat\n")
