"""Timing networks in turn: the order, the statistics, the engines, and a meter that is right on a busy machine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chansearch.cost import engines, price_spec
from chansearch.cost.engines import Runner, Setting, make_runner, why_not
from chansearch.cost.latency import Latency, Spread, measure, time_in_turn, visiting_order, warm_up
from chansearch.cost.meter import Meter, MeterError
from chansearch.cost.subjects import Subject, open_subject
from chansearch.errors import UserError
from chansearch.nets import NetworkSpec, build, preset
from chansearch.nets.named import check_name

SMALL = NetworkSpec(
    channels=(8, 12, 16), strides=(1, 2, 1), expansions=(1, 6, 6), stem_channels=8, head_channels=32, input_size=16
)
# Ten times the multiply-adds.
WIDE = SMALL.with_channels((40, 60, 60))


def runner_of(visited: list[int], number: int) -> Runner:
    """Notes its number at each inference."""
    return Runner(lambda: visited.append(number), lambda: None)


class TestOrder:
    @given(st.integers(1, 30), st.integers(0, 2**31), st.integers(0, 500))
    def test_is_a_permutation_that_depends_on_its_three_numbers_alone(self, count, seed, number):
        order = visiting_order(count, seed, number)
        assert sorted(order) == list(range(count))
        assert order == visiting_order(count, seed, number)

    def test_differs_from_round_to_round_and_from_seed_to_seed(self):
        assert len({tuple(visiting_order(12, 0, number)) for number in range(20)}) == 20
        assert len({tuple(visiting_order(12, seed, 0)) for seed in range(20)}) == 20

    def test_each_round_visits_every_runner_once(self):
        visited: list[int] = []
        runners = [runner_of(visited, number) for number in range(5)]
        rounds: list[int] = []
        seconds = time_in_turn(runners, [2, 1, 3, 1, 1], rounds=4, seed=7, on_round=rounds.append)
        assert [len(own) for own in seconds] == [4] * 5
        assert rounds == [1, 2, 3, 4]
        expected = []
        for number in range(4):
            for place in visiting_order(5, 7, number):
                expected += [place] * (1 + [2, 1, 3, 1, 1][place])  # one inference before those that are timed
        assert visited == expected

    def test_a_machine_that_slows_down_does_so_for_all_alike(self):
        """Equal networks on a simulated clock that runs three times as fast at the end as at the beginning."""
        now = [0.0]

        def infer() -> None:
            now[0] += 1.0 + now[0] / 2000

        runners = [Runner(infer, lambda: None) for _ in range(6)]
        in_turn = time_in_turn(runners, [1] * 6, rounds=200, seed=0, clock=lambda: now[0])
        medians = [Spread.of(own).median_ms for own in in_turn]
        assert max(medians) / min(medians) < 1.03
        now[0] = 0.0
        one_by_one = [time_in_turn([one], [1], rounds=200, seed=0, clock=lambda: now[0])[0] for one in runners]
        medians = [Spread.of(own).median_ms for own in one_by_one]
        assert max(medians) / min(medians) > 2


class TestSpread:
    @given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60))
    def test_is_numpys(self, seconds):
        spread = Spread.of(seconds)
        assert spread.count == len(seconds)
        assert spread.median_ms == pytest.approx(1000 * float(np.median(seconds)))
        assert spread.p10_ms == pytest.approx(1000 * float(np.quantile(seconds, 0.1)))
        assert spread.p90_ms == pytest.approx(1000 * float(np.quantile(seconds, 0.9)))
        assert spread.p10_ms <= spread.median_ms <= spread.p90_ms

    def test_a_visit_takes_as_long_as_asked_for(self):
        now = [0.0]

        def infer() -> None:
            now[0] += 0.004

        class Simulated(Runner):
            def seconds(self, inferences, clock=None):
                return super().seconds(inferences, lambda: now[0])

        assert warm_up(Simulated(infer, lambda: None), visit_seconds=0.05) == 13


class TestRunner:
    def test_stops_the_clock_when_the_device_has_finished(self):
        """A simulated device that works through its queue only while it is waited for."""
        now, queue = [0.0], [0]

        def infer() -> None:
            queue[0] += 1

        def synchronise() -> None:
            now[0] += 0.5 * queue[0]
            queue[0] = 0

        assert Runner(infer, synchronise).seconds(8, lambda: now[0]) == 0.5
        assert queue == [0]


class TestEngines:
    @pytest.mark.parametrize("engine", ["eager", "onnx"])
    def test_time_a_network(self, engine):
        runner = make_runner(build(SMALL), (3, 16, 16), Setting(engine, "cpu", batch=2))
        assert 0 < runner.seconds(3) < 1

    @pytest.mark.slow
    def test_compiled_networks_have_code_of_their_own(self):
        """torch.compile gives up after eight of the same code, and quietly runs the rest as they are."""
        import torch._dynamo

        torch._dynamo.reset()
        runners = []
        with torch._dynamo.config.patch(recompile_limit=1, fail_on_recompile_limit_hit=True):
            for spec in (SMALL, SMALL.with_channels((8, 12, 20)), WIDE):
                runners.append(make_runner(build(spec), (3, 16, 16), Setting("compiled", "cpu")))
                runners[-1].infer()
        assert all(runner.seconds(2) > 0 for runner in runners)

    def test_weights_stay_as_they_were(self):
        network = build(SMALL)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        make_runner(network, (3, 16, 16), Setting("eager", "cpu")).seconds(2)
        assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())

    def test_say_why_they_cannot(self, monkeypatch):
        assert [why_not(engine, "cpu") for engine in ("eager", "onnx")] == [None, None]
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert "no GPU" in why_not("eager", "cuda")
        monkeypatch.setattr(engines, "_ONNX_PACKAGES", ("onnxruntime", "not_there_at_all"))
        assert 'not_there_at_all is not installed; pip install "chansearch[deploy]"' in why_not("onnx", "cpu")

    def test_without_a_compiler_say_so(self, monkeypatch):
        from torch._inductor import cpp_builder
        from torch._inductor.exc import InvalidCxxCompiler

        def none() -> str:
            raise InvalidCxxCompiler

        monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
        assert why_not("compiled", "cpu") == "torch.compile needs a C++ compiler, and there is none"


class TestMeasuring:
    def test_every_pair_is_there_and_those_that_fail_say_why(self, monkeypatch):
        class Broken(torch.nn.Module):
            def forward(self, images):
                raise RuntimeError("no such\nthing")

        subjects = [
            Subject("good", build(SMALL), (3, 16, 16), 1, 2),
            Subject("broken", Broken(), (3, 16, 16), 3, 4),
        ]
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        settings = [Setting("eager", "cpu"), Setting("eager", "cuda", batch=64)]
        before = torch.get_num_threads()
        good, on_gpu, broken, both = measure(subjects, settings, rounds=3, seed=0)
        assert torch.get_num_threads() == before
        assert good == Latency("good", settings[0], 16, 1, 2, good.spread)
        assert good.spread.count == 3 and 0 < good.spread.p10_ms <= good.spread.median_ms
        assert (on_gpu.spread, on_gpu.skipped) == (None, "torch sees no GPU")
        assert (broken.spread, broken.skipped) == (None, "RuntimeError: no such thing")
        assert both.skipped == "torch sees no GPU"


class TestSubjects:
    def test_a_preset_is_counted_as_everywhere(self):
        subject = open_subject("rexnet_100")
        costs = price_spec(preset("rexnet_100"), count_classifier=True)
        assert (subject.params, subject.macs) == (costs["params"], costs["macs"])
        assert subject.image_shape == (3, 224, 224)
        assert open_subject("rexnet_100", 64).image_shape == (3, 64, 64)

    def test_one_of_timms_has_its_own_resolution(self):
        """Params of timm's page; multiply-adds as its authors print them for 224 pixels."""
        pytest.importorskip("timm")
        subject = open_subject("efficientnet_b0")
        assert (subject.params, round(subject.macs / 1e6, 1)) == (5_288_548, 385.8)
        assert subject.image_shape == (3, 224, 224)
        assert open_subject("efficientnet_b1").image_shape == (3, 240, 240)
        assert open_subject("efficientnet_b2", 260).image_shape == (3, 260, 260)

    def test_a_typo_gives_the_nearest_names(self):
        pytest.importorskip("timm")
        with pytest.raises(UserError, match=r"'eficientnet_b0'.*did you mean efficientnet_b0") as caught:
            check_name("eficientnet_b0")
        assert "\n" not in str(caught.value)
        with pytest.raises(UserError, match=r"nets/mine\.yaml: no such file"):
            check_name("nets/mine.yaml")

    def test_images_it_does_not_take_are_named(self):
        pytest.importorskip("timm")
        with pytest.raises(UserError, match="vit_tiny_patch16_224: does not take images of 96x96 pixels"):
            open_subject("vit_tiny_patch16_224", 96)

    def test_a_name_of_timms_without_timm_names_the_extra(self, monkeypatch):
        from chansearch.nets import named

        monkeypatch.setattr(named.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r'pip install "chansearch\[train\]"'):
            check_name("efficientnet_b0")


