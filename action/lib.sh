# shellcheck shell=bash
# What the steps of the action share. Reads INPUT_* (the action's inputs) and the variables of the runner; runs with
# bash 3.2 too, which macOS has.

# Text as the message of a workflow command.
escape() {
  local text=$1
  text=${text//\%/%25}
  text=${text//$'\r'/%0D}
  text=${text//$'\n'/%0A}
  printf '%s' "$text"
}

# Text as a property of a workflow command, where a colon and a comma end it.
escape_property() {
  local text
  text=$(escape "$1")
  text=${text//:/%3A}
  text=${text//,/%2C}
  printf '%s' "$text"
}

say() { # LEVEL MESSAGE: an annotation; LEVEL is notice, warning or error
  printf '::%s title=helmmail::%s\n' "$1" "$(escape "$2")"
}

die() { # MESSAGE: for an input of the action that cannot be used
  say error "$1"
  exit 2
}

set_output() { # NAME VALUE
  printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# A file in the log. The runner reads commands from the log, and files of a pull request may hold some.
show() { # FILE
  local token
  [ -s "$1" ] || return 0
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
  cat "$1"
  printf '\n::%s::\n' "$token"
}

# The lines `helmmail: file:line:column: text` of a failed run, as annotations.
show_input_errors() { # FILE
  local line place='^helmmail: ([^:]+):([0-9]+):([0-9]+): (.*)$'
  while IFS= read -r line; do
    if [[ $line =~ $place ]]; then
      printf '::error title=helmmail,file=%s,line=%s,col=%s::%s\n' "$(escape_property "${BASH_REMATCH[1]}")" \
        "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "$(escape "${BASH_REMATCH[4]}")"
    elif [[ $line == 'helmmail: '* || $line == 'Error: '* ]]; then
      say error "${line#*: }"
    fi
  done <"$1"
}

helmmail() {
  "$HELMMAIL_FOLDER/venv/bin/helmmail" "$@"
}

# Options are written --name=value: a value that starts with a hyphen stays a value.
options=()
option() { # --NAME VALUE: nothing where VALUE is empty
  if [ -n "$2" ]; then
    options+=("$1=$2")
  fi
}

# The options that migrate and validate share, and the paths, one a line of the input.
read_selection() {
  local line
  option --from "$INPUT_FROM"
  option --to "$INPUT_TO"
  option --config "$INPUT_CONFIG"
  paths=()
  while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"}
    line=${line%"${line##*[![:space:]]}"}
    if [ -n "$line" ]; then
      paths+=("$line")
    fi
  done <<<"$INPUT_PATHS"
}

# Runs a command of helmmail with the options and paths read. Sets `status`; stops where it found no answer (2 and
# above), with what it said as annotations.
run_helmmail() { # FILE COMMAND OPTION...: stdout goes to FILE, stderr to $HELMMAIL_FOLDER/log
  local out=$1
  shift
  status=0
  helmmail "$@" ${options[@]+"${options[@]}"} -- ${paths[@]+"${paths[@]}"} >"$out" 2>"$HELMMAIL_FOLDER/log" || status=$?
  if [ "$status" -ge 2 ]; then
    show "$HELMMAIL_FOLDER/log"
    show_input_errors "$HELMMAIL_FOLDER/log"
    exit "$status"
  fi
}

count_errors() { # FILE with helmmail's JSON
  jq '[.findings[] | select(.severity == "error")] | length' "$1"
}
