"""Whatever a template makes of a secret is masked; what has nothing to do with it is not."""

import base64
import hashlib
from pathlib import Path

import pytest

from ffplay.errors import InputError
from ffplay.load import Sources, format_finding, load
from ffplay.load.vaultkeys import Vault
from ffplay.secret import Secret, Secrets

CANARY = "c4nary+Of/the='sea'"
INVENTORY = f"""
all:
  vars:
    db: {{user: administrator, password: "{CANARY}", port: 3306}}
    dsn: "mysql://{{{{ db.user }}}}:{{{{ db.password }}}}@10.0.0.5/x"
    api_token: plain-token-1
  hosts: {{db1: }}
"""
PW = "db.password"

# What an expression gives, and what of it must not be seen.
MADE = {
    "itself": ("{{ db.password }}", CANARY),
    "within a text": ("-p{{ db.password }}!", CANARY),
    "through another variable": ("{{ dsn }}", CANARY),
    "joined": ("{{ 'p=' ~ db.password ~ ';' }}", CANARY),
    "joined and encoded": ("{{ ('u:' ~ db.password) | b64encode }}", base64.b64encode(f"u:{CANARY}".encode()).decode()),
    "added": ("{{ ('p=' + db.password) | upper }}", f"P={CANARY.upper()}"),
    "hashed": ("{{ db.password | hash('sha256') }}", hashlib.sha256(CANARY.encode()).hexdigest()),
    "upper": ("{{ db.password | upper }}", CANARY.upper()),
    "a method": ("{{ db.password.swapcase() }}", CANARY.swapcase()),
    "a method of a joined text": ("{{ ('p' ~ db.password).swapcase() }}", f"P{CANARY.swapcase()}"),
    "reversed": ("{{ db.password[::-1] }}", CANARY[::-1]),
    "reversed by a filter": ("{{ db.password | reverse }}", CANARY[::-1]),
    "a part": ("{{ db.password[2:12] }}", CANARY[2:12]),
    "formatted": ("{{ '%.9s' | format(db.password) }}", CANARY[:9]),
    "formatted by %": ("{{ '%.9s' % db.password }}", CANARY[:9]),
    "formatted by % of a tuple": ("{{ '%.9s %s' % (db.password, 1) }}", CANARY[:9]),
    "its letters": ("{% for c in db.password %}{{ c }} {% endfor %}", " ".join(CANARY)),
    "its letters in a list": ("{{ db.password | list | join('-') }}", "-".join(CANARY)),
    "letters of a set block": ("{% set x %}a{{ db.password }}{% endset %}{{ x[::-1] }}", CANARY[::-1]),
    "of a macro": ("{% macro m(x) %}{{ x }}{% endmacro %}{{ m(db.password)[::-1] }}", CANARY[::-1]),
    "chosen": ("{{ db.password if db.port else '' }}", CANARY),
    "by default": ("{{ nothing | default(db.password) }}", CANARY),
    "mapped": ("{{ [db.password] | map('upper') | list }}", CANARY.upper()),
    "replaced": ("{{ db.password | regex_replace('a', 'A') }}", CANARY.replace("a", "A")),
    "as JSON": ("{{ {'p': db.password} | to_json }}", CANARY),
    "as YAML": ("{{ {'p': db.password} | to_yaml }}", CANARY),
    "as Lua": ("{{ db.password | lua }}", "c4nary+Of/the=\\'sea\\'"),
    "quoted": ("{{ db.password | quote }}", "c4nary+Of/the="),
    "for a URL": ("{{ db.password | urlencode }}", "c4nary%2BOf/the%3D%27sea%27"),
    "by its name": ("{{ api_token | upper }}", "PLAIN-TOKEN-1"),
    "of hostvars": ("{{ hostvars['db1']['db']['password'] | upper }}", CANARY.upper()),
}

PUBLIC = {
    "a neighbour": ("{{ db.user }}:{{ db.port }}", "administrator:3306"),
    "a condition on it": ("{{ 'given' if db.password else 'none' }}", "given"),
    "a word around it": ("{{ dsn.split('@')[1] }}", "10.0.0.5/x"),
    "ternary": ("{{ (db.password == 'x') | ternary('same here', 'different') }}", "different"),
    "its length": ("{{ db.password | length }}", str(len(CANARY))),
}


def loaded(folder: Path, playbook: str = "- hosts: all\n  steps: []\n") -> tuple[Sources, Secrets]:
    (folder / "inventory.yml").write_text(INVENTORY)
    (folder / "playbook.yml").write_text(playbook)
    secrets = Secrets()
    return Sources(folder / "playbook.yml", (folder / "inventory.yml",), vault=Vault(secrets)), secrets


