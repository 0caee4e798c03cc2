#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "report/report.h"

static const char usage[] =
"usage: ordeal report DIR\n\n"
"Makes result.json, the TAP, JUnit and HTML reports of a run's folder again\n"
"from its events.jsonl and history.jsonl, byte for byte, and prints the TAP.\n";

int cmd_report(int argc, char **argv)
{
	enum verdict verdict = VERDICT_BROKEN;
	char events[PATH_MAX];
	struct err e = {0};

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc != 2)
		return cmd_usage("report", "one run's folder is wanted");
	snprintf(events, sizeof(events), "%s/events.jsonl", argv[1]);
	if (!file_exists(events)) {
		log_error("ordeal: %s is no run's folder: it has no events.jsonl", argv[1]);
		return EXIT_USAGE;
	}
	if (report_make(argv[1], stdout, &verdict, &e))
		return cmd_fail(&e);
	return verdict == VERDICT_FAIL ? EXIT_FAILED :
	       verdict == VERDICT_PASS || verdict == VERDICT_SKIP ? EXIT_PASSED : EXIT_BROKEN;
}
