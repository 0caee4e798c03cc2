#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/random.h"

static int open_plainly(int root, const char *path, int flags)
{
	int fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	char word[NAME_MAX + 1];
	struct stat st;

	while (fd >= 0 && *path) {
		size_t len = strcspn(path, "/");
		bool last = !path[len + strspn(path + len, "/")];

		if (len >= sizeof(word) || (len == 2 && !strncmp(path, "..", 2))) {
			close(fd);
			errno = len >= sizeof(word) ? ENAMETOOLONG : EXDEV;
			return -1;
		}
		snprintf(word, sizeof(word), "%.*s", (int)len, path);
		next = openat(fd, word,
			      O_PATH | O_NOFOLLOW | O_CLOEXEC | (last ? flags : O_DIRECTORY));
		if (next >= 0 && !fstat(next, &st) && S_ISLNK(st.st_mode)) {
			close(next);
			next = -1;
			errno = ELOOP;
		}
		close(fd);
		fd = next;
		path += len;
		path += strspn(path, "/");
	}
	return fd;
}

static int open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned long long)(O_PATH | O_CLOEXEC | flags),
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd, tries = 0;

	/* EAGAIN: somebody moved something while the kernel looked. */
	do
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN && ++tries < 100);
	return fd < 0 && errno == ENOSYS ? open_plainly(root, path, flags) : fd;
}

static int fail(struct err *e, const char *path)
{
	int problem = errno;

	return err_set(e, ERR_BROKEN, "cannot open %.300s in its folder: %s", path,
		       problem == EXDEV || problem == ELOOP ? "it leads out of it" : strerror(problem));
}

/* The folder of the first `len` bytes; made if it may be. */
static int open_dir(int root, const char *path, size_t len, size_t parent_len, mode_t mode)
{
	char part[PATH_MAX];
	const char *last;
	int fd, parent;

	snprintf(part, sizeof(part), "%.*s", (int)len, path);
	fd = open_beneath(root, part, O_DIRECTORY);
	if (fd >= 0 || errno != ENOENT || !mode)
		return fd;
	last = strrchr(part, '/') ? strrchr(part, '/') + 1 : part;
	parent = parent_len ? open_dir(root, path, parent_len, 0, 0) : openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -1;
	if (!mkdirat(parent, last, mode & 0777)) {
		/* By what is there now, whatever our umask: never by a name that may have become a
		 * link. */
		int made = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (made >= 0 && !fchmod(made, mode))
			fd = open_beneath(root, part, O_DIRECTORY);
		if (made >= 0)
			close(made);
	} else if (errno == EEXIST) {
		fd = open_beneath(root, part, O_DIRECTORY);
	}
	close(parent);
	return fd;
}

int beneath_open(int root, const char *path, mode_t mode, struct err *e)
{
	size_t len = 0, parent = 0;
	int fd;

	fd = open_beneath(root, path, 0);
	if (fd >= 0 || errno != ENOENT || !mode)
		return fd < 0 ? fail(e, path) : fd;
	for (;;) {
		size_t word = strcspn(path + len, "/");

		fd = open_dir(root, path, len + word, parent, mode);
		if (fd < 0)
			return fail(e, path);
		parent = len + word;
		len = parent + strspn(path + parent, "/");
		if (!path[len])
			return fd;
		close(fd);
	}
}

int beneath_root(const char *dir, struct err *e)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_set(e, ERR_BROKEN, "cannot open %s: %s", dir, strerror(errno)) : fd;
}

static int write_in(int dir, const char *name, const void *data, size_t len, mode_t mode,
		    gid_t group)
{
	char tmp[40], digits[17];
	const char *p = data;
	ssize_t n = 0;
	int fd;

	random_hex(digits, sizeof(digits) - 1);
	snprintf(tmp, sizeof(tmp), ".%s", digits);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	while (len && ((n = write(fd, p, len)) > 0 || errno == EINTR)) {
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	if (len || (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group)) || fchmod(fd, mode) ||
	    renameat(dir, tmp, dir, name)) {
		int problem = errno;

		unlinkat(dir, tmp, 0);
		close(fd);
		errno = problem;
		return -1;
	}
	return close(fd);
}

int beneath_write(int root, const char *path, const void *data, size_t len, mode_t mode,
		  gid_t group, struct err *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char folder[PATH_MAX];
	int dir, r;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	dir = beneath_open(root, folder, 0755, e);
	if (dir < 0)
		return -1;
	r = write_in(dir, name, data, len, mode, group);
	if (r)
		err_set(e, ERR_BROKEN, "cannot write %.300s: %s", path, strerror(errno));
	close(dir);
	return r;
}

int beneath_mount(int fd, const char *target, struct err *e)
{
	char from[64];
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return err_set(e, ERR_BROKEN, "cannot look at what is to be mounted: %s", strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		r = mkdir(target, 0700) && errno != EEXIST;
	} else if (S_ISREG(st.st_mode)) {
		int file = open(target, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		r = file < 0 || close(file);
	} else {
		return err_set(e, ERR_BROKEN, "a subPath has to be a folder or a file");
	}
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (r || mount(from, target, NULL, MS_BIND, NULL))
		return err_set(e, ERR_BROKEN, "cannot mount %s: %s", target, strerror(errno));
	return 0;
}

int beneath_unmount(const char *target, struct err *e)
{
	if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL && errno != ENOENT)
		return err_set(e, ERR_BROKEN, "cannot unmount %s: %s", target, strerror(errno));
	if ((rmdir(target) && errno == ENOTDIR && unlink(target)) && errno != ENOENT)
		return err_set(e, ERR_BROKEN, "cannot remove %s: %s", target, strerror(errno));
	return 0;
}
