# shellcheck shell=bash
# A program of one Go module: what the scripts that build one have in common.

. "$KIND_DIR/lib/go.sh"

# begin_module NAME MODULE VERSION PROGRAM [--where]: ends here when it was built before.
# Else $tmp/mod is the working directory, a module that requires this one; $tmp and
# $hash are for end_module. PROGRAM: the package to build, or "." for one that the
# caller writes there.
begin_module() {
  local name=$1 version=$3
  module=$2 program=$4
  hash=$(hash_of "$version" "$0" "$KIND_DIR/lib/go_module.sh" "$KIND_DIR/lib/go.sh")
  begin "$name" "$hash" "${5:-}"
  need_go
  tmp=$(fresh "$name" "$hash")
  mkdir -p "$tmp/mod" "$tmp/bin"
  cd "$tmp/mod" || exit
  {
    echo "module ordeal/$name"
    echo "go $(awk '$1 == "go" { print $2 }' "$(go_mod_file "$module@$version")")"
    echo "require $module $version"
    [ "$program" = . ] || echo "tool $program"
  } >go.mod
}

# end_module NAME: builds it, keeps it and prints the folder that holds it.
end_module() {
  static_go mod tidy
  static_go build -trimpath -ldflags "-s -w" -o "$tmp/bin/$1" "$program"
  keep "$1" "$hash" "$tmp"
  artefact "$1" "$hash"
}
