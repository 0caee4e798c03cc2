#include "test/lib/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"

enum { NOT_INSTALLED = 77 };

#define WITHIN_NS (120 * NS_PER_S)

/* Runs test/lib/SCRIPT; it exits with 0 or 1. */
static bool judged_well(const char *program, const char *script, const char *arg, const char *input,
			const char *package, struct buf *why)
{
	char path[PATH_MAX + 64], root[PATH_MAX];
	const char *argv[] = {program, path, arg, NULL};
	struct proc_result res;
	struct err e = {0};
	int code;

	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "%s/harness/test/lib/%s", root, script);
	if (proc_run(argv, input, WITHIN_NS, &res, &e))
		fail_msg("%s", e.msg);
	code = res.exit_code;
	buf_str(why, buf_cstr(&res.err));
	proc_result_free(&res);
	if (code == NOT_INSTALLED) {
		print_message("# skipped: needs Debian's package %s\n", package);
		skip();
	}
	if (code != 0 && code != 1)
		fail_msg("%s: exit code %d: %s", path, code, buf_cstr(why));
	return !code;
}

bool validate_json(const cJSON *schema, const cJSON *value, struct buf *why)
{
	cJSON *both = cJSON_CreateObject();
	char *text;
	bool good;

	cJSON_AddItemReferenceToObject(both, "schema", (cJSON *)schema);
	cJSON_AddItemReferenceToObject(both, "value", (cJSON *)value);
	text = cJSON_PrintUnformatted(both);
	cJSON_Delete(both);
	good = judged_well("perl", "schema_check.pl", NULL, text, "libjson-validator-perl", why);
	free(text);
	return good;
}

bool validate_markup(const char *text, bool html, struct buf *why)
{
	return judged_well("sh", "markup_check.sh", html ? "html" : "xml", text, "libxml2-utils", why);
}

void must_be_well_formed(const char *text, bool html)
{
	struct buf why = {0};

	if (!validate_markup(text, html, &why))
		fail_msg("%s", buf_cstr(&why));
	buf_free(&why);
}
