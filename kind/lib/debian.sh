# shellcheck shell=bash
# Debian packages: named before they are installed, never behind the user's back.

# need_packages PACKAGE…: installs those that are not there.
need_packages() {
  local p missing=()
  for p in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local command="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "${ORDEAL_NO_INSTALL:-0}" = 1 ]; then
    die "these Debian packages are missing and ORDEAL_NO_INSTALL=1 forbids to install them; type: $command"
  fi
  command -v apt-get >/dev/null ||
    die "this needs ${missing[*]}, and this is not a system with apt-get; install them yourself"
  [ "$(id -u)" = 0 ] || die "these packages are missing; as root type: $command"
  say "installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # Another apt may hold the lock for minutes on a machine that has just booted.
  local wait='-o DPkg::Lock::Timeout=300'
  # shellcheck disable=SC2086
  apt-get update -q $wait || say "apt-get update failed; going on with the lists that are there"
  # shellcheck disable=SC2086
  $command -q $wait || die "apt-get could not install ${missing[*]}; safe to run again once it can"
}

# debian_sources: this machine's own sources for our suite, as mmdebstrap and
# sources.list take them; nothing when it has none, and the stock ones do.
debian_sources() {
  apt-get indextargets --format "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
    'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    grep -E " $DEBIAN_SUITE(-updates|-security)? main\$" | sort -u || true
}

apt_proxy() { apt-config shell P Acquire::http::Proxy 2>/dev/null | sed -n "s/^P='\(.*\)'$/\1/p"; }
