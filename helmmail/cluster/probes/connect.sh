# Whether TLS works, by openssl; the rest of connect.py's talk needs an interpreter.
# Input, each a line: host, port, starttls or implicit, the file of an authority or an empty line, seconds.
LC_ALL=C
export LC_ALL
read -r host
read -r port
read -r security
read -r authority
read -r seconds
set -- s_client -connect "$host:$port" -servername "${host#[}" -verify_return_error -brief
case $host in
  *[!0-9.]*) set -- "$@" -verify_hostname "$host" ;;
  *) set -- "$@" -verify_ip "$host" ;;
esac
[ "$security" = starttls ] && set -- "$@" -starttls smtp
[ -n "$authority" ] && set -- "$@" -CAfile "$authority"
said=$(
  openssl "$@" </dev/null 2>&1 &
  client=$!
  { sleep "$seconds"; kill "$client"; } >/dev/null 2>&1 &
  timer=$!
  wait "$client"
  code=$?
  kill "$timer" 2>/dev/null
  printf '\nexit %s\n' "$code"
)
say() { printf '\nhelmmail-probe:{"client": "%s"}\n' "$1"; }
case $said in
  *"Verification: OK"*"exit 0"*) say verified ;;
  *"onnection refused"*) say refused ;;
  *"erify error:"*|*"verification error:"*|*"certificate verify failed"*)
    reason=$(printf %s "$said" | sed -n 's/.*verif[a-z]* error:\(num=[0-9]*:\)\{0,1\}//p' | sed -n 1p)
    reason=$(printf %s "$reason" | tr -cd 'A-Za-z0-9 .,:-')
    say "untrusted: $reason" ;;
  *"exit 143"*|*"exit 137"*) say silent ;;
  *"o such host"*|*"ame or service not known"*|*"ddress lookup"*|*"does not resolve"*|*"ailure in name resolution"*) say unknown ;;
  *"Didn't find STARTTLS"*|*"STARTTLS"*) say "no STARTTLS" ;;
  *) say "no TLS" ;;
esac
