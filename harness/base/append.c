#include "base/append.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

int append_open(struct append *a, const char *path, struct err *e)
{
	memset(a, 0, sizeof(*a));
	mem_copy_str(a->path, sizeof(a->path), path);
	a->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (a->fd < 0)
		return err_set(e, ERR_BROKEN, "cannot write %s: %s", path, strerror(errno));
	a->open = true;
	return 0;
}

/* 0, or the errno. */
static int write_all(struct append *a, const char *p, size_t len)
{
	size_t left = len;

	while (left) {
		ssize_t n = write(a->fd, p, left);
		int why = n < 0 ? errno : 0;

		if (why == EINTR)
			continue;
		if (why) {
			/* What is no regular file (/dev/full) has nothing to cut off. */
			if (ftruncate(a->fd, a->bytes) && errno != EINVAL)
				why = errno;
			return why;
		}
		p += n;
		left -= (size_t)n;
	}
	a->bytes += (int64_t)len;
	return 0;
}

int append_check(const struct append *a, struct err *e)
{
	return a->error ? err_set(e, ERR_BROKEN, "cannot write %s: %s", a->path, strerror(a->error)) : 0;
}

int append_write(struct append *a, const void *data, size_t len, struct err *e)
{
	if (!a->error)
		a->error = a->open ? write_all(a, data, len) : EBADF;
	return append_check(a, e);
}

bool append_last_words(struct append *a, const void *data, size_t len)
{
	return a->open && !write_all(a, data, len);
}

int append_close(struct append *a, struct err *e)
{
	if (a->open && close(a->fd) && !a->error)
		a->error = errno;
	a->open = false;
	return append_check(a, e);
}
