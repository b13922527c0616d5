"""``chansearch completion bash|zsh|fish``: a script for the shell, in which everything that can be completed is written
down, so that a TAB starts no Python.

shtab writes what argparse knows: commands, options and their choices. KEY=VALUE, networks and runs are this module's:
a function for each, the same few lines of POSIX shell behind all three shells.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chansearch.cli.parser import Parser
from chansearch.errors import UserError

if TYPE_CHECKING:
    from chansearch.config import Tree

SHELLS = ("bash", "zsh", "fish")

# Prints what the word ($1) may become; $2 is the folder of the user's own groups, the rest are the settings there are:
# KEY=CHOICE where the choices are known, or else KEY=. Keys are completed up to their next dot.
_SETTINGS = """
word=$1 own=$2
shift 2
case $word in
*=*)
    key=${word%%=*} value=${word#*=} folder=${word%%=*}
    [ "$folder" = space ] && folder=search_spaces
    for file in "$own/$folder"/*.yaml; do
        [ -e "$file" ] && name=${file##*/} && set -- "$@" "$key=${name%.yaml}"
    done
    for known; do
        case $known in *=) ;; "$word"*) printf "%s\\n" "$known" ;; esac
    done
    case ${key##*.} in
    root|test_root|cache|results|model|weights)
        for file in "$value"*; do
            if [ -d "$file" ]; then printf "%s=%s/\\n" "$key" "$file"
            elif [ -e "$file" ]; then printf "%s=%s\\n" "$key" "$file"; fi
        done ;;
    esac ;;
*)
    for known; do
        known=${known%%=*}=
        case $known in
        "$word"*)
            rest=${known#"$word"}
            case $rest in *.*) printf "%s\\n" "$word${rest%%.*}." ;; *) printf "%s\\n" "$known" ;; esac ;;
        esac
    done ;;
esac | sort -u
"""

# Prints the words, the runs and trainings under results/, and the files that begin with the word ($1).
_PLACES = """
word=$1
shift
for known; do
    case $known in "$word"*) printf "%s\\n" "$known" ;; esac
