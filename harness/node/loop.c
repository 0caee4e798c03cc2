#include "node/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"

#define TOOL_TIMEOUT_NS (60 * NS_PER_S)
enum { LOOP_MAJOR = 7, ATTACH_TRIES = 50 };

static int reserve(const char *path, int64_t size_bytes, int64_t spare_bytes, struct err *e)
{
	struct statvfs v;
	int64_t free_bytes;
	int fd, r = 0;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot make %s: %s", path, strerror(errno));
	if (fstatvfs(fd, &v)) {
		r = err_set(e, ERR_BROKEN, "cannot see how full the disk of %s is: %s", path,
			    strerror(errno));
		goto out;
	}
	free_bytes = (int64_t)(v.f_bavail * v.f_frsize);
	if (size_bytes > free_bytes - spare_bytes) {
		r = err_set(e, ERR_UNSUPPORTED,
			    "%lld bytes are wanted, but the node's disk has only %lld free, of which "
			    "%lld stay so", (long long)size_bytes, (long long)free_bytes,
			    (long long)spare_bytes);
		goto out;
	}
	while (fallocate(fd, 0, 0, size_bytes)) {
		if (errno == EINTR)
			continue;
		r = err_set(e, errno == ENOSPC ? ERR_UNSUPPORTED : ERR_BROKEN,
			    "cannot reserve %lld bytes for %s: %s", (long long)size_bytes, path,
			    strerror(errno));
		break;
	}
out:
	close(fd);
	return r;
}

int loop_make_image(const char *root, const char *image, int64_t size_bytes, int64_t spare_bytes,
		    struct err *e)
{
	char path[PATH_MAX];
	/* Its blocks are zero already, so nothing has to be written for later. */
	const char *mkfs[] = {"mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-i", "32768",
			      "-E", "nodiscard,lazy_itable_init=0,assume_storage_prezeroed=1", path, NULL};

	snprintf(path, sizeof(path), "%s%s", root, image);
	unlink(path);
	if (reserve(path, size_bytes, spare_bytes, e) ||
	    proc_must(mkfs, NULL, TOOL_TIMEOUT_NS, NULL, e)) {
		unlink(path);
		return -1;
	}
	return 0;
}

/* Nodes without udev have only the devices that were there at their start. */
static int open_device(const char *root, int number, char path[PATH_MAX], struct err *e)
{
	int fd;

	snprintf(path, PATH_MAX, "%s/dev/loop%d", root, number);
	if (mknod(path, S_IFBLK | 0660, makedev(LOOP_MAJOR, (unsigned)number)) && errno != EEXIST)
		return err_set(e, ERR_BROKEN, "cannot make %s: %s", path, strerror(errno));
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd >= 0 ? fd : err_set(e, ERR_BROKEN, "cannot open %s: %s", path, strerror(errno));
}

/* Ties the image to a free device; returns the device's descriptor, which
 * keeps it alive until it is mounted. Others may take the same free device
 * at the same time, so several tries may be needed. */
static int attach(const char *root, const char *image, int *number, struct err *e)
{
	struct loop_config conf = {.info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
	char control[PATH_MAX], device[PATH_MAX], path[PATH_MAX];
	int ctl = -1, fd = -1, dev = -1, why;

	snprintf(control, sizeof(control), "%s/dev/loop-control", root);
	snprintf(path, sizeof(path), "%s%s", root, image);
	snprintf((char *)conf.info.lo_file_name, LO_NAME_SIZE, "%.60s", image);
	ctl = open(control, O_RDWR | O_CLOEXEC);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (ctl < 0 || fd < 0) {
		err_set(e, ERR_BROKEN, "cannot open %s: %s", ctl < 0 ? control : path, strerror(errno));
		goto out;
	}
	conf.fd = (unsigned)fd;
	for (int i = 0; i < ATTACH_TRIES; i++) {
		*number = ioctl(ctl, LOOP_CTL_GET_FREE);
		if (*number < 0) {
			err_set(e, ERR_BROKEN, "no free loop device: %s", strerror(errno));
			goto out;
		}
		dev = open_device(root, *number, device, e);
		if (dev < 0)
			goto out;
		if (ioctl(dev, LOOP_CONFIGURE, &conf) == 0)
			goto out;
		why = errno;
		err_set(e, ERR_BROKEN, "cannot tie %s to %s: %s", path, device, strerror(why));
		close(dev);
		dev = -1;
		if (why != EBUSY)
			goto out;
		clock_sleep_until(clock_mono_ns() + 2 * NS_PER_MS);
	}
out:
	if (ctl >= 0)
		close(ctl);
	if (fd >= 0)
		close(fd);
	return dev;
}

bool loop_is_mounted(const char *root, const char *dir)
{
	char path[PATH_MAX], parent[PATH_MAX];
	struct stat a, b;

	snprintf(path, sizeof(path), "%s%s", root, dir);
	snprintf(parent, sizeof(parent), "%s%s/..", root, dir);
	/* ".." of a mount's root leads out of it. */
	return stat(path, &a) == 0 && stat(parent, &b) == 0 && a.st_dev != b.st_dev;
}

/* mount and umount by the node's own tools, in its own mount namespace, so
 * that the kubelet sees what they do. */
static int on_node(const char *root, const char *const tool[], struct err *e)
{
	const char *argv[16] = {"nsenter", "--target", "1", "--mount", "--"};
	size_t n = root[0] ? 5 : 0;

	for (size_t i = 0; tool[i] && n < ARRAY_LEN(argv) - 1; i++)
		argv[n++] = tool[i];
	argv[n] = NULL;
	return proc_must(argv, NULL, TOOL_TIMEOUT_NS, NULL, e);
}

int loop_mount(const char *root, const char *image, const char *dir, struct err *e)
{
	char device[64], path[PATH_MAX];
	/* Without barriers an fsync ends in this machine's page cache. No fault
	 * takes that away (a node's end is its processes'), and a server's
	 * latency does not hang on what else this machine's disk has to do. */
	const char *mount[] = {"mount", "-t", "ext4", "-o", "noatime,nobarrier,nodev,nosuid", device, dir, NULL};
	int number = -1, dev, r;

	if (loop_is_mounted(root, dir))
		return 0;
	snprintf(path, sizeof(path), "%s%s", root, dir);
	if (file_mkdirs(path, e))
		return -1;
	dev = attach(root, image, &number, e);
	if (dev < 0)
		return -1;
	snprintf(device, sizeof(device), "/dev/loop%d", number);
	r = on_node(root, mount, e);
	close(dev);
	return r;
}

int loop_unmount(const char *root, const char *dir, struct err *e)
{
	const char *umount[] = {"umount", dir, NULL};

	for (int i = 0; i < 8 && loop_is_mounted(root, dir); i++)
		if (on_node(root, umount, e) && loop_is_mounted(root, dir))
			return -1;
	return 0;
}
