/* Parts of volumes. What a pod has put there in the meantime, a link above all,
 * must not decide what Docker binds: so what was found is mounted at a place of
 * ours, as a kubelet does, and that is bound. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/file.h"
#include "engine/docker/docker.h"

static void dir_of(const char *state, const char *uid, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.3500s/pods/%s/subpaths", state, uid);
}

int docker_subpath(const struct docker_pod *p, const char *below, const char *name,
		   char path[PATH_MAX], struct err *e)
{
	char dir[PATH_MAX], target[PATH_MAX + 200];
	int root = beneath_root(path, e), fd = -1, r = -1;
	struct stat st;

	if (root < 0)
		return -1;
	dir_of(p->d->state, p->uid, dir);
	snprintf(target, sizeof(target), "%s/%.150s", dir, name);
	if (!fstat(root, &st))
		fd = beneath_open(root, below, st.st_mode & 07777, e);
	if (fd >= 0 && !file_mkdirs(dir, e) && !beneath_unmount(target, e))
		r = beneath_mount(fd, target, e);
	if (fd >= 0)
		close(fd);
	close(root);
	if (r)
		return err_prefix(e, "subPath \"%.200s\"", below);
	mem_copy_str(path, PATH_MAX, target);
	return 0;
}

static int end_all(const char *dir, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	int r = 0;

	while (d && (ent = readdir(d))) {
		char path[PATH_MAX + 300];

		snprintf(path, sizeof(path), "%s/%s", dir, ent->d_name);
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, "..") && beneath_unmount(path, e))
			r = -1;
	}
	if (d)
		closedir(d);
	return r;
}

int docker_subpaths_end(const struct docker_pod *p, struct err *e)
{
	char dir[PATH_MAX];

	dir_of(p->d->state, p->uid, dir);
	return end_all(dir, e);
}

int docker_subpaths_down(const char *state, struct err *e)
{
	char pods[PATH_MAX], dir[PATH_MAX];
	struct dirent *ent;
	int r = 0;
	DIR *d;

	snprintf(pods, sizeof(pods), "%.3500s/pods", state);
	d = opendir(pods);
	while (d && (ent = readdir(d))) {
		dir_of(state, ent->d_name, dir);
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, "..") && end_all(dir, e))
			r = -1;
	}
	if (d)
		closedir(d);
	return r;
}
