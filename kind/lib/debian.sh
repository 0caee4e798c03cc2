# shellcheck shell=bash
# Debian packages: named before they are installed, never behind the user's back.

# missing_packages COMMAND|FILE=PACKAGE[,PACKAGE…]…: the packages of those that
# are not there. By what they bring, so that other systems' own will do as well.
missing_packages() {
  local x what
  for x in "$@"; do
    what=${x%%=*}
    command -v "$what" >/dev/null || [ -e "$what" ] || printf '%s\n' "${x#*=}"
  done | tr ',' '\n' | paste -sd' ' -
}

# refuse_or_allow_install PACKAGES…: why these cannot be installed, if so.
refuse_or_allow_install() {
  local command="apt-get update && apt-get install -y --no-install-recommends $*"
  command -v apt-get >/dev/null || die "missing here: $*; and there is no apt-get to install it with"
  [ "${ORDEAL_NO_INSTALL:-0}" != 1 ] ||
    die "missing here, and ORDEAL_NO_INSTALL=1 forbids to install it: $*; type: $command"
  [ "$(id -u)" = 0 ] || die "missing here: $*; as root type: $command"
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # Another apt may hold the lock for minutes on a machine that has just booted.
  local options=(-o DPkg::Lock::Timeout=300 -q)
  apt-get update "${options[@]}" || say "apt-get update failed; going on with the lists that are there"
  apt-get install -y --no-install-recommends "${options[@]}" "$@"
}

# install_named LOG PACKAGE…: names them, installs them, and says why it cannot.
install_named() {
  local log=$1
  shift
  refuse_or_allow_install "$@"
  say "installing Debian packages: $*"
  (install_packages "$@") >>"$log" 2>&1 && return
  say "the last lines of $log:"
  tail -n 8 "$log" | sed 's/^/    /' >&2
  die "these Debian packages could not be installed: $*; run this again once they can"
}

# need_packages COMMAND=PACKAGE…: for a script that is run by itself.
need_packages() {
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086
  install_named "$LOG_DIR/apt.log" $missing
}

# debian_sources [SUITE]: this machine's own sources for our suite, as sources.list
# has them, or for another one on the same mirror; nothing when it has none, and
# mmdebstrap's stock ones do.
debian_sources() {
  local all
  all=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    grep -E " $DEBIAN_SUITE(-updates|-security)? main\$" | sort -u || true)
  if [ "${1:-$DEBIAN_SUITE}" = "$DEBIAN_SUITE" ]; then
    [ -z "$all" ] || printf '%s\n' "$all"
  else
    sed -n "s/ $DEBIAN_SUITE main$/ $1 main/p" <<<"$all"
  fi
}

# apt_proxy: the proxy that this machine's apt goes through, if any.
apt_proxy() { { apt-config shell P Acquire::http::Proxy 2>/dev/null || true; } | sed -n "s/^P='\(.*\)'$/\1/p"; }
