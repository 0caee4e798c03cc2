# shellcheck shell=bash
# Programs built from the Go module proxy.

GO_MIN=1.24

need_go() {
  command -v go >/dev/null ||
    die "building the node image needs Go $GO_MIN or later and there is none on PATH; install it, or use ORDEAL_IMAGES=pull"
  local have
  have=$(go env GOVERSION)
  printf '%s\n%s\n' "$GO_MIN" "${have#go}" | sort -VC ||
    die "building the node image needs Go $GO_MIN or later; found ${have#go} at $(command -v go)"
}

# go_mod_dir MODULE@VERSION: its folder in the module cache, fetched when absent.
go_mod_dir() { go mod download -json "$1" | jq -r .Dir; }
go_mod_file() { go mod download -json "$1" | jq -r .GoMod; }

# static_go ARGS…: reproducible static binaries whatever the caller's flags say.
static_go() { env -u GOFLAGS CGO_ENABLED=0 GOWORK=off go "$@"; }
