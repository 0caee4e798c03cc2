#!/usr/bin/env bash
# etcd from its module; prints the folder that holds it.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go_module.sh"

module=go.etcd.io/etcd/server/v3
begin_module etcd "$module" "$ETCD_VERSION" "$module" "$@"
end_module etcd
