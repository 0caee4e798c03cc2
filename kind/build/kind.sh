#!/usr/bin/env bash
# The kind tool; prints the folder that holds it and, in base/, its node's files.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go.sh"

hash=$(hash_of "$KIND_VERSION" "$0" "$KIND_DIR/lib/go.sh")
begin kind "$hash" "${1:-}"
need_go

module=sigs.k8s.io/kind
tmp=$(fresh kind "$hash")
mkdir -p "$tmp/bin"
GOBIN=$tmp/bin static_go install -trimpath -ldflags "-s -w" "$module@$KIND_VERSION"
cp -r "$(go_mod_dir "$module@$KIND_VERSION")/images/base/files" "$tmp/base"
chmod -R u+w "$tmp/base"

keep kind "$hash" "$tmp"
echo "$out"
