/* The words that a scenario is made of. */
#include <string.h>

#include "base/buf.h"
#include "base/tame.h"
#include "scenario/parts.h"

bool scenario_is_name(const char *s)
{
	size_t len = strlen(s);

	return len >= 1 && len <= 40 && *s != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int scenario_line(const struct ynode *n, const char **out, struct err *e)
{
	if (yaml_to_string(n, out, e))
		return -1;
	if (!**out || strlen(*out) > 150 || !tame_is(*out, ""))
		return yaml_error(n, e, "one line of 1 to 150 characters is needed here, without control characters");
	return 0;
}

int scenario_word(const struct ynode *n, const char *const *allowed, const char *kind,
		  const char **out, struct err *e)
{
	struct buf known = {.cap = 400};
	const char *near;
	size_t i;
	int rc;

	if (yaml_to_string(n, out, e))
		return -1;
	if (!allowed)
		return 0;
	for (i = 0; allowed[i]; i++) {
		if (!strcmp(allowed[i], *out))
			return 0;
	}
	near = yaml_nearest(*out, allowed);
	if (near)
		return yaml_error(n, e, "unknown %s \"%.60s\"; did you mean \"%s\"?", kind, *out,
				  near);
	for (i = 0; allowed[i]; i++)
		buf_fmt(&known, "%s%s", i ? ", " : "", allowed[i]);
	rc = yaml_error(n, e, "unknown %s \"%.60s\"; known are: %s", kind, *out,
			buf_cstr(&known));
	buf_free(&known);
	return rc;
}
