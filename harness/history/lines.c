#include "history/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

enum { CHUNK_BYTES = 65536 };

struct reading {
	const char *path;
	size_t most;
	struct lines_at *at;
	line_fn *fn;
	void *arg;
};

static bool blank(const char *p, const char *end)
{
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	return p == end;
}

static int damaged(const struct reading *r, int line, const char *what, struct err *e)
{
	return err_set(e, ERR_INPUT, "%s:%d: %s", r->path, line, what);
}

/* `len` with the newline. */
static int one_line(const struct reading *r, const char *text, size_t len, struct err *e)
{
	const char *p = text, *end = text + len, *rest = NULL;
	int line = r->at->line + 1;
	cJSON *o;

	if (!r->at->byte && len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	r->at->byte += len;
	r->at->line = line;
	if (blank(p, end))
		return 0;
	/* cJSON passes over a mark wherever it stands. */
	o = *p == '\xef' ? NULL : cJSON_ParseWithLengthOpts(p, (size_t)(end - p), &rest, false);
	if (!o)
		return damaged(r, line, "not valid JSON", e);
	if (!blank(rest, end)) {
		cJSON_Delete(o);
		return damaged(r, line, "more than one JSON value in a line", e);
	}
	return r->fn(r->arg, o, text, len, line, e) ? err_prefix(e, "%s:%d", r->path, line) : 0;
}

/* All full lines that are in b, which keeps the rest. */
static int full_lines(const struct reading *r, struct buf *b, struct err *e)
{
	const char *p = b->s, *end = b->s + b->len, *nl;

	for (; (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1) {
		size_t len = (size_t)(nl - p) + 1;

		if (len > r->most)
			return err_set(e, ERR_INPUT, "%s:%d: a line of more than %zu bytes", r->path,
				       r->at->line + 1, r->most);
		if (one_line(r, p, len, e))
			return -1;
	}
	b->len = (size_t)(end - p);
	memmove(b->s, p, b->len);
	return 0;
}

/* Before a NUL nothing is lost yet, so the lines that are whole come first. */
static int take(const struct reading *r, struct buf *b, const char *chunk, size_t n, struct err *e)
{
	const char *nul = memchr(chunk, '\0', n);

	buf_add(b, chunk, nul ? (size_t)(nul - chunk) : n);
	if (full_lines(r, b, e))
		return -1;
	if (nul)
		return damaged(r, r->at->line + 1, "a NUL byte: the file is damaged", e);
	if (b->len > r->most)
		return err_set(e, ERR_INPUT, "%s:%d: a line of more than %zu bytes", r->path, r->at->line + 1,
			       r->most);
	return 0;
}

/* Not blocking: a pipe in the file's place has no writer. */
static int open_regular(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		err_set(e, ERR_INPUT, "cannot read %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_INPUT, "%s is no regular file", path);
	} else if ((size_t)st.st_size > BUF_CAP) {
		err_set(e, ERR_INPUT, "%s is larger than %zu bytes", path, BUF_CAP);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

int lines_each(const char *path, size_t most, struct lines_at *at, line_fn *fn, void *arg,
	       struct err *e)
{
	struct reading r = {path, most, at, fn, arg};
	int fd = open_regular(path, e), failed = fd < 0;
	char chunk[CHUNK_BYTES];
	struct buf b = {0};
	ssize_t n = 0;

	if (!failed && lseek(fd, (off_t)at->byte, SEEK_SET) < 0)
		failed = err_set(e, ERR_INPUT, "cannot read %s: %s", path, strerror(errno));
	while (!failed && (n = read(fd, chunk, sizeof(chunk))) > 0)
		failed = take(&r, &b, chunk, (size_t)n, e);
	if (!failed && n < 0)
		failed = err_set(e, ERR_INPUT, "cannot read %s: %s", path, strerror(errno));
	at->torn = b.len > 0;
	buf_free(&b);
	if (fd >= 0)
		close(fd);
	return failed ? -1 : 0;
}
