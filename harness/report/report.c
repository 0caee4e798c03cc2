#include "report/report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "report/evaluate.h"
#include "report/list.h"
#include "report/live.h"

#define X(name) extern const struct reporter_ops name;
REPORTER_LIST(X)
#undef X

static const struct reporter_ops *const all[] = {
#define X(name) &name,
	REPORTER_LIST(X)
#undef X
	NULL,
};

const struct reporter_ops *const *reporter_all(void)
{
	return all;
}

static void run_reporter(const struct reporter_ops *ops, FILE *f, const struct run_report *run)
{
	struct reporter *r = ops->begin(f, run);

	for (size_t i = 0; i < run->n; i++)
		ops->scenario(r, run, &run->scenarios[i]);
	ops->end(r, run);
}

struct telling {
	const struct reporter_ops *ops;
	const struct run_report *run;
};

static void tell(FILE *f, void *arg)
{
	const struct telling *t = arg;

	run_reporter(t->ops, f, t->run);
}

int report_files(const struct run_report *run, struct err *e)
{
	struct run_report stored = *run;
	char path[PATH_MAX];

	/* As it was printed then, whoever asks now. */
	stored.tap_version = run->ev->run.tap;
	for (size_t i = 0; all[i]; i++) {
		struct telling t = {all[i], &stored};

		snprintf(path, sizeof(path), "%s/%s", run->dir, all[i]->file);
		if (file_write_told(path, tell, &t, e))
			return -1;
	}
	return 0;
}

int report_make(const char *dir, FILE *tap, enum verdict *verdict, struct err *e)
{
	struct evaluation ev = {0};
	int r = -1;

	*verdict = VERDICT_BROKEN;
	if (evaluation_read(dir, &ev, e) || report_files(&ev.run, e))
		goto out;
	if (tap)
		run_reporter(&reporter_tap, tap, &ev.run);
	*verdict = ev.run.verdict;
	r = 0;
out:
	evaluation_free(&ev);
	return r;
}
