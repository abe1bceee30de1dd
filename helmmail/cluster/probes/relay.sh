# relay.py for bash (by /dev/tcp, with cat), else for sh with nc, which may be busybox's.
# Input: host, port, seconds and quiet seconds, each a line; then what the server gets.
# Of nc it is not known here when it is connected. The line says `try` where nc will say so on stderr, else `hope`.
# What -w means differs as well: with -v it is the silence after which nc ends, in a small busybox the connection's time.
LC_ALL=C
export LC_ALL
read -r host
read -r port
read -r seconds
read -r quiet
say() { printf '\nhelmmail-relay:%s\n' "$1"; }
if [ -n "$BASH_VERSION" ]; then
  command -v cat >/dev/null || exit 127
  { sleep "$seconds" >/dev/null 2>&1 && say "failed timed out" && kill -9 $$; } &
  timer=$!
  if ! exec 3<>"/dev/tcp/$host/$port"; then
    kill "$timer"
    say "failed"
    exit 1
  fi
  kill "$timer" 2>/dev/null
  say "open"
  exec 4<&0
  cat <&3 &
  down=$!
  cat <&4 >&3 &
  up=$!
  wait -n "$down" "$up"
  kill "$down" "$up" 2>/dev/null
  exit 0
fi
if command -v nc >/dev/null; then nc=nc
elif command -v busybox >/dev/null; then nc="busybox nc"
else exit 127
fi
case $($nc -h 2>&1 </dev/null) in
  *"not found"*) exit 127 ;;
  *-v*) say "try $nc"; exec $nc -v -w "$quiet" "$host" "$port" ;;
  *) say "hope $nc"; exec $nc -w "$seconds" "$host" "$port" ;;
esac
