"""conf/terraform: OpenTofu takes its form and its structure; what needs no provider is run, and the agent takes what
comes out; no secret can reach a plan or the state; every variable is documented.

Providers cannot be had everywhere, so what a provider says of its resources' arguments is not checked here.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

from lib import agent as agents, need

FOLDER = os.path.join(os.path.dirname(need.TESTS), "conf", "terraform")
MODULES = ["sidecar/configuration", "sidecar", "surroundings", "example"]
SECRET = re.compile(r"password|secret|token|auth|credential", re.I)
BLOCK = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.M | re.S)
ARGUMENT = re.compile(r"^\s*(\w+)\s*=\s*(.+)$", re.M)


@pytest.fixture
def copy(tmp_path):
    """What `tofu` may write beside."""
    return shutil.copytree(FOLDER, tmp_path / "terraform")


def tofu(folder, *words, status=0):
    """What it prints; of a failure, what it says is wrong. Whoever runs the tests may have configured a tofu of their
    own: none of that applies here."""
    program = os.path.join(need.built("tofu"), "tofu")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "TOFU_"))}
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=300,
                          env={**environment, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "HOME": str(folder)})
    assert (done.returncode == 0) == (status == 0), done.stdout + done.stderr
    return done.stdout if status == 0 else done.stdout + done.stderr


def text_of(module):
    folder = os.path.join(FOLDER, module)
    return "".join(open(os.path.join(folder, name), encoding="utf-8").read() for name in sorted(os.listdir(folder))
                   if name.endswith(".tf"))


def test_it_is_formatted(copy):
    tofu(copy, "fmt", "-check", "-recursive", "-diff")
    with open(copy / "example" / "main.tf", "a", encoding="utf-8") as file:
        file.write("locals {\nx=1\n}\n")
    tofu(copy, "fmt", "-check", "-recursive", status=1)


@pytest.mark.parametrize("module", MODULES)
def test_its_structure_is_right(copy, module):
    """`get` reads the module and those it calls: blocks, names, required arguments of the language."""
    tofu(copy / module, "get", "-no-color")
    with open(copy / module / "wrong.tf", "w", encoding="utf-8") as file:
        file.write('variable "name" {\n  kind = string\n}\n')
    assert "kind" in tofu(copy / module, "get", "-no-color", status=1)


def test_the_example_says_what_the_modules_want(copy):
    """Of a call that is complete, only providers are missing; `init` says so before it asks anybody."""
    with open(copy / "example" / "main.tf", encoding="utf-8") as file:
        text = file.read()
    for module in re.findall(r'^module "\w+" \{.*?^\}', text, re.M | re.S):
        source = re.search(r'source\s*=\s*"\.\./(\w+)"', module).group(1)
        variables = dict(BLOCK.findall(text_of(source)))
        given = set(re.findall(r"^  (\w+)\s*=", module, re.M)) - {"source"}
        needed = {name for name, body in variables.items() if not re.search(r"^\s*default\s*=", body, re.M)}
        assert needed <= given <= set(variables), (source, needed, given)


def configuration(copy, **variables):
    """What the module of the configuration says, as the agent reads it."""
    folder = copy / "sidecar" / "configuration"
    with open(folder / "terraform.tfvars.json", "w", encoding="utf-8") as file:
        json.dump(variables, file)
    tofu(folder, "init", "-no-color")
    tofu(folder, "validate", "-no-color")
    tofu(folder, "apply", "-auto-approve", "-no-color")
    return {name: value["value"] for name, value in json.loads(tofu(folder, "output", "-json")).items()}


@pytest.mark.parametrize("variables", [
    {"service": "shop"},
    {"service": "shop", "elasticsearch_url": "https://es:9200", "elasticsearch_user": "shipper",
     "index": "logs-%{+yyyy.MM.dd}", "otlp_url": "http://jaeger:4318", "ack": "disk", "memory_mib": 64,
     "checks": {"database": "tcp://postgres:5432"}}])
def test_the_agent_takes_its_configuration(copy, tmp_path, variables):
    (tmp_path / "password").write_text("secret\n")
    made = configuration(copy, **variables, secrets_folder=str(tmp_path))
    path = tmp_path / "oxpecker.yaml"
    path.write_text(made["yaml"])
    done = agents.run("check", path, "--effective")
    assert done.returncode == 0, made["yaml"] + done.stderr
    assert made["memory_limit"] == ("128Mi" if "memory_mib" in variables else "64Mi")
    assert "secret\n" not in made["yaml"] and ("elasticsearch" in made["yaml"]) == ("elasticsearch_url" in variables)


@pytest.mark.parametrize("wrong, says", [
    ({"ack": "never"}, "ack is memory or disk"),
    ({"log_paths": ["app.log"]}, "absolute paths"),
    ({"memory_mib": 1}, "8 to 4096"),
    ({"checks": {"db": "postgresql://app:secret@db/app"}}, "would be in the state")])
def test_what_is_wrong_is_refused(copy, wrong, says):
    folder = copy / "sidecar" / "configuration"
    with open(folder / "terraform.tfvars.json", "w", encoding="utf-8") as file:
        json.dump({"service": "shop", **wrong}, file)
    tofu(folder, "init", "-no-color")
    assert says in re.sub(r"[\s│]+", " ", tofu(folder, "plan", "-no-color", status=1))


# Arguments that name a secret or say how one is kept.
NAMES_ONLY = {"secret_name", "secret", "secrets_folder", "password_version", "password_wo_version",
              "data_json_wo_version", "automount_service_account_token", "authentication_mode", "secret_path"}


def written_only(text):
    """Without what goes into arguments that are only written."""
    return re.sub(r"^\s*\w+_wo\s*=\s*(jsonencode\(\{.*?\}\)|[^\n]*)$", "", text, flags=re.M | re.S)


def test_no_secret_reaches_the_state():
    """A secret is drawn as an ephemeral value, and is only written."""
    for module in MODULES:
        text = text_of(module)
        for name, body in BLOCK.findall(text):
            assert name in NAMES_ONLY or not SECRET.search(name) or "ephemeral   = true" in body, name
        for name, value in ARGUMENT.findall(written_only(text)):
            named = name in NAMES_ONLY or value.startswith('"$${file:')  # the agent reads that file
            assert named or not SECRET.search(name), (name, value)
        assert not re.search(r"\bephemeral\.", written_only(text))
        assert not re.search(r'^resource "(random_password|kubernetes_secret\w*)"|^data "\w*secret\w*"', text, re.M)


def test_the_database_outlives_a_mistake():
    text = re.search(r'resource "aws_db_instance".*?^\}', text_of("surroundings"), re.M | re.S).group()
    for argument, value in {"skip_final_snapshot": "false", "deletion_protection": "true", "prevent_destroy": "true",
                            "storage_encrypted": "true", "publicly_accessible": "false",
                            "delete_automated_backups": "false"}.items():
        assert re.search(rf"^\s*{argument}\s*=\s*{value}$", text, re.M), argument
    assert "final_snapshot_identifier" in text and "backup_retention_period   = var.backup_days" in text


def documented():
    """The tables of README.md, as they have to be."""
    lines = []
    for module in MODULES[:-1]:
        lines += [f"**{module}**", "", "| variable | default | what |", "|---|---|---|"]
        for name, body in BLOCK.findall(text_of(module)):
            what = re.search(r'^  description = "(.*)"$', body, re.M).group(1).replace("%%{", "%{")
            default = re.search(r"^  default\s*= (.*)$", body, re.M)
            assert re.search(r"^  type\s*= ", body, re.M), name
            lines.append(f"| `{name}` | {'`' + default.group(1) + '`' if default else 'required'} | {what} |")
        lines.append("")
    return "\n".join(lines)


def test_every_variable_is_documented():
    with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
        assert file.read().split("## Variables\n")[1].strip() == documented().strip()
