"""The two files of a first configuration, the reason of every choice beside it, and the commands that come next."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chansearch.config import ConstraintConfig, SearchConfig
from chansearch.cost.budget import format_count
from chansearch.errors import UserError
from chansearch.files import check_writable, write_aside
from chansearch.printable import printable
from chansearch.ranges import one_of, within
from chansearch.search.plan import make_plan
from chansearch.search.propose import check_reachable
from chansearch.starter.budget import LIKE, Wanted, candidates, megabytes, parse_params, wanted
from chansearch.starter.images import Images, look_at
from chansearch.train.config import DataConfig
from chansearch.train.estimate import expected_images

# Images that rank, at least: with fewer, one image is more than half a point of accuracy.
_ENOUGH_TO_RANK = 200
_LARGEST_SIDE = 2048
_PAPER_SIDE = 32  # of a candidate's images: CIFAR's
_FULL_SIDE = 224  # of the network's that is wanted: ImageNet's


@dataclass(frozen=True)
class Asked:
    """The options of ``chansearch init``; None where it chooses."""

    folder: str = "my"
    name: str = "mine"
    images: str | None = None
    params: str | None = None
    macs: str | None = None
    input_size: int | None = None
    search_size: int | None = None
    like: str = "c1"


def init(asked: Asked) -> str:
    """Write both files, or neither, and give what to say of them; raises ``UserError`` for what cannot be had."""
    from chansearch.cost import parse_count

    if not re.fullmatch(r"[A-Za-z0-9_-]+", asked.name):  # it is a word on the command line, too
        raise UserError(f"--name: {asked.name!r}; allowed: letters, digits, '-' and '_'")
    one_of("--like", asked.like, LIKE)
    for key, value in (("--input-size", asked.input_size), ("--search-size", asked.search_size)):
        if value is not None:
            within(key, value, 8, _LARGEST_SIDE)
    bounds = {} if asked.params is None else {"params": parse_params("--params", asked.params)}
    bounds |= {} if asked.macs is None else {"macs": parse_count("--macs", asked.macs)}
    folder = Path(asked.folder)
    files = {kind: folder / kind / f"{asked.name}.yaml" for kind in ("constraint", "data")}
    for file in files.values():
        if file.exists():
            raise UserError(f"init: {file} exists already; give another DIR or --name")
        check_writable("init", file.parent)

    images = None if asked.images is None else look_at(asked.images)
    network = wanted(bounds, 10 if images is None else images.classes, asked.input_size or _full_side(images))
    side = asked.search_size or min(_PAPER_SIDE, _PAPER_SIDE if images is None else max(8, images.short_side // 4 * 4))
    constraint = candidates(asked.like, network.width, side, 1 if images is not None and images.grey else 3)
    constraint.name = asked.name
    data = DataConfig(name="cifar10") if images is None else _data(images, side)
    _check(SearchConfig(constraint=constraint, data=data), network.classes)
    _write(
        {
            files["constraint"]: _constraint_text(constraint, network, asked.like, images),
            files["data"]: "name: cifar10\n" if images is None else _data_text(data, images),
        }
    )
    written = [f"written: {file}" for file in files.values()]
    return "\n".join([*written, "", *_next(asked, network, data)])


def _full_side(images: Images | None) -> int:
    """ImageNet's, or what the images have, in the 32 by which a ReXNet shrinks them; no less than 64."""
    return _FULL_SIDE if images is None else min(_FULL_SIDE, max(64, images.short_side // 32 * 32))


def _data(images: Images, side: int) -> DataConfig:
    """With more than the usual tenth to rank on where there are few images."""
    fraction = min(0.3, max(0.1, round(_ENOUGH_TO_RANK / images.count, 2)))
    test_root = None if images.test_root is None else str(images.test_root)
    return DataConfig(
        name="folder", root=str(images.root), test_root=test_root, val_fraction=fraction, crop_padding=max(1, side // 8)
    )


def _check(config: SearchConfig, classes: int) -> None:
    """What a search would check first: both files are written only where it would begin."""
    plan = make_plan(config, classes)
    check_reachable(plan.problem, config.search.seed)
    if config.data.name == "folder":
        from chansearch.train.data import check

        check(config.data, plan.skeleton.input_size, plan.skeleton.in_channels)


def _write(texts: dict[Path, str]) -> None:
    with ExitStack() as undo:
        for file, text in texts.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            undo.callback(file.unlink, missing_ok=True)
            write_aside(file, text)
        undo.pop_all()


def _constraint_text(constraint: ConstraintConfig, network: Wanted, like: str, images: Images | None) -> str:
    skeleton, budget = constraint.skeleton, constraint.budget
    seen = "no images were named" if images is None else f"the median image's short side has {images.short_side}"
    colours = "grey" if skeleton.in_channels == 1 else "RGB"
    comments = [
        *_about(network),
        f"A search compares small networks that stand in for it: {like}'s, of the paper's Table 3, {network.width:.3g}",
        "times as wide, which is what the network above is to ReXNet x1.0. Not their channels but the shape f of the",
        "best of them is carried over, by `chansearch export` with the budget of the network above.",
    ]
    return "\n".join(
        [
            *(f"# {line}" for line in comments),
            f"name: {json.dumps(constraint.name)}",
            "skeleton:",
            f"  blocks: {skeleton.blocks}  # as in {like}; init --like c2 has more, and takes longer",
            f"  stride_blocks: {skeleton.stride_blocks}  # blocks that halve height and width",
            f"  input_size: {skeleton.input_size}  # pixels; the paper searches at 32, and {seen}",
            f"  in_channels: {skeleton.in_channels}  # {colours}",
            "budget:  # of a candidate",
            f"  params: {{target: {budget.params.target}, tolerance: {budget.params.tolerance}}}",
            f"  macs: {{target: {budget.macs.target}, tolerance: {budget.macs.tolerance}}}",
            f"  count_classifier: {str(budget.count_classifier).lower()}",
            "",
        ]
    )


def _about(network: Wanted) -> list[str]:
    side, costs = network.input_size, network.costs
    lines = [
        f"The network that is wanted: a ReXNet for {network.classes} classes at {side}x{side}, "
        f"{_bounds(network.asked)}.",
        f"On ReXNet's own line it has {format_count(costs['params'])} params, {megabytes(costs['params']):.3g} MB as a "
        f"float32 file (4 bytes each), and {format_count(costs['macs'])} MACs.",
    ]
    return lines + [
        f"The bound on {'MACs' if name == 'macs' else name} is not reached: the other one is used up first."
        for name in network.not_reached
    ]


def _bounds(asked: dict[str, float]) -> str:
    if not asked:
        return "at what ReXNet x1.0 costs"
    names = {"params": "params", "macs": "MACs"}
    return "at most " + " and ".join(f"{format_count(bound)} {names[name]}" for name, bound in asked.items())


def _data_text(data: DataConfig, images: Images) -> str:
    smallest = str(images.smallest) if images.smallest == images.largest else f"{images.smallest} to {images.largest}"
    _, ranking = expected_images(data)
    lines = [
        f"# {images.count:,} images in {images.classes} classes of {smallest}; root is where they are on this machine.",
        "name: folder",
        f"root: {json.dumps(data.root, ensure_ascii=False)}",
        f"test_root: {json.dumps(data.test_root, ensure_ascii=False)}"
        + ("  # null: a tenth of root is kept apart" if data.test_root is None else ""),
        f"val_fraction: {data.val_fraction}  # candidates are ranked on some {ranking:,} images held out of root",
        f"augment: {data.augment}  # crop where a mirrored image means something else, as digits do",
        f"crop_padding: {data.crop_padding}  # pixels; an eighth of the side, as 4 at 32",
        "",
    ]
    return "\n".join(lines)


def _next(asked: Asked, network: Wanted, data: DataConfig) -> list[str]:
    """The commands; a search of few images takes all of them, one of many the fidelity for a laptop."""
    folder = shlex.quote(asked.folder)
    search = f"chansearch search --config-dir {folder} constraint={asked.name} data={asked.name}"
    training, ranking = expected_images(data)
    many = training >= 2000 and ranking >= 1000  # what fidelity=laptop takes of them
    spent = "fidelity=laptop" if many else "train.epochs=10 train.batch_size=64"
    bounds = "".join(f" --{name} {format_count(bound)}" for name, bound in network.asked.items())
    network_file = shlex.quote(str(Path(asked.folder) / "rexnet.yaml"))
    if bounds:
        bounds += " --at-most"
    export = f"chansearch export{bounds} --input-size {network.input_size} --classes {network.classes}"
    return [
        *(printable(line) for line in _about(network)),
        "",
        "next:",
        f"  {search} {spent} --dry-run    # ten candidates, the time",
        f"  {search} {spent} search.candidates=20",
        "  chansearch report",
        f"  {export} -o {network_file}",
        f"  chansearch build {network_file}",
    ]
