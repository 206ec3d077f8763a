# Runs programs under valgrind's memcheck: sourced, after common.sh, by the scripts
# that do.

# Sets `under`, which runs a program so; what is found is in $logs.
memcheck_begin() {
  logs=$MULTISOCK_BUILD/valgrind
  rm -rf "$logs"
  mkdir -p "$logs"
  # --error-exitcode reaches only the first process; the logs of a forked or
  # started one are looked at at the end. Other programs are not followed.
  under=(valgrind --tool=memcheck --leak-check=full --errors-for-leak-kinds=definite
    --show-leak-kinds=definite --error-exitcode=99 --num-callers=30
    --keep-debuginfo=yes --trace-children=yes
    '--trace-children-skip=*/nginx,*/python3*,*/openssl,*/curl,*/nghttpd,*/kill,*/ps,*/cc,*/gcc*,*/clang*,*/nm,*/pkg*,*/sshd,*/ssh-keygen,*/vsftpd,*/squid,*/mosquitto,*/unbound,*/microsocks,*/danted,*/mktemp,*/cmake,*/rm,*/cat,*/date,*/sleep'
    "--log-file=$logs/%p.log")
  # A suppression is somebody else's bug, with the reason beside it.
  [ ! -e script/valgrind.supp ] || under+=("--suppressions=$root/script/valgrind.supp")
  export MULTISOCK_TIME_SCALE=${MULTISOCK_TIME_SCALE:-20}
}

# memcheck_end PROGRAMS: each log of one of these, by their names, that tells of
# something is a failure. A log without a summary is that of a process that a spec
# has killed, or that became another program. The shell and its tools have faults
# of their own.
memcheck_end() {
  local log
  for log in "$logs"/*.log; do
    grep -qE "Command: $1" "$log" || continue
    grep -qE 'ERROR SUMMARY: [1-9]|default action of signal (4|6|7|8|11) ' "$log" || continue
    cat "$log"
    fail "$log"
  done
}
