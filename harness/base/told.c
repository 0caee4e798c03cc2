/* Apart from base/file.c, which faults use: they tell nothing at length. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

int file_write_told(const char *path, void (*tell)(FILE *f, void *arg), void *arg, struct err *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r = -1;

	if (f)
		tell(f, arg);
	if (!f || fclose(f))
		err_set(e, ERR_BROKEN, "no memory for %s", path);
	else
		r = file_write_atomic(path, text, len, e);
	free(text);
	return r;
}
