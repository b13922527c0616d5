"""The generated pages name everything there is, in words that the source has."""

import argparse

import pytest
from site_pages import cli_reference, config_reference, python_reference, repository
from site_pages.schema import keys

import chansearch
from chansearch import cli
from chansearch.config import SEARCH, groups

TREES = {anchor: tree for _, anchor, tree, _ in config_reference.TREES}


@pytest.mark.parametrize("anchor", TREES)
def test_every_key_has_a_comment(anchor):
    assert [key.name for key in keys(TREES[anchor].schema) if not key.comment] == []


def test_keys_have_their_types_and_defaults_and_the_comment_of_the_class_that_declares_them():
    known = {key.name: key for key in keys(SEARCH.schema)}
    assert known["train.weight_decay"].default == "0.0005"
    assert known["constraint.skeleton.stride_blocks"].type == "list[int]"
    assert known["constraint.budget.flops"].comment == "the paper's word for macs"
    assert known["cluster.address"].comment.startswith("local: workers on this machine")  # inherited from RayConfig
    training = {key.name: key for key in keys(TREES["train"].schema)}
    assert "data" in training and training["recipe.mixup"].comment == "Mixup's alpha; 0: none"


def test_every_key_and_every_shipped_choice_has_its_row():
    page = config_reference.page()
    for anchor, tree in TREES.items():
        for key in keys(tree.schema):
            assert key.is_section or f'<code id="{anchor}.{key.name}">' in page
        for choices in groups(tree=tree).values():
            assert all(f"| `{choice}` |" in page for choice in choices)
    assert "`budget.macs.target=350M`" in page  # c4's, from its file


def test_every_command_and_option_is_told():
    page = cli_reference.page()

    def check(parser: argparse.ArgumentParser) -> None:
        assert f"`{parser.prog}` {{" in page
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for child in action.choices.values():
                    check(child)
            elif action.help not in (None, argparse.SUPPRESS):
                assert all(option in page for option in action.option_strings)

    check(cli._make_parser())
    assert "| `130` | stopped by Ctrl-C |" in page


def test_python_names_have_their_docstrings():
    page = python_reference.page()
    for name in chansearch.__all__:
        if callable(getattr(chansearch, name)):
            assert f"## `chansearch.{name}`" in page
    assert "open_run(path: Path | str) -> Table" in page


class TestRepository:
    def test_a_link_out_of_docs_is_led_into_the_site(self):
        text = (
            "[table](../benchmarks/results/rank.md#x), [code](../chansearch/train/native/kernels.cpp), [here](speed.md)"
        )
        assert repository.redirected(text, "studies.md") == (
            "[table](benchmarks/results/rank.md#x), [code](chansearch/train/native/kernels.cpp.md), [here](speed.md)"
        )

    def test_a_link_back_into_docs_is_the_page(self):
        text = "![memory](../../docs/figures/soak.png)"
        assert repository.redirected(text, "benchmarks/results/soak.md") == "![memory](../../figures/soak.png)"

    def test_what_is_no_page_is_shown(self):
        assert "`````cpp\n" in repository.taken_in("chansearch/train/native/kernels.cpp.md")
        assert "* [rank.md](rank.md)\n" in repository.taken_in("benchmarks/results/index.md")
