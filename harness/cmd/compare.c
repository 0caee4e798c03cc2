#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "report/compare.h"

static const char usage[] =
"usage: ordeal compare [--html FILE] [--scenario NAME] A B\n\n"
"Puts two runs side by side, each given by its folder: another engine, other\n"
"settings, an earlier version. For each fault that both have in a scenario of the\n"
"same name: both medians with their 95 % intervals, and the difference with one\n"
"that assumes no distribution. Below four values on each side nothing is decided,\n"
"and it says so; run with --repeat 6 or more.\n\n"
"The more figures are compared, the more of them differ by chance: each difference is\n"
"corrected for all of them (Holm). The page says how many there are, and how many\n"
"repetitions it takes to show a difference among so many.\n\n"
"  --html FILE       where the page goes (default: compare-A.html in the folder of B)\n"
"  --scenario NAME   only this scenario: fewer figures, so that fewer repetitions do.\n"
"                    Choose it before you look: to try one after the other is to compare all\n";

static void tell_html(FILE *f, void *arg)
{
	comparison_html(arg, f);
}

/* The id comes from a file: it names no other folder. */
static void name_page(char path[PATH_MAX], const char *dir, const char *run_id)
{
	snprintf(path, PATH_MAX, "%.3800s/compare-%.200s.html", dir,
		 strchr(run_id, '/') ? "A" : run_id);
}

static int check_folder(const char *dir)
{
	char events[PATH_MAX];

	snprintf(events, sizeof(events), "%s/events.jsonl", dir);
	if (file_exists(events))
		return 0;
	log_error("ordeal: %s is no run's folder: it has no events.jsonl", dir);
	return EXIT_USAGE;
}

int cmd_compare(int argc, char **argv)
{
	static const struct option opts[] = {
		{"html", 1, NULL, 'H'}, {"scenario", 1, NULL, 's'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0},
	};
	const char *only = NULL;
	char path[PATH_MAX] = "";
	struct comparison c = {0};
	struct err e = {0};
	int o, r = 0;

	while ((o = getopt_long(argc, argv, ":h", opts, NULL)) != -1) {
		switch (o) {
		case 'H': snprintf(path, sizeof(path), "%s", optarg); break;
		case 's': only = optarg; break;
		case 'h': fputs(usage, stdout); return 0;
		default: return cmd_bad_option(argv, o);
		}
	}
	if (argc - optind != 2)
		return cmd_usage("compare", "two runs' folders are wanted");
	if (check_folder(argv[optind]) || check_folder(argv[optind + 1]))
		return EXIT_USAGE;
	if (comparison_make(argv[optind], argv[optind + 1], only, &c, &e)) {
		r = cmd_fail(&e);
		goto out;
	}
	if (!path[0])
		name_page(path, argv[optind + 1], c.a.run.ev->run.run_id);
	comparison_text(&c, stdout);
	if (file_write_told(path, tell_html, &c, &e))
		r = cmd_fail(&e);
	else
		log_info("page: %s", path);
out:
	comparison_free(&c);
	return r;
}
