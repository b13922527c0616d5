"""What a result says of where it came from."""

import datetime
import json
import os
import re
import shlex
import socket
import subprocess
import sys

import yaml

from chansearch.provenance import PACKAGES, provenance, record_resume
from tests.test_packaging import SETUP


def test_every_direct_dependency_is_named():
    """Those of the command line's own tools and of tests have no say in a result."""
    options, extras = SETUP["options"], SETUP["options.extras_require"]
    text = options["install_requires"] + "".join(extras[name] for name in ("demo", "train", "deploy"))
    assert set(PACKAGES) == {re.split(r"[\[>=<%#]", line)[0].strip() for line in text.splitlines() if line.strip()}


def test_it_says_what_it_ran_on():
    import torch

    facts = provenance(classes=10)
    assert yaml.safe_load(yaml.safe_dump(facts)) == facts
    assert facts["torch"] == torch.__version__.partition("+")[0] or facts["torch"] == torch.__version__
    assert facts["classes"] == 10
    assert f"{os.cpu_count()} CPUs" in facts["machine"] and facts["machine"].endswith(" GiB")
    assert "glibc" in facts["system"] or sys.platform != "linux"
    assert isinstance(facts["gpus"], list)
    assert datetime.datetime.fromisoformat(facts["started"]).tzinfo is not None
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    if git.returncode == 0:
        assert facts["git_revision"] == git.stdout.strip()
        assert isinstance(facts["git_changes"], bool)


def test_it_says_nothing_of_who_ran_it(monkeypatch):
    for name in ("SOME_TOKEN", "LOGNAME", "USER", "HOSTNAME"):
        monkeypatch.setenv(name, "swordfish")
    monkeypatch.setattr(sys, "argv", ["/home/you/bin/chansearch", "search"])
    text = json.dumps(provenance())
    assert "swordfish" not in text and "/home/you" not in text and socket.gethostname() not in text


def test_the_command_can_be_typed_again(monkeypatch):
    words = ["search", "constraint=c2", "name=a b", "data.root=$HOME/it's"]
    for started in ("/opt/bin/chansearch", "/opt/lib/chansearch/__main__.py"):
        monkeypatch.setattr(sys, "argv", [started, *words])
        assert shlex.split(provenance()["command"]) == ["chansearch", *words]


def test_from_python_it_is_the_script(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("from chansearch.provenance import provenance\nprint(provenance()['command'])\n")
    answer = subprocess.run([sys.executable, script, "a b"], capture_output=True, text=True)
    assert shlex.split(answer.stdout) == ["python", str(script), "a b"]


def test_resumes_are_a_list(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("train: {epochs: 3}\nprovenance: {seed: 1}\n")
    record_resume(config)
    record_resume(config)
    held = yaml.safe_load(config.read_text())
    assert [one["python"] for one in held["provenance"].pop("resumed")] == [provenance()["python"]] * 2
    assert held == {"train": {"epochs": 3}, "provenance": {"seed": 1}}
