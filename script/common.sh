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

# explain [FIRST ARGUMENT]: when it asks for help, prints what the script says of
# itself at its top, and ends.
explain() {
  case ${1:-} in
    -h | --help)
      sed -n '2,/^[^#]/ { s/^# \{0,1\}//p }' "${BASH_SOURCE[1]}"
      exit 0
      ;;
  esac
}

# run_specs [busted's arguments]: runs spec files under the command in the array
# `under` and adds to the counts below. Each file has a process of its own, so none
# sees what another left; MULTISOCK_JOBS of them run at a time (one more than there are
# cores, for they wait much; at most 4). What a file printed comes when it has ended,
# unless it is alone.
under=()
passed=0 failed=0 skipped=0
run_specs() {
  local files=() options=() word
  for word in "$@"; do
    if [ -d "$word" ]; then
      mapfile -t -O "${#files[@]}" files < <(find "$word" -name '*_spec.lua' | sort)
    elif [ -f "$word" ]; then
      files+=("$word")
    else
      options+=("$word")
    fi
  done
  [ ${#files[@]} -gt 0 ] || files=(spec/*_spec.lua lcurl/spec/*_spec.lua)
  results=$MULTISOCK_BUILD/results
  rm -rf "$results"
  mkdir -p "$results"
  local before=$((passed + failed + skipped))
  if [ ${#files[@]} = 1 ]; then
    local status=0
    run_file "${files[0]}" || status=$?
    count_file "${files[0]}" "$status"
  else
    run_files
  fi
  [ $((passed + failed + skipped)) -gt "$before" ] || fail "not one spec was found"
}

# Runs `files`, those with slow specs first: the last to end should be short. Each
# says in a pipe that it has ended: bash may forget the status of a job.
run_files() {
  local jobs=${MULTISOCK_JOBS:-$(($(nproc) + 1))} slow=() quick=() file status ended
  local running=0 done=0 start=$SECONDS
  [ -n "${MULTISOCK_JOBS:-}" ] || jobs=$((jobs < 4 ? jobs : 4))
  share_certificates
  mkfifo "$results/ended"
  exec {ended}<>"$results/ended"
  for file in "${files[@]}"; do
    if grep -q '#slow' "$file"; then slow+=("$file"); else quick+=("$file"); fi
  done
  for file in "${slow[@]}" "${quick[@]}"; do
    [ "$running" -lt "$jobs" ] || await_file
    {
      status=0
      run_file "$file" >"$results/log-${file//\//.}" 2>&1 || status=$?
      echo "$status $file" >&"$ended"
    } &
    running=$((running + 1))
  done
  while [ "$running" -gt 0 ]; do
    await_file
  done
  exec {ended}>&-
}

# One set of test certificates for all files; each makes its own where that fails.
share_certificates() {
  local folder=$results/certificates
  mkdir "$folder"
  if spec/support/certificates.sh "$folder" >/dev/null 2>&1; then
    export MULTISOCK_CERTIFICATES=$folder
  fi
}

await_file() {
  local status file
  read -r status file <&"$ended"
  running=$((running - 1))
  show_file "$file" "$status"
}

# A line tells how far it is: on a terminal it is drawn over.
show_file() {
  local log="$results/log-${1//\//.}"
  done=$((done + 1))
  [ ! -t 1 ] || printf '\r\33[K'
  printf '%s: ' "$1"
  sed '/^[-+.*]*$/d' "$log"
  count_file "$@"
  if [ -t 1 ] && [ "$done" -lt ${#files[@]} ]; then
    local left=$(((SECONDS - start) * (${#files[@]} - done) / done))
    printf '%d of %d files, %d failed, about %d:%02d left' "$done" ${#files[@]} "$failed" \
      $((left / 60)) $((left % 60))
  fi
}

run_file() {
  MULTISOCK_RESULT=$results/${1//\//.} "${under[@]}" "$LUA" "${BUSTED:-$(command -v busted)}" \
    --output="$root/script/busted-handler.lua" "${options[@]}" "$1"
}

# count_file FILE STATUS: the counts are busted's own; an end without them is a failure.
# Behind them come the names of what failed.
failures=()
count_file() {
  local counts=() lines=()
  [ ! -s "$results/${1//\//.}" ] || mapfile -t lines <"$results/${1//\//.}"
  read -ra counts <<<"${lines[0]:-}"
  failures+=("${lines[@]:1}")
  if [ ${#counts[@]} != 3 ]; then
    fail "$1: busted ended before its result, with status $2"
    return
  fi
  passed=$((passed + counts[0])) failed=$((failed + counts[1]))
  skipped=$((skipped + counts[2]))
  if [ "$2" != 0 ] && [ "${counts[1]}" = 0 ]; then
    fail "$1: every spec passed, but the run ended with status $2"
  fi
}

fail() {
  failed=$((failed + 1))
  printf 'FAILED: %s\n' "$*"
}

# The end of a run: which specs failed, and the line for people and programs,
# "N passed, N failed".
conclude() {
  [ ${#failures[@]} = 0 ] || printf 'FAILED: %s\n' "${failures[@]}"
  printf '%d passed, %d failed' "$passed" "$failed"
  [ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
  echo
  [ "$failed" = 0 ]
  exit
}
