#include "engine/script.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/proc.h"

enum { WHY_SHOWN = 300 };

int engine_script(const char *root, const char *name, const volatile int *interrupted,
		  struct err *e)
{
	char path[PATH_MAX + 40], why[] = "/tmp/ordeal-why-XXXXXX", variable[sizeof(why) + 20];
	const char *const argv[] = {"env", variable, path, NULL};
	struct err ignored = {0};
	struct buf said = {0};
	int code, fd = mkstemp(why);

	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot make a file in /tmp: %s", strerror(errno));
	close(fd);
	snprintf(path, sizeof(path), "%s/kind/%s", root, name);
	snprintf(variable, sizeof(variable), "ORDEAL_WHY=%s", why);
	code = proc_foreground(argv, e);
	if (!file_read(why, &said, &ignored) && said.len && said.s[said.len - 1] == '\n')
		said.s[--said.len] = '\0';
	unlink(why);
	if (interrupted && *interrupted)
		code = err_set(e, ERR_INTERRUPTED, "interrupted");
	else if (code > 0)
		code = err_set(e, ERR_BROKEN, "kind/%s failed (exit code %d)%s%.*s", name, code,
			       said.len ? ": " : "; what it said is above", WHY_SHOWN, buf_cstr(&said));
	buf_free(&said);
	return code;
}
