#!/usr/bin/env bash
# versitygw, an object store that speaks S3, from its module; prints the folder that
# holds it, which is the context of the image object-store.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/go_module.sh"

module=github.com/versity/versitygw
begin_module versitygw "$module" "$VERSITYGW_VERSION" "$module/cmd/versitygw" "$@"
end_module versitygw
