#!/usr/bin/env bash
# Checks the settings: annotations on the changed lines, and the step summary.
# Reads HELMMAIL_FOLDER and INPUT_PATHS, _FROM, _TO, _CONFIG, _FAIL_ON.
# Outputs: errors, status (1: there is a finding as grave as INPUT_FAIL_ON).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read_selection
if [ "$INPUT_FAIL_ON" != never ]; then
  option --fail-on "$INPUT_FAIL_ON"
fi

run_helmmail "$HELMMAIL_FOLDER/validate.json" validate --output json
set_output errors "$(count_errors "$HELMMAIL_FOLDER/validate.json")"
run_helmmail "$HELMMAIL_FOLDER/annotations" validate --output github
cat "$HELMMAIL_FOLDER/annotations"
show "$HELMMAIL_FOLDER/log"
set_output status "$status"