@pytest.mark.parametrize(("text", "canary"), MADE.values(), ids=MADE)
def test_what_is_made_of_a_secret_is_masked(text: str, canary: str, tmp_path: Path) -> None:
    sources, secrets = loaded(tmp_path)
    found = load(sources)
    assert found.playbook is not None
    scope = found.variables.scope(found.site.host("db1"), found.playbook.plays[0])
    step = scope.child({})
    (tmp_path / "x.j2").write_text(text)
    by_text = step.render(_marked(text))
    by_file = step.template(f"one\n{text}.\nthree\n", str(tmp_path / "x.j2"))
    for made in (by_text[0] if isinstance(by_text, list) else by_text, by_file):
        assert canary in str.__str__(made), "the test itself is wrong"
        assert isinstance(made, Secret)
        shown = secrets.mask(f"+ {str.__str__(made)}")
        assert canary not in shown
        assert "<secret " in shown
    assert secrets.mask(by_file).startswith("one\n")
    assert secrets.mask(by_file).endswith("\nthree\n")


@pytest.mark.parametrize(("text", "expected"), PUBLIC.values(), ids=PUBLIC)
def test_what_has_nothing_of_a_secret_stays_readable(text: str, expected: str, tmp_path: Path) -> None:
    sources, secrets = loaded(tmp_path)
    found = load(sources)
    made = found.variables.scope(found.site.host("db1")).render(_marked(text))
    assert secrets.mask(str(made)) == expected


def test_what_a_step_left_is_watched_as_well(tmp_path: Path) -> None:
    sources, secrets = loaded(tmp_path)
    found = load(sources)
    scope = found.variables.scope(found.site.host("db1"))
    scope.render(_marked("{{ db.password }}"))
    inner = scope.child({"result": {"stdout": f"password is {CANARY}."}})
    for text in ("{{ result.stdout[::-1] }}", "{{ result['stdout'] | upper }}"):
        made = inner.render(_marked(text))
        assert secrets.mask(made).count("<secret ") == 1


@pytest.fixture
def lookups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_PASSWORD", CANARY)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/key.txt").write_text(f"{CANARY}\n")
    (tmp_path / "tool").write_text(f'#!/bin/sh\necho "{CANARY}"\n')
    (tmp_path / "tool").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "{{ lookup('env', 'SITE_PASSWORD') }}",
        "{{ lookup('file', 'key.txt') }}",
        "{{ lookup('pipe', '$FOLDER/tool show ' ~ inventory_hostname) }}",
        "{{ lookup('ansible.builtin.env', 'SITE_PASSWORD') | trim }}",
        "{{ lookup('env', 'NOT_THERE', default=lookup('env', 'SITE_PASSWORD')) }}",
    ],
)
def test_a_lookup_gives_a_secret(text: str, lookups: Path) -> None:
    sources, secrets = loaded(lookups)
    made = (
        load(sources)
        .variables.scope(load(sources).site.host("db1"))
        .render(_marked(text.replace("$FOLDER", str(lookups))))
    )
    assert (made, type(made)) == (CANARY, Secret)
    assert CANARY not in secrets.mask(f"{made}.")


@pytest.mark.parametrize(
    ("text", "said", "needle"),
    [
        ("{{ lookup('env', 'NOT_THERE') }}", "the environment has no variable `NOT_THERE`", "NOT_THERE"),
        ("{{ lookup('file', 'nowhere.txt') }}", "there is no file nowhere.txt", "nowhere.txt"),
        ("{{ lookup('pipe', 'echo no key >&2; exit 3') }}", "exit code 3", '"{{'),
        ("{{ lookup('dig', 'x') }}", "there is no lookup `dig`", "dig"),
    ],
)
def test_a_lookup_that_fails_is_a_finding_at_its_place(text: str, said: str, needle: str, lookups: Path) -> None:
    sources, _ = loaded(lookups, f'- hosts: all\n  steps:\n    - debug:\n        msg: "{text}"\n')
    with pytest.raises(InputError) as caught:
        load(sources)
    (finding,) = caught.value.findings
    assert said in finding.message
    assert finding.mark is not None
    assert (finding.mark.line, finding.mark.column) == (4, f'        msg: "{text}"'.index(needle) + 1)
    assert "no key" in format_finding(finding) or "exit code" not in said


def _marked(text: str) -> str:
    from ffplay.load.marked import Text

    return Text(text)
