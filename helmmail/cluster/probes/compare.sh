# compare.py for sh with openssl, tr and sed. Input, each a line: the two blocks of the key (HMAC, RFC 2104) as octal escapes,
# then NAME DIGEST for each variable (DIGEST is - for one that should not be set), then an empty line.
# Knows less than the others: only a container whose process 1 is its own.
LC_ALL=C
export LC_ALL
read -r inner
read -r outer
say() { printf '\nhelmmail-probe:%s\n' "$1"; }
for tool in tr sed openssl readlink; do
  command -v "$tool" >/dev/null 2>&1 || { say "{\"problem\": \"$tool is not in the image\"}"; exit 0; }
done
own=$(readlink "/proc/$$/ns/mnt")
first=$(readlink /proc/1/ns/mnt 2>/dev/null)
if [ -z "$first" ]; then
  say '{"problem": "the environment of process 1 cannot be read"}'
  exit 0
elif [ "$first" != "$own" ]; then
  say '{"problem": "the containers of the pod share a process namespace: sh cannot tell which process is whose"}'
  exit 0
fi
parent_of() { sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null; }
# The processes that descend from process 1, and of them those without children.
all="" parents=" "
for folder in /proc/[0-9]*; do
  pid=${folder#/proc/}
  case $(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "$folder/status" 2>/dev/null) in Z|X|"") continue ;; esac
  up=$pid
  while [ "$up" != 1 ] && [ "${up:-0}" != 0 ] && [ "$up" != $$ ]; do up=$(parent_of "$up"); done
  [ "$up" = 1 ] || continue
  all="$all $pid"
  parents="$parents$(parent_of "$pid") "
done
# 0: the same, 1: another, 2: not set, 3: cannot be read
state() {
  [ -r "/proc/$1/environ" ] || return 3
  odd=$(tr -cd '\001' 2>/dev/null <"/proc/$1/environ") || return 3
  [ -z "$odd" ] || return 3
  found=$(tr '\n\0' '\001\n' <"/proc/$1/environ" | sed -n "s/^$2=/=/p;" | sed -n 1p)
  if [ -z "$found" ]; then
    damaged=$(tr '\n\0' '\001\n' <"/proc/$1/environ" | sed -n '/^[^=][^=]*=/!p' | sed -n '$=')
    [ -z "$damaged" ] || return 3
    [ "$3" = - ] && return 0
    return 2
  fi
  [ "$3" = - ] && return 1
  made=$({ printf "$outer"; { printf "$inner"; printf %s "${found#=}" | tr '\001' '\n'; } | openssl dgst -sha256 -binary; } |
    openssl dgst -sha256 -r)
  [ "${made%% *}" = "$3" ] && return 0
  return 1
}
results="" separator=""
while read -r name digest && [ -n "$name" ]; do
  verdict="" with="" without="" hidden="" why=""
  for pid in $all; do
    state "$pid" "$name" "$digest"
    code=$?
    case $parents in *" $pid "*) leaf="" ;; *) leaf=1 ;; esac
    case $code in
      1) verdict=false why="process $pid has another value"; break ;;
      3) [ -n "$leaf" ] || [ "$pid" = 1 ] && hidden=${hidden:-$pid} ;;
      2) [ -n "$leaf" ] && without=${without:-$pid} ;;
      0) [ -n "$leaf" ] && with=${with:-$pid} ;;
    esac
  done
  if [ -n "$verdict" ]; then :
  elif [ -n "$hidden" ]; then verdict=null why="the environment of process $hidden cannot be read"
  elif [ -z "$without" ] && [ -n "$with" ]; then verdict=true why="process $with has it"
  elif [ -z "$with" ] && [ -n "$without" ]; then verdict=false why="process $without does not have it"
  else verdict=null why="process $without does not have it, others do"
  fi
  [ "$digest" = - ] && [ "$verdict" = true ] && why="no process has it"
  results="$results$separator\"$name\": [$verdict, \"$why\"]"
  separator=", "
done
say "{\"results\": {$results}}"
