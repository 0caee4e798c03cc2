#include "fault/fill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PROBE_BYTES = 8192, DEPTH = 100 };
#define MARK "trusted.ordeal" /* on our file, whatever its name: a pod can neither set it nor take it away */

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

enum { FD_PATH_BYTES = 40 };

static void path_of(int fd, char path[FD_PATH_BYTES])
{
	snprintf(path, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
}

/* Where there are no marks a file is known by its name alone. */
static void set_mark(int fd)
{
	char path[FD_PATH_BYTES];

	path_of(fd, path);
	(void)!setxattr(path, MARK, "1", 1, 0);
}

/* The fill file, made when it is missing. The volume is the pod's, which may
 * put a device, a FIFO or a link in its place: nothing is opened before it is
 * known for a plain file. EEXIST: it is none. */
static int open_plain(int dir, const char *name, int64_t device)
{
	int seen = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd, why;
	char path[FD_PATH_BYTES];
	struct stat st;

	if (seen < 0 && errno == ENOENT) {
		fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			set_mark(fd);
		return fd;
	}
	if (seen < 0)
		return -1;
	path_of(seen, path);
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

enum mark { MARK_ABSENT, MARK_NONE, MARK_OURS, MARK_UNKNOWN /* its file system has none */ };

static int mark_of(int fd, enum mark *out)
{
	char path[FD_PATH_BYTES], word[8];

	path_of(fd, path);
	*out = getxattr(path, MARK, word, sizeof(word)) >= 0 ? MARK_OURS :
	       errno == ENODATA ? MARK_NONE : MARK_UNKNOWN;
	return *out == MARK_UNKNOWN && errno != EOPNOTSUPP ? -1 : 0;
}

/* Whoever has it open, or gave it another name as well, keeps no room by that. */
static int empty(int fd)
{
	char path[FD_PATH_BYTES];

	path_of(fd, path);
	fd = open(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* Errno stays what it was. */
static void shut(int fd)
{
	int why = errno;

	close(fd);
	errno = why;
}

/* What has that name, to be looked at: its descriptor; -1 with ENOENT where there is none. */
static int look_at(int dir, const char *name, int64_t device, struct stat *st, bool *plain)
{
	int seen = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (seen >= 0 && fstat(seen, st)) {
		shut(seen);
		return -1;
	}
	*plain = seen >= 0 && S_ISREG(st->st_mode) && (int64_t)st->st_dev == device;
	return seen;
}

/* By its mark, or where there are none by its name, if it has no other. */
static bool is_ours(enum mark mark, const struct stat *st)
{
	return mark == MARK_OURS || (mark == MARK_UNKNOWN && st->st_nlink == 1);
}

/* What is there under that name goes; a folder is not of ours. */
static int end_name(int dir, const char *name, int64_t device, enum mark *mark, int64_t *size)
{
	struct stat st;
	bool plain;
	int seen = look_at(dir, name, device, &st, &plain), r = 0;

	*mark = MARK_ABSENT;
	if (seen < 0)
		return errno == ENOENT ? 0 : -1;
	if (plain) {
		*size = (int64_t)st.st_size;
		r = mark_of(seen, mark);
		if (!r && is_ours(*mark, &st))
			r = empty(seen);
		if (st.st_nlink > 1 && *mark == MARK_OURS)
			*mark = MARK_NONE;
	}
	if (!r && unlinkat(dir, name, 0) && errno != ENOENT && errno != EISDIR)
		r = -1;
	shut(seen);
	return r;
}

int fill_ours(int dir, const char *name, bool *ours)
{
	struct stat in, st;
	enum mark mark;
	bool plain;
	int seen, r;

	*ours = false;
	if (fstat(dir, &in))
		return -1;
	seen = look_at(dir, name, (int64_t)in.st_dev, &st, &plain);
	if (seen < 0)
		return errno == ENOENT ? 0 : -1;
	r = plain ? mark_of(seen, &mark) : 0;
	*ours = plain && !r && is_ours(mark, &st);
	shut(seen);
	return r;
}

int fill_end(int dir, const char *name)
{
	enum mark mark;
	struct stat st;
	int64_t size;

	return fstat(dir, &st) ? -1 : end_name(dir, name, (int64_t)st.st_dev, &mark, &size);
}

static int end_marked(int dir, int64_t device, int depth);

static int end_entry(int dir, const char *name, int64_t device, int depth)
{
	enum mark mark = MARK_NONE;
	struct stat st;
	bool plain;
	int seen = look_at(dir, name, device, &st, &plain), r = 0, below;

	if (seen < 0)
		return errno == ENOENT ? 0 : -1;
	if (plain) {
		r = mark_of(seen, &mark);
		if (!r && mark == MARK_OURS)
			r = empty(seen) || (unlinkat(dir, name, 0) && errno != ENOENT) ? -1 : 0;
	} else if (S_ISDIR(st.st_mode) && (int64_t)st.st_dev == device) {
		below = openat(seen, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (below < 0)
			r = errno == ENOENT ? 0 : -1;
		else
			r = end_marked(below, device, depth - 1);
	}
	shut(seen);
	return r;
}

/* Our file under whatever name the pod has given it. Closes the folder. */
static int end_marked(int dir, int64_t device, int depth)
{
	char path[FD_PATH_BYTES];
	struct dirent *ent;
	int r = 0, why;
	DIR *d;

	path_of(dir, path);
	d = depth ? opendir(path) : NULL;
	if (!depth)
		errno = ELOOP;
	r = d ? 0 : -1;
	while (!r && (errno = 0, ent = readdir(d)))
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, ".."))
			r = end_entry(dir, ent->d_name, device, depth);
	r = r || errno ? -1 : 0;
	why = errno;
	if (d)
		closedir(d);
	close(dir);
	errno = why;
	return r;
}

static int end_below(int dir, int64_t device)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return again < 0 ? -1 : end_marked(again, device, DEPTH);
}

int fill_remove(const char *path, int64_t device, int64_t *size, struct err *e)
{
	const char *name = "";
	int dir = open_folder_on(path, device, &name), r;
	enum mark mark = MARK_ABSENT, any;
	int64_t unused;
	char probe[PATH_MAX];

	*size = -1;
	if (dir < 0)
		return err_set(e, ERR_BROKEN, "cannot open the folder of %s: %s", path, reason(errno));
	r = probe_name(name, probe) ? end_name(dir, probe, device, &any, &unused) : 0;
	if (end_name(dir, name, device, &mark, size))
		r = -1;
	/* Where there are marks, and it was not there, or not alone, it is elsewhere. */
	if (!r && mark != MARK_OURS && mark != MARK_UNKNOWN)
		r = mark_of(dir, &any) || (any != MARK_UNKNOWN && end_below(dir, device)) ? -1 : 0;
	if (r)
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
	set_mark(fd);
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
