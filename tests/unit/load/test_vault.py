"""Vaults go both ways between ffplay and the real Ansible; what cannot be opened is told at its place."""

import os
from pathlib import Path

import pytest

from ffplay.errors import InputError
from ffplay.load import Sources, format_finding, load
from ffplay.load.vault import encrypt, sealed
from ffplay.load.vaultkeys import Key, Vault, keys_of
from ffplay.secret import Secret, Secrets
from tests.ansible import ansible

CANARY = "c4nary-in-the-vault"
SALT = bytes(range(32))
PASSWORD = b"open sesame"
CONTENTS = [b"", b"x", b"exactly sixteen!", CANARY.encode(), "ü\n".encode() * 500, bytes(range(256))]


def vaulted(text: str, label: str = "", password: bytes = PASSWORD) -> str:
    return encrypt(text.encode(), password, SALT, label)


def indented(text: str) -> str:
    return "".join(f"      {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("label", ["", "prod"])
@pytest.mark.parametrize("content", CONTENTS, ids=len)
def test_what_is_encrypted_comes_back(content: bytes, label: str) -> None:
    vault = sealed(encrypt(content, PASSWORD, SALT, label))
    assert (vault.label, vault.open(PASSWORD), vault.open(b"another")) == (label, content, None)


@pytest.mark.parametrize("label", ["", "prod"])
def test_the_real_one_reads_what_we_encrypt(tmp_path: Path, label: str) -> None:
    (tmp_path / "pass").write_bytes(PASSWORD + b"\n")
    for number, content in enumerate(CONTENTS[1:]):
        file = tmp_path / f"f{number}"
        file.write_text(encrypt(content, PASSWORD, os.urandom(32), label))
        secret = f"{label}@{tmp_path}/pass" if label else f"{tmp_path}/pass"
        done = ansible("ansible-vault", "decrypt", "--vault-id", secret, str(file))
        assert (done.returncode, file.read_bytes()) == (0, content), done.stderr


@pytest.mark.parametrize("label", ["", "prod"])
def test_we_read_what_the_real_one_encrypts(tmp_path: Path, label: str) -> None:
    (tmp_path / "pass").write_bytes(PASSWORD + b"\n")
    (tmp_path / "f").write_bytes(CONTENTS[4])
    given = ["--vault-id", f"{label}@{tmp_path}/pass"] if label else ["--vault-password-file", f"{tmp_path}/pass"]
    more = ["--encrypt-vault-id", label] if label else []
    done = ansible("ansible-vault", "encrypt", *given, *more, str(tmp_path / "f"))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "f").read_text()
    assert text.startswith("$ANSIBLE_VAULT;1.2;AES256;prod\n" if label else "$ANSIBLE_VAULT;1.1;AES256\n")
    assert sealed(text).open(PASSWORD) == CONTENTS[4]


def test_a_string_of_the_real_one_is_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pass").write_bytes(PASSWORD)
    given = ["--vault-id", "prod@pass", "--encrypt-vault-id", "prod", "--name", "db_secret", CANARY]
    done = ansible("ansible-vault", "encrypt_string", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    Path("inventory.yml").write_text("all: {hosts: {db1: }}\n")
    Path("group_vars").mkdir()
    Path("group_vars/all.yml").write_text(done.stdout)
    secrets = Secrets()
    found = load(Sources(None, (Path("inventory.yml"),), vault=Vault(secrets, [Key("prod", "pass")])))
    value = found.variables.scope(found.site.host("db1")).render("{{ db_secret }}")
    assert (value, type(value), secrets.mask(CANARY)) == (CANARY, Secret, "<secret db_secret>")


FILES = {
    "pass": "open sesame\n",
    "inventory.yml": vaulted(f"all: {{vars: {{a: {CANARY}-a, t: 'x-{{{{ a }}}}'}}, hosts: {{db1: }}}}"),
    "group_vars/all/vault.yml": vaulted(f"b: {CANARY}-b\nnumber: 7\n"),
    "extra.yml": vaulted(f"c: {CANARY}-c", "prod"),
    "playbook.yml": "- hosts: all\n  vars:\n    d: !vault |\n"
    + indented(vaulted(f"{CANARY}-d {{{{ no template }}}}"))
    + "  steps:\n    - copy_file: {src: secret.conf, dest: /etc/secret.conf}\n"
    + "    - template_file: {src: secret.j2, dest: /etc/templated.conf}\n",
    "files/secret.conf": vaulted(f"key = {CANARY}-e\n"),
    "templates/secret.j2": vaulted(f"key = {CANARY}-f {{{{ inventory_hostname }}}}\n"),
}


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def sources(*keys: Key, ask: bool = False) -> Sources:
    vault = Vault(Secrets(), keys, (lambda label: f"open {label}") if ask else None)
    return Sources(Path("playbook.yml"), (Path("inventory.yml"),), ("@extra.yml",), vault=vault)


def test_every_kind_of_file_may_be_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, FILES)
    given = sources(Key("default", "pass"))
    found = load(given)
    assert found.playbook is not None
    scope = found.variables.scope(found.site.host("db1"), found.playbook.plays[0])
    values = scope.render({name: f"{{{{ {name} }}}}" for name in ("a", "t", "b", "c", "d", "number")})
    assert values == {
        "a": f"{CANARY}-a",
        "t": f"x-{CANARY}-a",
        "b": f"{CANARY}-b",
        "c": f"{CANARY}-c",
        "d": f"{CANARY}-d {{{{ no template }}}}",
        "number": 7,
    }
    assert given.vault.secrets.mask(values["d"]) == "<secret d>"
    for word in ("e", "f db1"):
        assert given.vault.secrets.mask(f"+key = {CANARY}-{word}").startswith("+<secret secret.")
    for letter in "abc":
        assert CANARY not in given.vault.secrets.mask(f"[{CANARY}-{letter}]"), letter
    assert all(isinstance(value, Secret) for name, value in values.items() if name != "number")


