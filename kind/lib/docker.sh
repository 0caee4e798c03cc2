# shellcheck shell=bash
# Docker: used as found; on a bare Debian and as root, installed and started.

DOCKERD_PID=$CACHE/dockerd.pid
DOCKERD_LOG=$LOG_DIR/dockerd.log
# Images are made with the classic builder, the only one that every Docker has.
export DOCKER_BUILDKIT=0

docker_answers() { timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# is_dockerd PID: it is one, and more than a dead one that nobody has reaped.
is_dockerd() {
  [ "$(cat "/proc/$1/comm" 2>/dev/null)" = dockerd ] && [ -e "/proc/$1/exe" ]
}

# A dockerd of ours carries the cache's name, for the cache may be removed under
# it: with its PID, and with the program that starts its containers.
DOCKERD_LABEL=ordeal.cache=$CACHE
WRAPPER=$CACHE/runc-within-bounds

# is_labelled: the Docker that answers is one that this cache's owner started.
is_labelled() {
  [ -z "${DOCKER_HOST:-}" ] &&
    timeout 20 docker info -f '{{join .Labels "\n"}}' 2>/dev/null | grep -qxF "$DOCKERD_LABEL"
}

# ours_running: the dockerd that an earlier run started is alive.
ours_running() {
  if [ ! -s "$DOCKERD_PID" ] && is_labelled; then cat /var/run/docker.pid >"$DOCKERD_PID"; fi
  [ -s "$DOCKERD_PID" ] && is_dockerd "$(cat "$DOCKERD_PID")"
}

# A copy, for dockerd may outlive this checkout.
install_wrapper() { install -m 755 "$KIND_DIR/docker/runc-within-bounds" "$WRAPPER"; }

# docker_up: one answers, and can start containers.
docker_up() {
  docker_answers || return
  if [ ! -x "$WRAPPER" ] && lacks_sys_resource && is_labelled; then install_wrapper; fi
}

ensure_docker() {
  if docker_up; then return; fi
  may_start_docker
  # shellcheck disable=SC2046
  need_packages $(docker_packages) iptables=iptables jq=jq
  docker_up || start_dockerd
}

# docker_packages: later Debians have the client in a package of its own.
docker_packages() {
  echo dockerd=docker.io
  if apt-cache show docker-cli >/dev/null 2>&1; then echo docker=docker-cli; else echo docker=docker.io; fi
}

# may_start_docker: ends the script, saying why, where we must not.
may_start_docker() {
  [ -z "${DOCKER_HOST:-}" ] || die "the Docker at DOCKER_HOST=$DOCKER_HOST does not answer"
  [ "$(id -u)" = 0 ] || die "no Docker answers, and only root can install and start one: $(docker_complaint)"
}

docker_complaint() { { docker version 2>&1 >/dev/null || true; } | tail -1; }

start_dockerd() {
  if [ -d /run/systemd/system ]; then
    systemctl start docker || die "systemctl start docker failed; see: journalctl -u docker"
  elif ! ours_running; then
    # What a dockerd that was killed leaves stops the next one.
    is_dockerd "$(cat /var/run/docker.pid 2>/dev/null)" || rm -f /var/run/docker.pid
    launch_dockerd
  fi
  local i
  for i in $(seq 150); do
    docker_answers && return
    [ -d /run/systemd/system ] || [ "$i" -lt 20 ] || ours_running || break
    sleep 0.2
  done
  die "dockerd does not answer; the last it said ($DOCKERD_LOG): $(tail -3 "$DOCKERD_LOG" 2>/dev/null)"
}

launch_dockerd() {
  local options=(--storage-driver overlay2 --label "$DOCKERD_LABEL")
  if lacks_sys_resource; then
    install_wrapper
    options+=(--add-runtime "within-bounds=$WRAPPER" --default-runtime within-bounds)
  fi
  # Its own session and its own cgroups: it must outlive the shell that calls us.
  setsid -f bash -c '
    for tasks in /sys/fs/cgroup/*/cgroup.procs; do
      [ -e "$tasks" ] || continue
      own=${tasks%/cgroup.procs}/ordeal-dockerd
      case $own in */cpuset/*) own=${tasks%/cgroup.procs} ;; esac
      mkdir -p "$own" 2>/dev/null && echo $$ >"$own/cgroup.procs" 2>/dev/null || true
    done
    echo $$ >"$1"; shift
    exec dockerd "$@"' dockerd "$DOCKERD_PID" "${options[@]}" </dev/null >>"$DOCKERD_LOG" 2>&1 8>&- 9>&-
}

lacks_sys_resource() {
  local bounding
  bounding=0x$(awk '$1 == "CapBnd:" { print $2 }' /proc/self/status)
  [ $(((bounding >> 24) & 1)) = 0 ]
}

stop_our_dockerd() {
  ours_running || return 0
  local pid
  pid=$(cat "$DOCKERD_PID")
  kill "$pid"
  while is_dockerd "$pid"; do sleep 0.1; done
  rm -f "$DOCKERD_PID"
  # What dockerd itself leaves behind.
  umount /run/docker/netns/default /var/lib/docker 2>/dev/null || true
  ip link delete docker0 2>/dev/null || true
  rmdir /sys/fs/cgroup/*/ordeal-dockerd 2>/dev/null || true
}
