"""Shell completion: nouns from the table, verbs and options by asking the noun's own command for its names."""

import importlib
import os
import sys
from collections.abc import Sequence

from dcops.cli.table import NOUNS

_BASH = """\
_dcops() {
  local IFS=$'\\n'
  COMPREPLY=($(_DCOPS_COMPLETE=1 COMP_WORDS="${COMP_WORDS[*]:1:COMP_CWORD}" dcops 2>/dev/null))
}
complete -o default -F _dcops dcops
"""
_ZSH = """\
#compdef dcops
_dcops() {
  local -a found
  found=("${(@f)$(_DCOPS_COMPLETE=1 COMP_WORDS="${(F)words[2,CURRENT]}" dcops 2>/dev/null)}")
  compadd -- $found
}
compdef _dcops dcops
"""
_FISH = """\
function __dcops_complete
  set -lx COMP_WORDS (string join \\n -- (commandline -opc)[2..] (commandline -ct))
  env _DCOPS_COMPLETE=1 dcops 2>/dev/null
end
complete -c dcops -f -a '(__dcops_complete)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(arguments: Sequence[str]) -> int:
    """Print the completion script for the shell named; 2 when it is unknown."""
    if len(arguments) != 1 or arguments[0] not in SCRIPTS:
        print(f"dcops: --completion takes one of {', '.join(SCRIPTS)}", file=sys.stderr)
        return 2
    print(SCRIPTS[arguments[0]], end="")
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """Give what may stand for the last of `words`, the words typed after `dcops`."""
    done, last = list(words[:-1]), words[-1] if words else ""
    if not done:
        return [noun for noun in NOUNS if noun.startswith(last)]
    if done[0] not in NOUNS:
        return []
    import typer

    node = typer.main.get_command(importlib.import_module(NOUNS[done[0]][0]).app)
    for word in done[1:]:
        node = getattr(node, "commands", {}).get(word, node)
    options = [name for parameter in node.params for name in parameter.opts if name.startswith("--")]
    names = [*getattr(node, "commands", {}), *([*options, "--help"] if last.startswith("-") else [])]
    return [name for name in names if name.startswith(last)]


def answer() -> int:
    """Answer a shell: print the candidates for the words in COMP_WORDS, one a line."""
    words = os.environ.get("COMP_WORDS", "").replace("\n", " ").split(" ")
    print("\n".join(candidates(words)))
    return 0
