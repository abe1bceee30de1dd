#!/usr/bin/env bash
# Fails the job last, when everything has been shown. A pending move alone is no failure: that is the output `changed`.
# Reads HELMMAIL_MIGRATE, HELMMAIL_VALIDATE (the exit codes, empty where a command did not run) and INPUT_FAIL_ON.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ "$INPUT_FAIL_ON" = never ]; then
  exit 0
fi
failed=0
if [ "${HELMMAIL_MIGRATE:-0}" != 0 ]; then
  say error 'the move would bring in settings that cannot work; the step summary lists them'
  failed=1
fi
if [ "${HELMMAIL_VALIDATE:-0}" != 0 ]; then
  say error "validate found mail settings to mend (fail-on: $INPUT_FAIL_ON)"
  failed=1
fi
exit "$failed"