done
for run in results/*/config.yaml; do
    case ${run%/config.yaml} in "$word"*) [ -e "$run" ] && printf "%s\\n" "${run%/config.yaml}" ;; esac
done
for file in "$word"*; do
    if [ -d "$file" ]; then [ -e "$file/config.yaml" ] || printf "%s/\\n" "$file"
    else
        case $file in *.yaml|*.yml|*.pt|*.pth) [ -e "$file" ] && printf "%s\\n" "$file" ;; esac
    fi
done
"""

# What is common to the functions of a shell: {settings} and {places} are the scripts above, quoted.
_COMMON = {
    "bash": """
_chansearch_word() {  # "=" is a word of its own for bash: a=b is put together again
  local at=$COMP_CWORD
  word=${COMP_WORDS[at]}
  while (( at > 1 )) && [[ ${COMP_WORDS[at]} == = || ${COMP_WORDS[at-1]} == = ]]; do
    (( at-- )); word=${COMP_WORDS[at]}$word
  done
}
_chansearch_settings() {
  local word own= at line
  _chansearch_word
  for (( at = 1; at < COMP_CWORD; at++ )); do
    [[ ${COMP_WORDS[at-1]} == --config-dir || ${COMP_WORDS[at-1]} == -cd ]] && own=${COMP_WORDS[at]}
  done
  while IFS= read -r line; do
    [[ $word == *=* && $COMP_WORDBREAKS == *=* ]] && line=${line#*=}
    printf '%s\\n' "$line"
  done < <(sh -c {settings} sh "$word" "$own" "$@")
}
_chansearch_places() {
  sh -c {places} sh "${COMP_WORDS[COMP_CWORD]}" "$@"
}
_chansearch() {
  _shtab_chansearch "$@"
  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=./] ]] && compopt -o nospace
  return 0
}
""",
    "zsh": """
_chansearch_add() {  # nothing behind what goes on
  local -a found=("$@")
  compadd -S '' -- ${(M)found:#*[=./]}
  compadd -- ${found:#*[=./]}
}
_chansearch_settings() {
  local own=${words[${words[(I)--config-dir]}+1]}
  (( ${words[(I)--config-dir]} )) || own=
  _chansearch_add ${(f)"$(sh -c {settings} sh "$PREFIX" "$own" "$@")"}
}
_chansearch_places() {
  _chansearch_add ${(f)"$(sh -c {places} sh "$PREFIX" "$@")"}
}
""",
    "fish": """
function _chansearch_settings
  set -l own ''
  set -l typed (commandline -opc)
  if set -l at (contains -i -- --config-dir $typed); and test $at -lt (count $typed)
    set own $typed[(math $at + 1)]
  end
  sh -c {settings} sh (commandline -ct) "$own" $argv
end
function _chansearch_places
  sh -c {places} sh (commandline -ct) $argv
end
""",
}

_FUNCTION = {
    "bash": "{name}() {{ {calls} {words}; }}",
    "zsh": "{name}() {{ {calls} {words} }}",
    "fish": "function {name}; {calls} {words}; end",
}


def add(commands: argparse._SubParsersAction, root: Parser) -> None:
    """The parser of this module's command; ``root`` is the one whose words are completed."""
    completion = commands.add_parser(
        "completion",
        help='TAB in your shell: eval "$(chansearch completion bash)"',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Print a script that completes commands, options, groups, settings, networks and runs.",
        epilog="\n".join(
            [
                "once, for every shell to come:",
                "  bash: chansearch completion bash > ~/.local/share/bash-completion/completions/chansearch",
                "  zsh:  chansearch completion zsh > DIR/_chansearch, with DIR in fpath before compinit",
                "  fish: chansearch completion fish > ~/.config/fish/completions/chansearch.fish",
                "again after an update, for groups and settings that are new",
            ]
        ),
    )
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    completion.set_defaults(run=lambda given: print(script(root, given.shell)))


def script(root: Parser, shell: str) -> str:
    """What ``shell`` is to read."""
    try:
        import shtab
    except ImportError:
        raise UserError("completion: needs the package shtab: pip install shtab") from None
    common = _COMMON[shell].replace("{settings}", shlex.quote(_SETTINGS)).replace("{places}", shlex.quote(_PLACES))
    functions = [common]
    by_metavar = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "IMAGE": shtab.FILE}
    for path, action in _actions(root):
        if (kind := by_metavar.get(action.metavar)) is not None:
            action.complete = kind
        elif (asked := _asked(path, action)) is not None:
            # Without the underscore of run_directory: what has _dir in its name is taken for folders by shtab.
            name = f"_chansearch_of_{'_'.join(path)}_{action.dest.replace('_', '')}"
            calls, words = asked
            quoted = " ".join(shlex.quote(word) for word in words)
            functions.append(_FUNCTION[shell].format(name=name, calls=calls, words=quoted))
            action.complete = {"bash": name, "zsh": name, "fish": f"({name})"}
    written = shtab.complete(root, shell, root_prefix="chansearch", preamble="\n".join(functions))
    if shell == "bash":
        written += "\ncomplete -o bashdefault -F _chansearch chansearch"  # in the place of shtab's own
    if shell == "zsh":  # shtab 1.13 writes for any number of words what zsh takes for one
        written = re.sub(r'"\(\*\)::?', '"*:', written)
    return written


def _actions(parser: Parser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], argparse.Action]]:
    """Every argument and option of every command, with the command."""
    commands = parser.subcommands()
    for name, command in commands.items():
        yield from _actions(command, (*path, name))
    if not commands:
        for action in parser._actions:
            yield path, action


def _asked(path: tuple[str, ...], action: argparse.Action) -> tuple[str, list[str]] | None:
    """The function that completes an argument, and the words it is given; None for what is not to be completed."""
    if action.metavar in ("RUN", "A", "B"):
        return "_chansearch_places", []
    if action.metavar in ("NETWORK", "MODEL", "MODEL|KEY=VALUE"):
        from chansearch.nets.presets import PRESETS

        return "_chansearch_places", list(PRESETS)
    if action.dest == "overrides":
        return "_chansearch_settings", settings(path)
    return None


def settings(path: tuple[str, ...]) -> list[str]:
    """What may stand as KEY=VALUE behind a command: KEY=CHOICE where the choices are known, or else KEY=."""
    from chansearch.config import groups, known_keys
    from chansearch.nets.files import FIELDS

    if path == ("build",):
        return [f"{name}=" for name in FIELDS]
    if path == ("study", "proxies"):
        from chansearch.train.config import DataConfig

        return [f"data.{field.name}=" for field in dataclasses.fields(DataConfig)]
    tree = _tree(path)
    choices = {
        key: ["true", "false"] if kind is bool else [""]
        for key, kind in known_keys(tree.schema).items()
        if not dataclasses.is_dataclass(kind)
    }
    if tree.free is not None:
        choices |= {f"{tree.free}.{name}": [""] for name in FIELDS}
    if path != ("resume",):  # a run that is gone on with takes single keys
        choices |= groups(tree=tree)
    return [f"{key}={choice}" for key, those in choices.items() for choice in those]


def _tree(path: tuple[str, ...]) -> Tree:
    """Of the settings of a command."""
    from chansearch.config import SEARCH
    from chansearch.studies.config import NONLINEARITY, STUDY
    from chansearch.transfer.config import TRAINING
    from chansearch.transfer.detection.config import DETECTION

    match path:
        case ("train",) | ("eval",) | ("transfer", "finegrained"):
            return TRAINING
        case ("transfer", *_):
            return DETECTION
        case ("study", "nonlinearity"):
            return NONLINEARITY
        case ("study", *_):
            return STUDY
        case _:
            return SEARCH
