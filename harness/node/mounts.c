#include "node/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* \040 and the like, by which proc(5) writes what would end a field. */
static void unescape(char *s)
{
	char *to = s, code[4] = "";

	for (; *s; s++) {
		if (*s == '\\' && strspn(s + 1, "01234567") >= 3) {
			memcpy(code, s + 1, 3);
			*to++ = (char)strtol(code, NULL, 8);
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

int mounts_each(const char *root, void (*fn)(void *arg, const char *path), void *arg, struct err *e)
{
	/* PID 1 is the node's where its root is another one than ours. */
	FILE *f = fopen(root[0] ? "/proc/1/mountinfo" : "/proc/self/mountinfo", "re");
	char *line = NULL, *field, *rest;
	size_t room = 0;
	int r;

	if (!f)
		return err_set(e, ERR_BROKEN, "cannot see what is mounted: %s", strerror(errno));
	while (errno = 0, getline(&line, &room, f) > 0) {
		rest = line;
		for (int i = 0; i < 4 && rest; i++)
			strsep(&rest, " ");
		field = rest ? strsep(&rest, " ") : NULL;
		if (!field)
			continue;
		unescape(field);
		fn(arg, field);
	}
	r = errno ? err_set(e, ERR_BROKEN, "cannot see what is mounted: %s", strerror(errno)) : 0;
	free(line);
	fclose(f);
	return r;
}