def test_a_password_program_is_run_and_told_the_label(tmp_path: Path) -> None:
    program = tmp_path / "keys-client.sh"
    program.write_text('#!/bin/sh\necho "$1 $2"\n')
    program.chmod(0o755)
    vault = Vault(Secrets(), keys_of([f"prod@{program}"], [], False, None))
    assert vault.password(Key("prod", str(program))) == b"--vault-id prod"


def test_the_label_chooses_the_password_and_any_may_open_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    vault = Vault(Secrets(), [Key("one", str(tmp_path / "one")), Key("two", str(tmp_path / "two"))])
    assert vault.open(vaulted("x", "two", b"two"), None) == b"x"
    assert vault.open(vaulted("y", "unheard", b"one"), None) == b"y"
    assert vault.open(vaulted("z", "", b"two"), None) == b"z"


def test_the_operator_is_asked_once() -> None:
    asked: list[str] = []

    def ask(label: str) -> str:
        asked.append(label)
        return PASSWORD.decode()

    vault = Vault(Secrets(), keys_of([], [], True, None), ask)
    assert [vault.open(vaulted(text), None) for text in ("x", "y")] == [b"x", b"y"]
    assert asked == ["default"]


def test_the_environment_counts_where_nothing_is_given() -> None:
    assert keys_of([], [], False, "/from/env") == (Key("default", "/from/env"),)
    assert keys_of([], ["file"], False, "/from/env") == (Key("default", "file"),)
    assert keys_of(["prod@prompt", "bare"], [], False, None) == (Key("prod", "prompt"), Key("default", "bare"))


def told(given: Sources) -> str:
    with pytest.raises(InputError) as caught:
        load(given)
    return "\n".join(map(format_finding, caught.value.findings))


def altered(text: str) -> str:
    """Return a vault whose ciphertext somebody altered: its last hex digit, itself in hex, is another one."""
    body = text.rstrip("\n")
    return body[:-2] + ("30" if body[-2:] != "30" else "31") + "\n"


WRONG = {
    "no password": (sources(), {}, "encrypted, and no vault password was given"),
    "wrong password": (sources(Key("default", "wrong")), {"wrong": "another"}, "no vault password opens it"),
    "altered": (sources(Key("default", "pass")), {"extra.yml": altered(FILES["extra.yml"])}, "digest (HMAC)"),
    "cut short": (sources(Key("default", "pass")), {"extra.yml": FILES["extra.yml"][:200]}, "it is damaged"),
    "no file": (sources(Key("default", "nowhere")), {}, "the vault password file nowhere cannot be read: No such file"),
    "empty": (sources(Key("default", "wrong")), {"wrong": "\n"}, "the vault password of wrong is empty"),
    "no terminal": (sources(Key("default", "prompt")), {}, "there is no terminal"),
    "unknown format": (
        sources(Key("default", "pass")),
        {"extra.yml": "$ANSIBLE_VAULT;9.9;AES256\n00\n"},
        "formats 1.1 and",
    ),
}


@pytest.mark.parametrize(("given", "files", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_opened_is_told(
    given: Sources, files: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, FILES | files)
    text = told(given)
    assert said in text
    assert ("extra.yml:1:1: " if "extra.yml" in files else "inventory.yml:1:1: ") in text
    assert CANARY not in text


def test_a_mistake_in_an_encrypted_file_shows_its_place_and_not_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = {"extra.yml": vaulted(f"ok: 1\nc: *{CANARY}\n"), "group_vars/all/vault.yml": vaulted(f"- {CANARY}\n")}
    written(tmp_path, FILES | broken)
    given = sources(Key("default", "pass"))
    text = given.vault.secrets.mask(told(given))
    assert "extra.yml:2:4: broken YAML" in text
    assert "vault.yml:1:1: " in text
    assert CANARY not in given.vault.secrets.mask(text)


def test_a_vaulted_password_is_the_login_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pass").write_bytes(PASSWORD)
    text = "all:\n  hosts: {db1: }\n  vars:\n    ansible_become_password: !vault |\n" + indented(vaulted(CANARY))
    Path("inventory.yml").write_text(text)
    found = load(Sources(None, (Path("inventory.yml"),), vault=Vault(Secrets(), [Key("default", "pass")])))
    assert found.site.host("db1").login.become_password == CANARY
    assert CANARY not in repr(found.site)
