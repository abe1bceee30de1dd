#!/usr/bin/env bash
# Shows comment.md as one comment on the pull request: made once, then kept up to date.
# Reads HELMMAIL_FOLDER, HELMMAIL_TOKEN, HELMMAIL_WANTED (true: worth a new comment) and the runner's GITHUB_*.
# A comment that cannot be written is a notice or a warning, never a failure: the step summary has the same text.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LONGEST=65536 # characters that GitHub takes in a comment
PAGES=100     # of a hundred comments each

give_up() { # LEVEL REASON
  say "$1" "No comment on the pull request: $2. The report is in the step summary."
  exit 0
}

number=$(jq -r '.pull_request.number // empty' "$GITHUB_EVENT_PATH")
[ -n "$number" ] || give_up notice "this run ($GITHUB_EVENT_NAME) belongs to none"
[ -n "$HELMMAIL_TOKEN" ] || give_up warning 'the input github-token is empty'

# Two jobs that use this action have a comment each; the marker at a comment's start tells whose it is.
job=$(printf '%s\n%s' "$GITHUB_WORKFLOW" "$GITHUB_JOB" | cksum | tr ' ' '-')
marker="<!-- helmmail:$job -->"
answer="$HELMMAIL_FOLDER/answer"
headers="$HELMMAIL_FOLDER/headers"
api="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues"

call() { # METHOD URL [CURL-OPTION...]: sets http; 000 where there was no answer
  local method=$1 url=$2
  shift 2
  # The token comes from a pipe: what stands on a command line, every process can read.
  http=$(curl --silent --max-time 30 --request "$method" "$url" --output "$answer" --dump-header "$headers" \
    --write-out '%{http_code}' --header 'Accept: application/vnd.github+json' \
    --header 'X-GitHub-Api-Version: 2022-11-28' --header 'User-Agent: helmmail' \
    --header @<(printf 'Authorization: Bearer %s\n' "$HELMMAIL_TOKEN") "$@") || http=000
}

refused() { # ends the step after a call that did not succeed
  local message origin
  if [ "$http" = 000 ]; then
    give_up warning "$GITHUB_API_URL does not answer"
  fi
  origin=$(jq -r '.pull_request.head.repo.full_name // "a deleted repository"' "$GITHUB_EVENT_PATH")
  if [ "$http" = 403 ] && [ "$origin" != "$GITHUB_REPOSITORY" ]; then
    give_up notice "it comes from a fork ($origin), and a fork's token may only read"
  fi
  if [ "$http" = 403 ]; then
    give_up warning "the token may not write it; give the job 'permissions: pull-requests: write'"
  fi
  message=$(jq -r '.message? // empty' "$answer" 2>/dev/null) || message=
  give_up warning "GitHub answered $http${message:+ ($message)}"
}

id=
for ((page = 1; page <= PAGES; page++)); do
  call GET "$api/$number/comments?per_page=100&page=$page"
  [ "$http" = 200 ] || refused
  id=$(jq -r --arg marker "$marker" '[.[] | select(.body // "" | startswith($marker)) | .id] | first // empty' "$answer")
  [ -z "$id" ] || break
  grep -qi '^link:.*rel="next"' "$headers" || break
done
if [ -z "$id" ] && [ "$HELMMAIL_WANTED" != true ]; then
  echo 'Nothing to comment on: no move is pending.'
  exit 0
fi

payload="$HELMMAIL_FOLDER/payload.json"
summary="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
jq -n --arg marker "$marker" --rawfile report "$HELMMAIL_FOLDER/comment.md" --argjson longest "$LONGEST" \
  --arg short "helmmail's report is too long for a comment: see [the step summary]($summary)." \
  '($marker + "\n" + $report) as $body
   | {body: (if ($body | length) <= $longest then $body else $marker + "\n" + $short end)}' >"$payload"

if [ -n "$id" ]; then
  call PATCH "$api/comments/$id" --header 'Content-Type: application/json' --data-binary "@$payload"
  [ "$http" = 200 ] || refused
  echo "Updated comment $id."
else
  call POST "$api/$number/comments" --header 'Content-Type: application/json' --data-binary "@$payload"
  [ "$http" = 201 ] || refused
  echo "Wrote comment $(jq -r .id "$answer")."
fi
