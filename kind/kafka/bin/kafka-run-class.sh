#!/bin/sh
# kafka-run-class.sh CLASS [ARGUMENT…], by the release that KAFKA_VERSION names. Log lines
# go to standard output, in UTC, as the stock image's do.
home=$(cd "$(dirname "$0")/.." && pwd)
case ${KAFKA_VERSION:=3.6.0} in
3.*) log="-Dlog4j.configuration=file:${KAFKA_LOG4J:-$home/config/log4j.properties}" ;;
*) log="-Dlog4j2.configurationFile=${KAFKA_LOG4J:-$home/config/log4j2.properties}" ;;
esac
[ -d "$home/kafka-$KAFKA_VERSION/libs" ] || {
  echo "there is no Kafka $KAFKA_VERSION here, but: $(cd "$home" && echo kafka-*)" >&2
  exit 1
}
# shellcheck disable=SC2086
exec java ${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G} -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
  -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true \
  -Duser.timezone=UTC "$log" ${KAFKA_OPTS:-} -cp "$home/kafka-$KAFKA_VERSION/libs/*" "$@"
