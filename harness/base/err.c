#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int (err_set)(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	e->kind = kind;
	e->left_out = 0;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

static int weight(enum err_kind k)
{
	static const int of[] = {[ERR_NONE] = 0, [ERR_REFUSED] = 1, [ERR_UNSUPPORTED] = 2,
				 [ERR_INPUT] = 3, [ERR_BROKEN] = 4, [ERR_INTERRUPTED] = 5};

	return of[k];
}

int err_add(struct err *all, struct err *one)
{
	enum { TAIL = 40 };
	size_t len = strlen(all->msg);

	if (weight(one->kind) > weight(all->kind))
		all->kind = one->kind;
	if (all->left_out)
		len = (size_t)(strrchr(all->msg, '\n') - all->msg);
	if (!len) {
		memcpy(all->msg, one->msg, sizeof(all->msg));
	} else if (!all->left_out && len + strlen(one->msg) + TAIL < sizeof(all->msg)) {
		snprintf(all->msg + len, sizeof(all->msg) - len, "\n%s", one->msg);
	} else {
		all->left_out++;
		if (len > sizeof(all->msg) - TAIL)
			len = sizeof(all->msg) - TAIL;
		snprintf(all->msg + len, sizeof(all->msg) - len, "\nand %d more", all->left_out);
	}
	*one = (struct err){0};
	return -1;
}

int (err_prefix)(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;
	int n;

	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(e->msg))
		snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", old);
	return -1;
}
