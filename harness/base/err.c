#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

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

static void add_line(struct err *all, const char *line, size_t n)
{
	enum { TAIL = 40 };
	size_t len = strlen(all->msg);

	if (!all->left_out && len + n + TAIL < sizeof(all->msg)) {
		snprintf(all->msg + len, sizeof(all->msg) - len, "%s%.*s", len ? "\n" : "", (int)n, line);
		return;
	}
	if (all->left_out)
		len = (size_t)(strrchr(all->msg, '\n') - all->msg);
	else if (len > sizeof(all->msg) - TAIL)
		len = sizeof(all->msg) - TAIL;
	all->left_out++;
	snprintf(all->msg + len, sizeof(all->msg) - len, "\nand %d more", all->left_out);
}

int err_add(struct err *all, struct err *one)
{
	const char *line = one->msg, *tail = one->left_out ? strrchr(one->msg, '\n') : NULL;

	if (weight(one->kind) > weight(all->kind))
		all->kind = one->kind;
	while (*line && (!tail || line < tail)) {
		size_t n = strcspn(line, "\n");

		add_line(all, line, n);
		line += n + (line[n] == '\n');
	}
	for (int i = 0; i < one->left_out; i++)
		add_line(all, one->msg, sizeof(all->msg));
	*one = (struct err){0};
	return -1;
}

int err_all(const struct err *all, struct err *e)
{
	if (!all->kind)
		return 0;
	*e = *all;
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
	/* As much of it as there is room for. */
	if (n >= 0 && (size_t)n + 2 < sizeof(e->msg)) {
		mem_copy_str(e->msg + n, sizeof(e->msg) - (size_t)n, ": ");
		mem_copy_str(e->msg + n + 2, sizeof(e->msg) - (size_t)n - 2, old);
	}
	return -1;
}
