"""Completion for bash 4.2 and later."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from ffplay.report.commands import Argument, Command

# `takes` sets what a command takes, `value` what stands for one of its values. The verbs come first on ffplay's command
# line, so the leading words say which command it is. bash breaks words at `=`, hence the look at what stands around it.
_FRAME = r"""# Completion of ff-play for bash.
_ff_play() {
  local command= options= valued= verbs= kind= words= joined= cur prev word
  local -a arguments=()
  local -i at=1 place=0
  cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  _ff_play_takes ''
  while (( at < COMP_CWORD )) && [[ " $verbs " == *" ${COMP_WORDS[at]} "* ]]; do
    command+=${command:+ }${COMP_WORDS[at]}
    at+=1
    _ff_play_takes "$command"
  done
  if [[ $cur == '=' ]]; then
    cur= joined=1
  elif [[ $prev == '=' ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]} joined=1
  fi
  if [[ " $valued " == *" $prev "* ]]; then
    _ff_play_value "$command" "$prev"
  elif [[ -n $joined ]]; then
    for word in $options; do
      [[ $word != "$prev="* ]] || words+=" ${word#*=}"
    done
  elif [[ $cur == -* ]]; then
    words=$options
  elif [[ -n $verbs ]]; then
    words=$verbs
  else
    for (( ; at < COMP_CWORD; at++ )); do
      word=${COMP_WORDS[at]}
      if [[ " $valued " == *" $word "* ]]; then
        [[ ${COMP_WORDS[at+1]} != '=' ]] || at+=1
        at+=1
      elif [[ $word != -* ]]; then
        place+=1
      fi
    done
    (( place < ${#arguments[@]} )) || place=${#arguments[@]}-1
    (( place < 0 )) || _ff_play_value "$command" "${arguments[place]}"
  fi
  COMPREPLY=()
  if [[ $kind == file || $kind == directory ]]; then
    compopt -o filenames 2>/dev/null
    [[ $kind == file ]] && kind=-f || kind=-d
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$kind" -- "$cur")
  else
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$cur")
  fi
}
"""
_END = "complete -F _ff_play ff-play\n"


def script(program: Command) -> str:
    """Return the script."""
    takes = [line for command in program.every() for line in _takes(command)]
    values = [line for command in program.every() for line in _values(command)]
    parts = (_FRAME, *_case("_ff_play_takes", "$1", takes), *_case("_ff_play_value", "$1 $2", values))
    return "".join(parts) + _END


def _case(name: str, word: str, lines: list[str]) -> Iterator[str]:
    yield f'{name}() {{\n  case "{word}" in\n'
    yield from (f"  {line}\n" for line in lines)
    yield "  esac\n}\n"


def _takes(command: Command) -> Iterator[str]:
    options = " ".join(name for option in command.options for name in option.names)
    valued = " ".join(name for option in command.options if option.value for name in option.names)
    verbs = " ".join(inner.words[-1] for inner in command.commands)
    arguments = " ".join(quote(argument.value) for argument in command.positionals)
    path = quote(" ".join(command.words))
    yield f"{path}) options={quote(options)} valued={quote(valued)} verbs={quote(verbs)} arguments=({arguments}) ;;"


def _values(command: Command) -> Iterator[str]:
    for argument in command.arguments:
        meaning = _meaning(argument)
        path = " ".join(command.words)
        if meaning:
            names = argument.names or (argument.value,)
            yield f"{'|'.join(quote(f'{path} {name}') for name in names)}) {meaning} ;;"


def _meaning(argument: Argument) -> str:
    if argument.choices:
        return f"words={quote(' '.join(argument.choices))}"
    return f"kind={argument.kind}" if argument.kind else ""
