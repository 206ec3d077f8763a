#!/bin/sh
# Runs a test server for as long as somebody holds our standard input open.
#
#   watchdog.sh DIR COMMAND...
#
# servers.lua opens that pipe with io.popen: closing it stops the server, and so
# does the death of the Lua process, however it dies. DIR gets the files stdout,
# stderr, pid, and ended once the server has ended; it is removed at the end.
dir=$1
shift
# A sanitizer's, for programs that are not built with it: servers are slow with it.
unset LD_PRELOAD
# An interrupt from the terminal reaches us too, but there is work left to do.
trap '' INT HUP

# A shell gives its background jobs no input: hand ours over as descriptor 3.
exec 3<&0
{
  sh -c 'echo $$ >"$0/pid"; exec "$@"' "$dir" "$@" \
    <&3 3<&- >"$dir/stdout" 2>"$dir/stderr"
  echo $? >"$dir/ended"
} &

# Nothing is ever written to the pipe: this returns when it is closed.
cat >/dev/null

tries=0
while [ ! -e "$dir/ended" ]; do
  tries=$((tries + 1))
  # Asked again and again, as a server that is just starting has no pid yet.
  signal=TERM
  [ $tries -gt 250 ] && signal=KILL
  kill -s $signal "$(cat "$dir/pid")"
  sleep 0.02
done 2>/dev/null
wait
rm -rf "$dir"
