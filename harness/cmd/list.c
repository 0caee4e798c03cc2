#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tame.h"
#include "check/check.h"
#include "cmd/cmd.h"
#include "engine/engine.h"
#include "fault/fault.h"
#include "yaml/yaml.h"
#include "system/system.h"

static const char usage[] = "usage: ordeal list engines|systems|faults|scenarios|checkers\n";

static void line(const char *name, const char *summary)
{
	char *text = mem_fmt("%-28s %s", name, summary);

	tame(text, "");
	puts(text);
	free(text);
}

static int only_yaml(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && !strcmp(d->d_name + len - 5, ".yaml");
}

static int scenarios(void)
{
	char root[PATH_MAX], dir[PATH_MAX + 16];
	struct arena a = {0};
	struct dirent **v;
	struct err e = {0};
	int n, r = 0;

	if (file_project_root(root, &e))
		return cmd_fail(&e);
	snprintf(dir, sizeof(dir), "%s/scenarios", root);
	n = scandir(dir, &v, only_yaml, alphasort);
	for (int i = 0; i < n; i++) {
		const struct ynode *title;
		struct ynode **docs;
		size_t ndocs;
		struct err bad = {0};

		if (yaml_read_file(&a, arena_fmt(&a, "%s/%s", dir, v[i]->d_name), &docs, &ndocs,
				   &bad)) {
			log_error("ordeal: %s", bad.msg);
			r = EXIT_USAGE;
		} else {
			title = ndocs ? yaml_get(docs[0], "title") : NULL;
			line(v[i]->d_name, title && title->text ? title->text : "");
		}
		free(v[i]);
	}
	if (n >= 0)
		free(v);
	arena_free(&a);
	return r;
}

int cmd_list(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	const struct system *all;
	size_t n;

	all = system_all(&n);

	if (!strcmp(what, "engines")) {
		for (size_t i = 0; engine_all()[i]; i++)
			line(engine_all()[i]->name, engine_all()[i]->summary);
	} else if (!strcmp(what, "systems")) {
		for (size_t i = 0; i < n; i++)
			line(all[i].client->name, all[i].client->summary);
	} else if (!strcmp(what, "faults")) {
		for (size_t i = 0; fault_all()[i]; i++)
			line(fault_all()[i]->name, fault_all()[i]->summary);
	} else if (!strcmp(what, "checkers")) {
		for (size_t i = 0; checker_all()[i]; i++)
			line(checker_all()[i]->name, checker_all()[i]->summary);
	} else if (!strcmp(what, "scenarios")) {
		return scenarios();
	} else if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
		fputs(usage, stdout);
	} else {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return 0;
}
