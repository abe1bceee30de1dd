#!/usr/bin/env bash
# Checks the inputs that are choices, and installs helmmail into a virtual environment of the job.
# Reads INPUT_COMMAND, INPUT_COMMENT, INPUT_FAIL_ON, INPUT_VERSION; output: folder, which the other steps work in.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

choice() { # NAME VALUE CHOICE...
  local name=$1 value=$2 each
  shift 2
  for each in "$@"; do
    [ "$each" != "$value" ] || return 0
  done
  die "the input $name is '$value'; it takes one of: $*"
}
choice command "$INPUT_COMMAND" both validate migrate
choice comment "$INPUT_COMMENT" true false
choice fail-on "$INPUT_FAIL_ON" error warning note never

action=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
what=$action
pins=(--constraint "$action/constraints.txt")
if [ -n "$INPUT_VERSION" ]; then
  # What pip would read as anything but a version (a URL, an option) must not get there.
  [[ $INPUT_VERSION =~ ^[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?$ ]] ||
    die "the input version is '$INPUT_VERSION'; it takes a released version, such as 0.1.0"
  what="helmmail==$INPUT_VERSION"
  pins=()
fi

for tool in curl jq python3; do
  command -v "$tool" >/dev/null || die "$tool is not on this runner; install it before this step"
done
# -I: the folder that this runs in is the pull request's, and no module may come from there.
python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "helmmail needs Python 3.11 or newer and this runner has $(python3 -I -V); give the action python-version: '3.13'"
python3 -I -m pip --version >/dev/null 2>&1 ||
  die "this runner's python3 has no pip; install it, or give the action python-version: '3.13'"

folder=$(mktemp -d "$RUNNER_TEMP/helmmail.XXXXXX")
python3 -I -m venv --without-pip "$folder/venv"
python3 -I -m pip --python "$folder/venv/bin/python" install --quiet --disable-pip-version-check --no-input \
  --root-user-action=ignore ${pins[@]+"${pins[@]}"} -- "$what"
"$folder/venv/bin/helmmail" --version
set_output folder "$folder"
