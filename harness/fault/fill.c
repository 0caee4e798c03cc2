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

/* The folder of `path`; the name in it goes to *name. -1 with errno. */
static int open_folder(const char *path, const char **name)
{
	char dir[PATH_MAX];
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir) || !(slash = strrchr(dir, '/'))) {
		errno = ENAMETOOLONG;
		return -1;
	}
	*slash = '\0';
	*name = path + (slash - dir) + 1;
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int64_t fill_device(const char *path)
{
	const char *name;
	struct stat st;
	int dir = open_folder(path, &name);
	int64_t device = dir >= 0 && fstat(dir, &st) == 0 ? (int64_t)st.st_dev : 0;

	if (dir >= 0)
		close(dir);
	return device;
}

/* The same where the folder is on that device; ESTALE: on another one. */
static int open_folder_on(const char *path, int64_t device, const char **name)
{
	int dir = open_folder(path, name), why = 0;
	struct stat st;

	if (dir < 0)
		return -1;
	if (fstat(dir, &st))
		why = errno;
	else if ((int64_t)st.st_dev != device)
		why = ESTALE;
	if (!why)
		return dir;
	close(dir);
	errno = why;
	return -1;
}

static const char *reason(int why)
{
	switch (why) {
	case ESTALE:
		return "its volume is not mounted there now";
	case EEXIST:
		return "somebody else put something there that is no plain file with one name";
	default:
		return strerror(why);
	}
}

/* The fill file, made when it is missing. The volume is the pod's, which may
 * put a device, a FIFO or a link in its place: nothing is opened before it is
 * known for a plain file. EEXIST: it is none. */
static int open_plain(int dir, const char *name, int64_t device)
{
	int seen = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd, why;
	char path[40];
	struct stat st;

	if (seen < 0)
		return errno != ENOENT ? -1 :
		       openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", seen);
	if (fstat(seen, &st)) {
		fd = -1;
	} else if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || (int64_t)st.st_dev != device) {
		fd = -1;
		errno = EEXIST;
	} else {
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	why = errno;
	close(seen);
	errno = why;
	return fd;
}

int fill_to(const char *path, int64_t device, int percent, struct err *e)
{
	const char *name;
	int dir = open_folder_on(path, device, &name), fd, r = 0;
	int64_t block, used, left, want;
	struct statvfs v;

	if (dir < 0)
		return err_set(e, ERR_BROKEN, "cannot open the folder of %s: %s", path, reason(errno));
	fd = open_plain(dir, name, device);
	if (fd < 0 && errno != ENOSPC)
		r = err_set(e, ERR_BROKEN, "cannot open %s: %s", path, reason(errno));
	close(dir);
	if (fd < 0)
		return r;
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

static bool probe_name(const char *path, char name[PATH_MAX])
{
	return snprintf(name, PATH_MAX, "%s.probe", path) < PATH_MAX;
}

int fill_remove(const char *path, int64_t device, int64_t *size, struct err *e)
{
	const char *name = "", *names[2];
	int dir = open_folder_on(path, device, &name), r = 0;
	char probe[PATH_MAX];
	struct stat st;

	*size = -1;
	if (dir < 0)
		return err_set(e, ERR_BROKEN, "cannot open the folder of %s: %s", path, reason(errno));
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		*size = (int64_t)st.st_size;
	names[0] = probe_name(name, probe) ? probe : name;
	names[1] = name;
	for (size_t i = 0; i < 2; i++)
		/* A folder is not of ours. */
		if (unlinkat(dir, names[i], 0) && errno != ENOENT && errno != EISDIR)
			r = err_set(e, ERR_BROKEN, "cannot remove %s: %s", path, strerror(errno));
	close(dir);
	return r;
}

/* Does the file system refuse a small file for want of room? What stands in its
 * place goes first, and whoever is quicker than that makes this an error. */
static int write_probe(int dir, const char *name, bool *no_room, struct err *e)
{
	char data[PROBE_BYTES];
	ssize_t n = 0;
	int fd, r = 0;

	*no_room = false;
	memset(data, 'x', sizeof(data));
	if (unlinkat(dir, name, 0) && errno != ENOENT)
		return err_set(e, ERR_BROKEN, "cannot remove %s: %s", name, strerror(errno));
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		*no_room = errno == ENOSPC;
		return *no_room ? 0 : err_set(e, ERR_BROKEN, "cannot make %s: %s", name, strerror(errno));
	}
	for (size_t left = sizeof(data); left && n >= 0; left -= (size_t)n) {
		n = write(fd, data, left);
		if (n < 0 && errno == EINTR)
			n = 0;
	}
	if (n < 0 || fsync(fd)) {
		*no_room = errno == ENOSPC;
		if (!*no_room)
			r = err_set(e, ERR_BROKEN, "cannot write %s: %s", name, strerror(errno));
	}
	close(fd);
	unlinkat(dir, name, 0);
	return r;
}

int fill_look(const char *path, bool probe, struct fill_state *out, struct err *e)
{
	const char *name = "";
	int dir = open_folder(path, &name), r = 0;
	char beside[PATH_MAX];
	struct statvfs v;
	struct stat st;
	fsblkcnt_t used;

	memset(out, 0, sizeof(*out));
	if (dir < 0 || fstatvfs(dir, &v)) {
		r = err_set(e, ERR_BROKEN, "cannot see how full the folder of %s is: %s", path, strerror(errno));
		goto out;
	}
	out->size_bytes = (int64_t)(v.f_blocks * v.f_frsize);
	/* As df(1) counts: what the file system keeps back for itself is nobody's. */
	used = v.f_blocks - v.f_bfree;
	out->free_bytes = (int64_t)(v.f_bavail * v.f_frsize);
	if (used + v.f_bavail)
		out->used_percent = 100.0 * (double)used / (double)(used + v.f_bavail);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		out->fill_bytes = st.st_size;
	if (probe && probe_name(name, beside))
		r = write_probe(dir, beside, &out->no_room, e);
out:
	if (dir >= 0)
		close(dir);
	return r;
}
