#include "fault/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PROBE_BYTES = 8192 };

/* Adds `want` bytes, in ever smaller pieces when they do not fit: extents
 * need a block of their own now and then, and others write at the same time.
 * With `to_the_end` it goes on until not one block can be had. */
static int grow(int fd, int64_t want, int64_t block, bool to_the_end)
{
	int64_t piece = want / block * block;
	struct stat st;

	while (piece >= block) {
		if (fstat(fd, &st))
			return -1;
		if (fallocate(fd, 0, st.st_size, piece) == 0) {
			want -= piece;
			if (!to_the_end && piece > want)
				piece = want / block * block;
		} else if (errno == ENOSPC) {
			piece = piece / 2 / block * block;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

bool fill_bounded(const char *dir, const char *node_dir)
{
	struct stat a, b;

	return stat(dir, &a) == 0 && stat(node_dir, &b) == 0 && a.st_dev != b.st_dev;
}

int fill_to(const char *path, int percent, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;
	int64_t block, used, left, want;
	struct statvfs v;

	if (fd < 0 && errno == ENOSPC)
		return 0;
	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot open %s: %s", path, strerror(errno));
	if (fstatvfs(fd, &v)) {
		r = err_set(e, ERR_BROKEN, "cannot see how full %s is: %s", path, strerror(errno));
		goto out;
	}
	block = (int64_t)v.f_frsize;
	used = (int64_t)(v.f_blocks - v.f_bfree) * block;
	left = (int64_t)v.f_bavail * block;
	want = percent >= 100 ? left + block : (used + left) / 100 * percent - used;
	if (want > 0 && grow(fd, want, block, percent >= 100))
		r = err_set(e, ERR_BROKEN, "cannot fill %s: %s", path, strerror(errno));
out:
	close(fd);
	return r;
}

/* True when the file system refuses a small file for want of room. */
static bool write_probe(const char *path)
{
	char name[PATH_MAX], data[PROBE_BYTES];
	bool no_room = false;
	ssize_t n = 0;
	int fd;

	if (snprintf(name, sizeof(name), "%s.probe", path) >= (int)sizeof(name))
		return false;
	memset(data, 'x', sizeof(data));
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == ENOSPC;
	for (size_t left = sizeof(data); left && !no_room; left -= (size_t)n) {
		n = write(fd, data, left);
		if (n <= 0) {
			no_room = n < 0 && errno == ENOSPC;
			break;
		}
	}
	if (!no_room && fsync(fd) && errno == ENOSPC)
		no_room = true;
	close(fd);
	unlink(name);
	return no_room;
}

int fill_look(const char *path, bool probe, struct fill_state *out, struct err *e)
{
	char dir[PATH_MAX];
	struct statvfs v;
	struct stat st;
	fsblkcnt_t used;
	char *slash;

	memset(out, 0, sizeof(*out));
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	if (statvfs(dir, &v))
		return err_set(e, ERR_BROKEN, "cannot see how full %s is: %s", dir, strerror(errno));
	out->size_bytes = (int64_t)(v.f_blocks * v.f_frsize);
	/* As df(1) counts: what the file system keeps back for itself is nobody's. */
	used = v.f_blocks - v.f_bfree;
	out->free_bytes = (int64_t)(v.f_bavail * v.f_frsize);
	if (used + v.f_bavail)
		out->used_percent = 100.0 * (double)used / (double)(used + v.f_bavail);
	if (stat(path, &st) == 0)
		out->fill_bytes = st.st_size;
	if (probe)
		out->no_room = write_probe(path);
	return 0;
}
