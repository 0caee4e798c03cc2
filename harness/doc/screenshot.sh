#!/bin/sh
# Takes the README's picture of a report: the first screenful of one scenario.
#   harness/doc/screenshot.sh reports/latest/report.html [out.png] [scenario number, from 0]
# Needs chromium (Debian: apt-get install chromium fonts-roboto).
set -eu

report=${1:?"usage: $0 report.html [out.png] [scenario]"}
out=${2:-$(dirname "$0")/report.png}
scenario=${3:-0}
width=${WIDTH:-1280} height=${HEIGHT:-1560}

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
	echo "$0: no chromium here; apt-get install chromium" >&2
	exit 2
}
[ -r "$report" ] || { echo "$0: cannot read $report" >&2; exit 2; }

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
# A copy that holds this scenario alone: the page itself has no script that
# could scroll, and headless browsers differ in how they treat fragments.
sed "s#</style>#header.top,footer,section.sc:not(\#s$scenario){display:none}main{padding-top:8px}&#" \
	"$report" > "$home/page.html"
sandbox=
[ "$(id -u)" -ne 0 ] || sandbox=--no-sandbox
"$browser" --headless $sandbox --disable-gpu --disable-quic --no-first-run \
	--disable-background-networking --disable-component-update --disable-sync \
	--user-data-dir="$home/profile" --hide-scrollbars --window-size="$width,$height" \
	--screenshot="$home/page.png" "file://$home/page.html" 2> "$home/log" || {
	cat "$home/log" >&2
	exit 1
}
cp "$home/page.png" "$out"
echo "$out: $(wc -c < "$out") bytes"