@pytest.fixture
def meter():
    made = Meter(SMALL, Setting("eager", "cpu", batch=8))
    yield made
    made.close()


@pytest.mark.slow
class TestMeter:
    def test_knows_what_is_slower(self, meter):
        assert min(meter.quiet_seconds()) > 0
        same, wide = np.median(meter.ratios(SMALL)), np.median(meter.ratios(WIDE))
        assert same == pytest.approx(1, rel=0.2)
        assert wide > 1.5

    def test_busy_cores_cancel(self, meter):
        """Beside two processes a core that multiply matrices, wall-clock time doubles at least; the ratio stays."""
        import os

        quiet = np.median(meter.ratios(WIDE))
        code = "import torch; torch.set_num_threads(1); x = torch.rand(600, 600)\nwhile True: x @ x"
        busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2 * len(os.sched_getaffinity(0)))]
        try:
            # Whichever of its two measurements is the nearer: one may fall into the start of the others.
            beside = min((np.median(meter.ratios(WIDE)) for _ in range(2)), key=lambda ratio: abs(ratio - quiet))
        finally:
            for process in busy:
                process.kill()
                process.wait()
        assert beside == pytest.approx(quiet, rel=0.3)

    def test_a_network_it_cannot_run_is_an_error_and_not_the_end(self, meter):
        huge = SMALL.with_channels((10**6, 10**6, 10**6))
        with pytest.raises(MeterError):
            meter.ratios(huge)
        assert np.median(meter.ratios(SMALL)) > 0

    def test_a_process_that_dies_says_so_and_the_next_one_measures(self, meter):
        meter.quiet_seconds()
        meter._process.kill()
        with pytest.raises(MeterError, match="has ended"):
            meter.quiet_seconds()
        assert min(meter.quiet_seconds()) > 0

    def test_ends_with_its_parent(self):
        code = (
            "from tests.cost.test_latency import SMALL; from chansearch.cost.engines import Setting;"
            "from chansearch.cost.meter import Meter; meter = Meter(SMALL, Setting()); meter.quiet_seconds();"
            "print(meter._process.pid, flush=True); import os; os._exit(9)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 9
        _wait_for_the_end_of(int(done.stdout))


def _wait_for_the_end_of(pid: int) -> None:
    import os
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} lives on")


def test_importing_needs_no_torch():
    code = "import sys, chansearch.cost.meter, chansearch.cost.subjects; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
