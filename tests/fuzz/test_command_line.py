"""Whatever is typed after ``chansearch``: done, about to begin, or one clear line and nothing written."""

import pytest
from hypothesis import given

from tests.fuzz.harness import check, examples
from tests.fuzz.words import COMMANDS, command_lines

# Commands that read KEY=VALUE are where most can be mistyped.
_FEW = 2


@pytest.mark.parametrize("command", sorted(COMMANDS), ids=" ".join)
def test_every_command(command, here):
    @examples(_FEW)
    @given(command_lines(command))
    def hold(words):
        check("command line", words, here)

    hold()
