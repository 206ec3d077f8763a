# What the scripts beside this file share: sourced by each, with bash.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
LUA=${LUA:-lua5.4}
: "${MULTISOCK_BUILD:=$root/build}"
export LUA MULTISOCK_BUILD

# Names with a version would win over LUA_PATH, and LUA_INIT runs anything.
unset LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT LUA_INIT_5_4
export LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;$root/?.lua;;"
export LUA_CPATH="$MULTISOCK_BUILD/?.so;;"

say() { printf '== %s\n' "$*"; }

# run_specs NAME [busted's arguments]: runs the specs under the command in the
# array `under` and adds to the counts below. The counts are busted's own; an
# end without a result, or with no spec at all, counts as a failure.
under=()
passed=0 failed=0 skipped=0
run_specs() {
  local result=$MULTISOCK_BUILD/$1 status=0 counts=(0 0 0)
  shift
  rm -f "$result"
  # The path in .busted is for a busted without these scripts: it would win over
  # LUA_CPATH, and every other build would go untested.
  MULTISOCK_RESULT=$result "${under[@]}" "$LUA" "${BUSTED:-$(command -v busted)}" \
    --cpath="$MULTISOCK_BUILD/?.so" \
    --output="$root/script/busted-handler.lua" "$@" || status=$?
  if [ -s "$result" ]; then
    read -ra counts <"$result"
    passed=$((passed + counts[0])) failed=$((failed + counts[1]))
    skipped=$((skipped + counts[2]))
  fi
  if [ ! -s "$result" ]; then
    fail "busted ended before its result, with status $status"
  elif [ "$status" != 0 ] && [ "${counts[1]}" = 0 ]; then
    fail "every spec passed, but the run ended with status $status"
  elif [ $((counts[0] + counts[1] + counts[2])) = 0 ]; then
    fail "not one spec was found"
  fi
}

fail() {
  failed=$((failed + 1))
  printf 'FAILED: %s\n' "$*"
}

# The last line of a run, for people and programs: "N passed, N failed".
conclude() {
  printf '%d passed, %d failed' "$passed" "$failed"
  [ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
  echo
  [ "$failed" = 0 ]
  exit
}
