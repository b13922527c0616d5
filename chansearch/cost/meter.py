"""Latency on a machine that is busy training: a process of its own that times a network beside a reference.

The reference is timed once while the machine is quiet. Later each network is timed in turn with it, and what is kept is
their ratio: cores that are shared, caches that are full and clocks that are low slow both down alike, and cancel. On a
processor the ratio is one of processor time, which does not pass while a process waits for its turn; on a GPU it is one
of wall-clock time.

The process answers a line of JSON with a line of JSON, and ends when its input does. Starting it needs no torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.cost.engines import Setting, make_runner
from chansearch.cost.latency import time_in_turn, torch_threads, warm_up
from chansearch.nets.files import spec_from_dict, spec_to_dict

if TYPE_CHECKING:
    from chansearch.cost.engines import Runner
    from chansearch.nets.spec import NetworkSpec

# Long enough for the clock, short enough that both of a pair meet the same neighbours.
_VISIT_SECONDS = 0.02
_QUIET_ROUNDS, _ROUNDS = 51, 25
_STDERR_KEPT = 2000  # characters of what a process said before it died


class MeterError(RuntimeError):
    """A network could not be timed; one line."""


class Meter:
    """The process, started when it is first needed, until ``close``."""

    def __init__(self, reference: NetworkSpec, setting: Setting) -> None:
        self._reference, self._setting = reference, setting
        self._process: subprocess.Popen | None = None

    def quiet_seconds(self) -> list[float]:
        """Wall-clock seconds of the reference, a round each; the machine should have nothing else to do."""
        return self._ask({"network": None})

    def ratios(self, network: NetworkSpec) -> list[float]:
        """Of the network's seconds to the reference's, a round each. Raises ``MeterError`` where it cannot be run."""
        return self._ask({"network": spec_to_dict(network)})

    def _ask(self, request: dict) -> list[float]:
        if self._process is None:
            self._start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise MeterError(f"the process that measures latency has ended: {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise MeterError(answer["error"])
        return answer["seconds"]

    def _start(self) -> None:
        self._stderr = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chansearch.cost.meter"],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            start_new_session=True,  # Ctrl-C is the search's to hear
        )
        head = {"setting": dataclasses.asdict(self._setting), "reference": spec_to_dict(self._reference)}
        self._process.stdin.write(json.dumps(head) + "\n")

    def _last_words(self) -> str:
        code = self._process.wait()
        self._stderr.seek(0)
        said = " ".join(self._stderr.read()[-_STDERR_KEPT:].split())
        self.close()
        return said or f"exit code {code}"

    def close(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # what it had not read
            self._process.stdin.close()
        self._process.stdout.close()
        self._stderr.close()
        self._process = None


def main() -> None:
    """The process's side."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # compilers and exporters may print: only answers go where answers are read
    head = json.loads(sys.stdin.readline())
    setting = Setting(**head["setting"])
    with torch_threads(setting.threads):
        pair = _Pair(head["reference"], setting)
        for line in sys.stdin:
            try:
                answer = {"seconds": pair.seconds(json.loads(line)["network"])}
            except Exception as error:  # whatever an engine stumbles over; the search says which network it was
                answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:500]}
            print(json.dumps(answer), file=answers, flush=True)


class _Pair:
    """The reference, and whoever is timed beside it."""

    def __init__(self, reference: dict, setting: Setting) -> None:
        self._setting = setting
        self._clock = time.process_time if setting.device == "cpu" else time.perf_counter
        self._reference = self._runner(reference)
        self._visits = warm_up(self._reference, _VISIT_SECONDS)

    def _runner(self, network: dict) -> Runner:
        from chansearch.nets import build

        spec = spec_from_dict(network, "network")
        return make_runner(build(spec), (spec.in_channels, spec.input_size, spec.input_size), self._setting)

    def seconds(self, network: dict | None) -> list[float]:
        """The reference's seconds, or a network's as multiples of them."""
        if network is None:
            return time_in_turn([self._reference], [self._visits], _QUIET_ROUNDS, seed=0)[0]
        runner = self._runner(network)
        visits = [self._visits, warm_up(runner, _VISIT_SECONDS)]
        reference, own = time_in_turn([self._reference, runner], visits, _ROUNDS, seed=0, clock=self._clock)
        return [mine / its for mine, its in zip(own, reference, strict=True)]


if __name__ == "__main__":
    main()
