#include "node/volume_store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/loop.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

struct paths {
	char image[520], mount[520];          /* as the node sees them */
	char meta_here[800], image_here[800]; /* as this process does */
	char mount_here[800], data_here[840];
};

static void paths_of(const struct volume_store *s, const char *name, struct paths *p)
{
	snprintf(p->image, sizeof(p->image), "%s/%.*s.img", s->dir, VOLUME_NAME_MAX, name);
	snprintf(p->mount, sizeof(p->mount), "%s/%.*s", s->dir, VOLUME_NAME_MAX, name);
	snprintf(p->meta_here, sizeof(p->meta_here), "%s%s.json", s->root, p->mount);
	snprintf(p->image_here, sizeof(p->image_here), "%s%s", s->root, p->image);
	snprintf(p->mount_here, sizeof(p->mount_here), "%s%s", s->root, p->mount);
	snprintf(p->data_here, sizeof(p->data_here), "%s/data", p->mount_here);
}

void volume_data_path(const struct volume_store *s, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%.*s/data", s->dir, VOLUME_NAME_MAX, name);
}

bool volume_gone(const struct volume_store *s, const char *name)
{
	struct paths p;

	paths_of(s, name, &p);
	return file_absent(p.image_here);
}

int volume_mount(const struct volume_store *s, const char *name, struct err *e)
{
	struct paths p;

	paths_of(s, name, &p);
	return loop_mount(s->root, p.image, p.mount, e);
}

int volume_make(const struct volume_store *s, const char *name, int64_t size_bytes,
		const cJSON *about, struct err *e)
{
	struct err ignored = {0};
	struct paths p;
	char *text;
	int r;

	if (strlen(name) > VOLUME_NAME_MAX)
		return err_set(e, ERR_INPUT, "volume %s has a longer name than %d characters", name,
			       VOLUME_NAME_MAX);
	paths_of(s, name, &p);
	text = json_text(about);
	r = file_write_atomic(p.meta_here, text, strlen(text), e);
	free(text);
	if (r)
		return -1;
	if (loop_is_mounted(s->root, p.mount))
		goto data;
	if (loop_make_image(s->root, p.image, size_bytes, VOLUME_SPARE_BYTES, e) ||
	    loop_mount(s->root, p.image, p.mount, e))
		goto fail;
data:
	if (mkdir(p.data_here, 0777) && errno != EEXIST) {
		err_set(e, ERR_BROKEN, "cannot make %s: %s", p.data_here, strerror(errno));
		goto fail;
	}
	/* Any user of the pod may write, whatever our umask. */
	if (chmod(p.data_here, 0777)) {
		err_set(e, ERR_BROKEN, "cannot open %s to all: %s", p.data_here, strerror(errno));
		goto fail;
	}
	return 0;
fail:
	volume_remove(s, name, &ignored);
	return -1;
}

int volume_remove(const struct volume_store *s, const char *name, struct err *e)
{
	struct paths p;

	paths_of(s, name, &p);
	if (loop_unmount(s->root, p.mount, e))
		return -1;
	if ((unlink(p.image_here) && errno != ENOENT) || (rmdir(p.mount_here) && errno != ENOENT) ||
	    (unlink(p.meta_here) && errno != ENOENT))
		return err_set(e, ERR_BROKEN, "cannot remove volume %s: %s", name, strerror(errno));
	return 0;
}

int volume_list(const struct volume_store *s, cJSON **out, struct err *e)
{
	char dir[500], name[NAME_MAX + 1];
	struct dirent *ent;
	struct paths p;
	DIR *d;
	int r;

	*out = cJSON_CreateArray();
	snprintf(dir, sizeof(dir), "%s%s", s->root, s->dir);
	d = opendir(dir);
	while (d && (errno = 0, ent = readdir(d))) {
		struct err ignored = {0};
		cJSON *about;
		char *dot;

		mem_copy_str(name, sizeof(name), ent->d_name);
		dot = strrchr(name, '.');
		if (!dot || strcmp(dot, ".json"))
			continue;
		*dot = '\0';
		paths_of(s, name, &p);
		about = json_read_file(p.meta_here, &ignored);
		if (!cJSON_IsObject(about)) {
			cJSON_Delete(about);
			about = cJSON_CreateObject();
		}
		json_set_str(about, "name", name);
		json_set_bool(about, "mounted", loop_is_mounted(s->root, p.mount));
		json_push(*out, about);
	}
	r = errno && errno != ENOENT ? err_set(e, ERR_BROKEN, "cannot see all volumes in %s: %s", dir, strerror(errno)) : 0;
	if (d)
		closedir(d);
	return r;
}
