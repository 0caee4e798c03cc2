#!/usr/bin/env bash
# Kafka of each version from Maven Central, every file of it held to a known sum, and
# the scripts that start it; prints the folder that holds them: the context of the image
# kafka, and what tests on this machine start.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"
. "$KIND_DIR/lib/images.sh"

hash=$(hash_of "$0" "$(hash_of_dir "$KIND_DIR/kafka")" "$KAFKA_VERSIONS")
begin kafka "$hash" "${1:-}"
need_packages mvn=maven

tmp=$(fresh kafka "$hash")
for version in $KAFKA_VERSIONS; do
  cp "$KIND_DIR/kafka/pom.xml" "$tmp/pom.xml"
  mvn -B -q -C -f "$tmp/pom.xml" -P "$version" "-Dkafka=$version" dependency:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$tmp/kafka-$version/libs" >&2
  sums=$KIND_DIR/kafka/$version.sha256
  (cd "$tmp/kafka-$version/libs" && sha256sum --quiet --strict -c "$sums" >&2) ||
    die "what Maven has of Kafka $version is not what kind/kafka/$version.sha256 says"
  [ "$(find "$tmp/kafka-$version/libs" -type f | wc -l)" = "$(wc -l <"$sums")" ] ||
    die "Kafka $version has come with other files than kind/kafka/$version.sha256 names"
done
rm -f "$tmp/pom.xml"
cp -r "$KIND_DIR/kafka/bin" "$KIND_DIR/kafka/config" "$tmp/"
chmod 755 "$tmp"/bin/*

keep kafka "$hash" "$tmp"
echo "$out"
