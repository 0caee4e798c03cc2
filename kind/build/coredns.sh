#!/usr/bin/env bash
# CoreDNS with the plugins that kubeadm's Corefile names and no others: the full
# one drags in every cloud's SDK. Prints the folder that holds it.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go_module.sh"

begin_module coredns github.com/coredns/coredns "$COREDNS_VERSION" . "$@"
{
  echo 'package main'
  echo "import \"$module/coremain\""
  for p in errors health ready kubernetes metrics template forward cache loop reload loadbalance; do
    echo "import _ \"$module/plugin/$p\""
  done
  echo 'func main() { coremain.Run() }'
} >main.go
end_module coredns
