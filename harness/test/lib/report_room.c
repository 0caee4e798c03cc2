#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/report.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"

void report_room_again(struct report_room *r)
{
	struct err e = {0};
	size_t len = 0;
	FILE *f;

	free(r->tap);
	r->tap = NULL;
	f = open_memstream(&r->tap, &len);
	assert_non_null(f);
	if (report_make(r->dir, f, &r->verdict, &e))
		fail_msg("%s", e.msg);
	fclose(f);
}

void report_room_open(struct report_room *r, unsigned what)
{
	memset(r, 0, sizeof(*r));
	mem_copy_str(r->reports, sizeof(r->reports), "/tmp/ordeal-reports.XXXXXX");
	assert_non_null(mkdtemp(r->reports));
	snprintf(r->dir, sizeof(r->dir), "%s/run-a", r->reports);
	report_synth(r->dir, what);
	report_room_again(r);
}

void report_room_read(const struct report_room *r, const char *name, struct buf *out)
{
	struct err e = {0};
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	if (file_read(path, out, &e))
		fail_msg("%s", e.msg);
}

cJSON *report_room_json(const struct report_room *r, const char *name)
{
	struct err e = {0};
	char path[256];
	cJSON *o;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	o = json_read_file(path, &e);
	if (!o)
		fail_msg("%s", e.msg);
	return o;
}

void report_room_close(struct report_room *r)
{
	struct err e = {0};

	if (file_remove_tree(r->reports, &e))
		fail_msg("%s", e.msg);
	free(r->tap);
}
