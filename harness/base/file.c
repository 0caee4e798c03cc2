#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE_MS = 60000 };

/* As read(2) of a descriptor that does not block; a pipe's writer has its time. */
static ssize_t read_some(int fd, void *to, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	while ((n = read(fd, to, size)) < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (errno == EAGAIN && poll(&p, 1, PIPE_MS) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return n;
}

int file_read(const char *path, struct buf *b, struct err *e)
{
	char chunk[65536];
	/* Opening a FIFO that nobody writes to would wait for ever. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t before = b->len;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return err_set(e, ERR_INPUT, "cannot read %s: %s", path, strerror(errno));
	/* A device may have no end. */
	while (!b->over && (n = read_some(fd, chunk, sizeof(chunk))) > 0)
		buf_add(b, chunk, (size_t)n);
	if (n < 0)
		err_set(e, ERR_INPUT, "cannot read %s: %s", path, strerror(errno));
	else if (b->over)
		n = err_set(e, ERR_INPUT, "%s is larger than %zu bytes", path,
			    b->cap ? b->cap : BUF_CAP);
	else if (b->len == before && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		n = err_set(e, ERR_INPUT, "cannot read %s: it is a pipe, and nothing is written to it", path);
	buf_str(b, "");
	close(fd);
	return n < 0 ? -1 : 0;
}

static int sync_parent(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, r;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		*(slash == dir ? slash + 1 : slash) = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = fsync(fd);
	close(fd);
	return r;
}

static int write_whole(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	char tmp[PATH_MAX];
	const char *p = data;
	ssize_t n;
	int fd;

	snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot create a file beside %s: %s", path,
			       strerror(errno));
	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto fail;
		p += n;
		len -= (size_t)n;
	}
	if (fchmod(fd, mode) || fsync(fd) || rename(tmp, path))
		goto fail;
	close(fd);
	if (sync_parent(path))
		return err_set(e, ERR_BROKEN, "cannot sync the folder of %s: %s", path,
			       strerror(errno));
	return 0;
fail:
	err_set(e, ERR_BROKEN, "cannot write %s: %s", path, strerror(errno));
	close(fd);
	unlink(tmp);
	return -1;
}

int file_write_atomic(const char *path, const void *data, size_t len, struct err *e)
{
	return write_whole(path, data, len, 0644, e);
}

int file_write_private(const char *path, const void *data, size_t len, struct err *e)
{
	return write_whole(path, data, len, 0600, e);
}

int file_private_dir(const char *path, struct err *e)
{
	struct stat st;
	int fd, r = 0;

	if (mkdir(path, 0700) && errno != EEXIST)
		return err_set(e, ERR_BROKEN, "cannot make the folder %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot open the folder %s: %s", path, strerror(errno));
	if (fstat(fd, &st) || st.st_uid != geteuid())
		r = err_set(e, ERR_BROKEN, "the folder %s is of user %u, not ours: remove it, or set ORDEAL_CACHE to "
			    "another", path, (unsigned)st.st_uid);
	else if ((st.st_mode & 077) && fchmod(fd, 0700))
		r = err_set(e, ERR_BROKEN, "cannot close %s to others: %s", path, strerror(errno));
	close(fd);
	return r;
}

/* Whoever owns a folder that nobody else may write decides what is in it. */
static bool owns_folder(const char *path, uid_t uid)
{
	char dir[PATH_MAX], *slash;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		*(slash == dir ? slash + 1 : slash) = '\0';
	return !stat(slash ? dir : ".", &st) && st.st_uid == uid && !(st.st_mode & 022);
}

int file_open_own(const char *path, struct err *e)
{
	int fd =
		open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	const char *why = NULL;
	struct stat st;

	if (fd < 0 && errno == EACCES && lstat(path, &st) == 0 && st.st_uid != geteuid())
		return err_set(e, ERR_BROKEN, "cannot open %s: it is somebody else's: remove it", path);
	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot open %s: %s", path,
			       errno == ELOOP ? "it is a link, which is not followed: remove it" : strerror(errno));
	if (fstat(fd, &st))
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		why = "it is no plain file with one name: remove it";
	else if (st.st_uid != geteuid() && !owns_folder(path, st.st_uid))
		why = "it is somebody else's: remove it";
	else if (st.st_uid == geteuid() && (st.st_mode & 077) && fchmod(fd, 0600))
		why = strerror(errno);
	if (!why)
		return fd;
	close(fd);
	return err_set(e, ERR_BROKEN, "cannot use %s: %s", path, why);
}

int file_mkdirs(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	char *p;

	if ((size_t)snprintf(dir, sizeof(dir), "%s", path) >= sizeof(dir))
		return err_set(e, ERR_INPUT, "path too long: %s", path);
	for (p = dir + 1; ; p++) {
		if (*p && *p != '/')
			continue;
		char was = *p;

		*p = '\0';
		if (mkdir(dir, 0755) && errno != EEXIST)
			return err_set(e, ERR_BROKEN, "cannot make the folder %s: %s", dir,
				       strerror(errno));
		*p = was;
		if (!was)
			return 0;
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int file_remove_tree(const char *path, struct err *e)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) && errno != ENOENT)
		return err_set(e, ERR_BROKEN, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool file_absent(const char *path)
{
	return access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR);
}

int file_project_root(char *out, struct err *e)
{
	const char *home = getenv("ORDEAL_HOME");
	char probe[PATH_MAX];
	char *slash;
	ssize_t n;

	if (home && *home) {
		snprintf(out, PATH_MAX, "%s", home);
		return 0;
	}
	n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	if (n < 0)
		return err_set(e, ERR_BROKEN, "cannot find the running binary: %s",
			       strerror(errno));
	out[n] = '\0';
	while ((slash = strrchr(out, '/')) && slash != out) {
		*slash = '\0';
		if ((size_t)snprintf(probe, sizeof(probe), "%s/fixtures", out) < sizeof(probe) &&
		    file_exists(probe))
			return 0;
	}
	return err_set(e, ERR_INPUT,
		       "cannot find fixtures/ above the ordeal binary; set ORDEAL_HOME to the "
		       "folder of the project");
}

int file_cache_dir(char *out, struct err *e)
{
	const char *own = getenv("ORDEAL_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (own && *own)
		snprintf(out, PATH_MAX, "%s", own);
	else if (xdg && *xdg)
		snprintf(out, PATH_MAX, "%s/ordeal", xdg);
	else if (home && *home)
		snprintf(out, PATH_MAX, "%s/.cache/ordeal", home);
	else
		return err_set(e, ERR_INPUT,
			       "no cache folder: set ORDEAL_CACHE, XDG_CACHE_HOME or HOME");
	return file_mkdirs(out, e);
}
