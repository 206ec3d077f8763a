# What script/check-debian and script/matrix share: fresh Debian systems, each in
# a folder of its own, made by debootstrap. Sourced, with bash; needs root.
set -euo pipefail

tool=${0##*/}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
keep="" mirror="" folder=""
# What `debian_option` reads, for the usage of each script.
debian_options='  --keep          leave the folder with the systems behind
  --folder DIR    the folder to use, and to keep: systems in it are made but once
  --mirror URL    default: the mirror that apt on this machine uses'

# debian_option ARGUMENTS...: how many of them it has read, in $taken; none of
# them was its own when that is 0.
debian_option() {
  taken=1
  case $1 in
    --keep) keep=1 ;;
    --folder) folder=${2:?a folder is missing after --folder} keep=1 taken=2 ;;
    --mirror) mirror=${2:?a URL is missing after --mirror} taken=2 ;;
    *) taken=0 ;;
  esac
}

# Makes the folder $work, outside of the checkout. However the script ends, so
# does what runs in the systems, and the folder goes unless it is to be kept.
running=""
debian_begin() {
  [ "$(id -u)" = 0 ] || { echo "$tool: needs root" >&2; exit 1; }
  command -v debootstrap >/dev/null ||
    { echo "$tool: install debootstrap" >&2; exit 1; }
  if [ -n "$folder" ]; then
    mkdir -p "$folder"
    work=$(cd "$folder" && pwd)
  else
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/multisock-debian.XXXXXX")
  fi
  [ -z "$keep" ] || echo "$tool: keeping $work"
  trap debian_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

debian_end() {
  if [ -n "$running" ]; then
    kill -KILL "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
  fi
  [ -z "$keep" ] || return 0
  # What is being killed may still be writing.
  rm -rf --one-file-system "$work" 2>/dev/null ||
    { sleep 1; rm -rf --one-file-system "$work"; }
}

# COMMAND...: runs it in namespaces of its own for processes and mounts, which end
# with it, whatever happens, and are never in the way of a removal. It runs
# behind, as bash would answer a signal only after a command in front; but what
# runs behind ignores Ctrl-C, and the specs send that to their own.
debian_apart() {
  local status=0
  # A shell stays in front as the first process of the namespace: as that one
  # the command would not get the signals it sends itself.
  env --default-signal=INT,QUIT \
    unshare --mount --propagation private --pid --fork --kill-child \
    bash -c '"$@" || exit $?' - "$@" </dev/null &
  running=$!
  wait "$running" || status=$?
  running=""
  return "$status"
}

# SUITE: makes $work/base-SUITE.
debian_base() {
  local suite=$1 base=$work/base-$1 from=$mirror
  [ ! -e "$base.ready" ] || return 0
  if [ -z "$from" ]; then
    from=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(ORIGIN) $(COMPONENT)' 2>/dev/null |
      awk -v suite="$suite" '$2 == suite && $3 == "Debian" && $4 == "main" { print $1; exit }')
  fi
  # debootstrap knows no suite that is younger than itself: all are made like sid.
  local scripts=${DEBOOTSTRAP_DIR:-/usr/share/debootstrap}
  if [ ! -e "$scripts/scripts/$suite" ]; then
    cp -a "$scripts" "$work/debootstrap-$suite"
    scripts=$work/debootstrap-$suite
    ln -sf sid "$scripts/scripts/$suite"
  fi
  rm -rf --one-file-system "$base"
  echo "$tool: debootstrap $suite ${from:-from its default mirror}"
  # Without a mirror the argument is left out, for debootstrap's default.
  debian_apart env "DEBOOTSTRAP_DIR=$scripts" \
    debootstrap --variant=minbase "$suite" "$base" ${from:+"$from"} \
    >"$base.log" 2>&1 || { tail -n 20 "$base.log" >&2; exit 1; }
  # It reaches the network as this one does.
  cp -L /etc/resolv.conf "$base/etc/resolv.conf"
  apt-config dump 2>/dev/null |
    grep -iE '^Acquire::([a-z:]*proxy[^ ]*|Check-(Valid-Until|Date)) ' \
      >"$base/etc/apt/apt.conf.d/99host" || true
  : >"$base.ready"
}

# NAME SUITE: makes the system $work/NAME, with a clone of this checkout (only
# what is committed is in it) that takes the place of an earlier one.
debian_system() {
  local system=$work/$1
  debian_base "$2"
  [ -e "$system" ] || cp -a --reflink=auto "$work/base-$2" "$system"
  rm -rf "$system/root/multisock"
  git -c safe.directory="$root/.git" clone -q --no-hardlinks "$root" "$system/root/multisock"
}

# NAME COMMAND: runs it with a shell in the clone.
debian_run() {
  local environment=(HOME=/root "TERM=${TERM:-dumb}" LANG=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin) name
  for name in http_proxy https_proxy ftp_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || environment+=("$name=${!name}")
  done
  debian_apart bash -c "$debian_inside" - "$work/$1" "${environment[@]}" \
    bash -c "cd /root/multisock && $2"
}

# The folder becomes a mount, as only of one can a program in there make namespaces.
debian_inside='
mount --bind "$1" "$1" && cd "$1" || exit
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit
system=$1
shift
exec chroot "$system" env -i "$@"
'
