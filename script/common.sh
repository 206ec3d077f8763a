# What the scripts beside this file share: sourced by each, with bash.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# Names with a version would win over LUA_PATH, and LUA_INIT runs anything.
unset LUA_INIT
for version in 2 3 4; do
  unset "LUA_PATH_5_$version" "LUA_CPATH_5_$version" "LUA_INIT_5_$version"
done
export LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;$root/lcurl/lua/?.lua;$root/?.lua;;"

# choose_lua NAME [LUA [BUILD]]: for which Lua to build and which to run. Each
# has a build folder of its own.
choose_lua() {
  case $1 in
    lua5.4) LUA=${2:-$1} MULTISOCK_BUILD=${3:-$root/build} ;;
    lua5.[123] | luajit) LUA=${2:-$1} MULTISOCK_BUILD=${3:-$root/build-$1} ;;
    *)
      echo "MULTISOCK_LUA: lua5.4, lua5.3, lua5.2, lua5.1 or luajit expected, got '$1'" >&2
      exit 2
      ;;
  esac
  export MULTISOCK_LUA=$1 LUA MULTISOCK_BUILD "LUA_CPATH=$MULTISOCK_BUILD/?.so;;"
}
choose_lua "${MULTISOCK_LUA:-lua5.4}" "${LUA:-}" "${MULTISOCK_BUILD:-}"

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
  MULTISOCK_RESULT=$result "${under[@]}" "$LUA" "${BUSTED:-$(command -v busted)}" \
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
