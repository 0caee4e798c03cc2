#!/bin/sh
# markup_check.sh html|xml: is what comes on standard input well-formed, with
# each id given once? Says what is wrong, on standard error. Our HTML is XML but
# for elements without content and attributes without a value. 77: no xmllint.
command -v xmllint >/dev/null || exit 77
page=$(mktemp) && trap 'rm -f "$page"' EXIT || exit 2
case $1 in
html) sed -E -e '1s/^<!doctype html>/<!DOCTYPE html>/' \
  -e 's/<(meta|br|link|img|hr|input)( [^>]*)?>/<\1\2\/>/g' -e 's/ open>/ open="">/g' ;;
xml) cat ;;
esac >"$page"
case $1-$(head -c 15 "$page") in
"html-<!DOCTYPE html>" | "xml-<?xml "*) ;;
*) echo "no prologue" >&2 && exit 1 ;;
esac
xmllint --noout "$page" || exit 1
twice=$(xmllint --xpath //@id "$page" 2>/dev/null | sort | uniq -d)
[ -z "$twice" ] || { echo "given twice:$twice" >&2 && exit 1; }
