# lcov's records, summed up by folder: percent, lines run, lines, folder.
/^SF:/ {
	folder = $0
	sub(/.*\/harness\//, "", folder)
	sub(/\/[^\/]*$/, "", folder)
}
/^L[FH]:/ && folder !~ /^test/ {
	count[substr($0, 1, 2), folder] += substr($0, 4)
	count[substr($0, 1, 2), "(all)"] += substr($0, 4)
	folders[folder] = folders["(all)"] = 1
}
END {
	for (f in folders)
		printf "%-24s %5.1f %%  %6d of %6d lines\n", f, 100 * count["LH", f] / count["LF", f],
			count["LH", f], count["LF", f]
}
