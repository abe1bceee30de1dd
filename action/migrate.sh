#!/usr/bin/env bash
# The dry run of the move: its diff into a file, its report into the step summary and into comment.md.
# Reads HELMMAIL_FOLDER and INPUT_PATHS, _FROM, _TO, _HOST, _PORT, _SENDER, _CONFIG.
# Outputs: changed, diff-file, errors, status (1: the move would bring in settings that cannot work).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read_selection
option --host "$INPUT_HOST"
option --port "$INPUT_PORT"
option --sender "$INPUT_SENDER"

diff="$HELMMAIL_FOLDER/helmmail.diff"
run_helmmail "$diff" migrate --dry-run --output diff
show "$HELMMAIL_FOLDER/log"
changed=false
if [ -s "$diff" ]; then
  changed=true
fi
set_output changed "$changed"
set_output diff-file "$diff"

run_helmmail "$HELMMAIL_FOLDER/migrate.json" migrate --dry-run --output json
set_output errors "$(count_errors "$HELMMAIL_FOLDER/migrate.json")"
run_helmmail "$HELMMAIL_FOLDER/comment.md" migrate --dry-run --output markdown
cat "$HELMMAIL_FOLDER/comment.md" >>"$GITHUB_STEP_SUMMARY"
set_output status "$status"
