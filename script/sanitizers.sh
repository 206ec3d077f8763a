# Builds with AddressSanitizer and UBSan into build-asan/: sourced by the
# scripts that run it. `asan` is the library to be loaded before all else.
MULTISOCK_BUILD=$(dirname "${BASH_SOURCE[0]}")/../build-asan${MULTISOCK_LUA:+-$MULTISOCK_LUA}
mkdir -p "$MULTISOCK_BUILD"
MULTISOCK_BUILD=$(cd "$MULTISOCK_BUILD" && pwd)
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

script/setup
script/build -DMULTISOCK_SANITIZE=ON
asan=$("${CC:-gcc}" -print-file-name=libasan.so)

# Sets `under`, which runs a program with them; what they find is in $reports.
# The sanitizer has to be loaded before all else, so it gets into every program
# that this one starts. Only Lua's memory is asked for leaks: %b is the name of
# the program, and the other programs (Python, nginx) leave theirs at exit.
sanitizers_begin() {
  local interpreter
  reports=$MULTISOCK_BUILD/reports
  rm -rf "$reports"
  mkdir -p "$reports"
  interpreter=$(basename "$(readlink -f "$(command -v "$LUA")")")
  echo "detect_leaks=1" >"$reports/$interpreter.options"
  under=(env "LD_PRELOAD=$asan"
    "ASAN_OPTIONS=detect_leaks=0:include_if_exists=$reports/%b.options:log_path=$reports/report"
    "UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/report")
  export MULTISOCK_SANITIZE=1 MULTISOCK_TIME_SCALE=${MULTISOCK_TIME_SCALE:-5}
}

# Each report is a failure.
sanitizers_end() {
  local report
  for report in "$reports"/report.*; do
    [ -e "$report" ] || continue
    cat "$report"
    fail "$report"
  done
}
