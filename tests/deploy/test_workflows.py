""".github: actionlint takes the workflows, whose actions are pinned to commits, which may do no more than needed, and
whose steps call scripts that there are; a roll-out that fails goes back."""

import os
import re
import subprocess

import pytest
import yaml

from lib import need

TOP = os.path.dirname(need.TESTS)
FOLDER = os.path.join(TOP, ".github", "workflows")
NAMES = sorted(os.listdir(FOLDER))
PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# What each job may write, and why: tokens of all others can only read.
WRITES = {("security.yaml", "codeql"): {"security-events"},         # shows what it finds
          ("security.yaml", "dependencies"): {"security-events"},
          ("release.yaml", "build"): {"packages"},                  # pushes
          ("release.yaml", "publish"): {"packages", "id-token"},    # pushes, signs
          ("release.yaml", "notes"): {"contents"}}                  # makes the release


def text_of(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def jobs_of(name):
    return yaml.safe_load(text_of(name))["jobs"].items()


def runs():
    """[(workflow, script)] of each step that is a script."""
    return [(name, step["run"]) for name in NAMES for _, job in jobs_of(name) for step in job.get("steps", [])
            if "run" in step]


def actionlint(path):
    program = os.path.join(need.built("actionlint"), "actionlint")
    need.program("shellcheck")  # it hands scripts to it
    return subprocess.run([program, "-no-color", path], capture_output=True, text=True, timeout=120, cwd=TOP)


@pytest.mark.parametrize("name", NAMES)
def test_actionlint_takes_it(name):
    done = actionlint(os.path.join(FOLDER, name))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("old, new, said", [
    ("timeout-minutes", "timeout-hours", "unexpected key"),
    ("${{ matrix.compiler }}", "${{ matrix.compilers }}", "compilers"),
    ("run: bash .ci/run -L lint", "run: bash .ci/run -L $KIND", "SC2086")])
def test_actionlint_finds_what_is_wrong(tmp_path, old, new, said):
    text = text_of("ci.yaml")
    assert old in text
    path = tmp_path / "ci.yaml"
    path.write_text(text.replace(old, new, 1))
    done = actionlint(str(path))
    assert done.returncode == 1 and said in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_and_tokens_stay_small(name):
    used = re.findall(r"uses: (.+)", text_of(name))
    assert all(PINNED.fullmatch(each) or each.startswith("./.github/workflows/") for each in used), used
    assert yaml.safe_load(text_of(name))["permissions"] == {}
    for job_name, job in jobs_of(name):
        writes = {scope for scope, access in job["permissions"].items() if access == "write"}
        assert writes == WRITES.get((name, job_name), set()), job_name
        assert "uses" in job or job["timeout-minutes"] <= 120
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


REGISTRY = re.compile(r"\b(?:cosign (?:verify|sign|attest)|docker (?:push|buildx imagetools)|docker login)\b")


@pytest.mark.parametrize("name", NAMES)
def test_who_asks_the_registry_has_logged_in(name):
    """With a token that may; a workflow that is called has no more rights than its caller. No name has capitals."""
    for job_name, job in jobs_of(name):
        called = job.get("uses", "").rpartition("/")[2]
        for _, inner in jobs_of(called) if called in NAMES else []:
            assert inner["permissions"].keys() <= job["permissions"].keys(), (job_name, called)
        said = [each for step in job.get("steps", []) for each in REGISTRY.findall(step.get("run", ""))]
        if said:
            assert said[0] == "docker login" and "packages" in job["permissions"], (job_name, said)
    assert "ghcr.io/${{" not in text_of(name)


def test_no_text_of_others_becomes_part_of_a_script():
    """A branch may be called `$(command)`: what comes from outside reaches a script as a variable."""
    assert len(runs()) > 20
    for name, script in runs():
        assert "${{" not in script, (name, script)


def test_steps_call_scripts_and_kinds_of_test_that_there_are():
    with open(os.path.join(TOP, "tests", "CMakeLists.txt"), encoding="utf-8") as file:
        text = file.read()
    kinds = {*re.findall(r"LABELS (\w+)", text), *re.findall(r"(\w+)/test_\*\.py", text)}
    asked = set()
    for name, script in runs():
        for path in re.findall(r"(?:sh|bash|python3) ((?:\.ci|\.github|conf|tests)/[\w./-]+)", script):
            assert os.path.exists(os.path.join(TOP, path)), (name, path)
        for labels in re.findall(r"-L '?([\w|]+)'?", script):
            asked |= set(labels.split("|"))
    assert asked == {"lint", "unit", "fuzz", "conformance", "e2e", "fault", "deploy"} and asked <= kinds
    presets = subprocess.run(["cmake", "--list-presets"], cwd=TOP, capture_output=True, text=True, timeout=60).stdout
    for preset in {each for _, script in runs() for each in re.findall(r"--preset (\w+)", script)}:
        assert f'"{preset}"' in presets


KUBECTL = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"rollout status"*) [ -e "$UNDONE" ] && exit 0; exit "$STATUS" ;; *undo*) touch "$UNDONE" ;; esac
"""
IMAGE = "registry.example.com/oxpecker@sha256:" + "0" * 64


def deploy(folder, status, image=IMAGE):
    """deploy.sh with a kubectl whose `rollout status` ends so until it is undone: its exit status, and the calls."""
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o755)
    calls = folder / "calls"
    calls.touch()
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls), "STATUS": str(status),
           "UNDONE": str(folder / "undone"), "ROLLOUT_TIMEOUT": "7s"}
    script = os.path.join(TOP, ".github", "deploy.sh")
    done = subprocess.run(["sh", script, "shop", "orders", "oxpecker", image], env=env, capture_output=True, text=True,
                          timeout=60)
    return done.returncode, calls.read_text().splitlines()


def test_a_roll_out_is_waited_for(tmp_path):
    assert deploy(tmp_path, 0) == (0, [f"-n shop set image deployment/orders oxpecker={IMAGE}",
                                       "-n shop rollout status deployment/orders --timeout 7s"])


def test_a_roll_out_that_fails_goes_back(tmp_path):
    status, calls = deploy(tmp_path, 1)
    assert status == 1
    assert [call for call in calls if "get pods" not in call] == [
        f"-n shop set image deployment/orders oxpecker={IMAGE}",
        "-n shop rollout status deployment/orders --timeout 7s",
        "-n shop rollout undo deployment/orders",
        "-n shop rollout status deployment/orders --timeout 7s"]


def test_an_image_without_a_digest_is_not_rolled_out(tmp_path):
    assert deploy(tmp_path, 0, "registry.example.com/oxpecker:1.0") == (2, [])


def notes(version):
    return subprocess.run(["sh", os.path.join(TOP, ".github", "notes.sh"), version], capture_output=True, text=True,
                          timeout=60)


def test_the_notes_of_a_release_are_its_section():
    with open(os.path.join(TOP, "CHANGELOG.md"), encoding="utf-8") as file:
        section = file.read().split("\n## 0.1.0", 1)[1].split("\n## ")[0].split("\n", 1)[1]
    assert notes("0.1.0").stdout.strip() == section.strip() != ""
    assert notes("9.9.9").returncode == 1 and "no section" in notes("9.9.9").stderr
