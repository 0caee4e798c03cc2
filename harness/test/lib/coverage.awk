# lcov's records, summed up by folder: percent, lines run, lines, folder. By each line's own
# record: lcov 1.16 writes no sums.
/^SF:/ {
	folder = $0
	sub(/.*\/harness\//, "", folder)
	sub(/\/[^\/]*$/, "", folder)
}
/^DA:/ && folder !~ /^test/ {
	split($0, of, ",")
	lines[folder]++
	lines["(all)"]++
	run[folder] += of[2] > 0
	run["(all)"] += of[2] > 0
}
END {
	for (f in lines)
		printf "%-24s %5.1f %%  %6d of %6d lines\n", f, 100 * run[f] / lines[f], run[f], lines[f]
	exit !lines["(all)"]
}
