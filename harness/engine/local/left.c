/* What runs left, in this cache folder and in others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/local/local.h"
#include "engine/register.h"

void local_register(struct local *l)
{
	char at[PATH_MAX];
	struct err e = {0};

	l->registered = !register_place("local", at, &e) && !register_add(at, l->dir, &e);
	if (!l->registered)
		log_warn("`recover` under another cache folder will not find this run: %s", e.msg);
}

/* Where there is no place for it, nothing is registered. */
static int drop(const char *folder, struct err *e)
{
	char at[PATH_MAX];
	struct err none = {0};

	return register_place("local", at, &none) ? 0 : register_drop(at, folder, e);
}

void local_unregister(struct local *l)
{
	struct err e = {0};

	if (l->registered && !local_count(l) && drop(l->dir, &e))
		log_warn("%s", e.msg);
	l->registered = false;
}

int local_clean(struct local *l, cJSON *found, struct err *e)
{
	return local_sweep(l, found, e) || file_remove_tree(l->state, e) ? -1 : 0;
}

/* A folder that somebody uses is not left over. */
static int clean_other(const char *folder, cJSON *found, struct err *e)
{
	struct local *other = mem_alloc(sizeof(*other));
	char path[PATH_MAX];
	int fd = -1, r = 0;

	snprintf(other->dir, sizeof(other->dir), "%s", folder);
	snprintf(other->state, sizeof(other->state), "%.4000s/state", folder);
	snprintf(path, sizeof(path), "%.4000s/lock", folder);
	if (file_absent(folder))
		goto gone;
	r = file_private_dir(folder, e);
	if (!r && (fd = file_open_own(path, e)) < 0)
		r = -1;
	if (!r && flock(fd, LOCK_EX | LOCK_NB)) {
		log_info("%s is in use by another ordeal", folder);
		goto out;
	}
	if (!r)
		r = local_clean(other, found, e);
gone:
	if (!r)
		r = drop(folder, e);
out:
	if (fd >= 0)
		close(fd);
	free(other);
	return r;
}

int local_clean_all(struct local *l, cJSON *found, struct err *e)
{
	struct register_list all = {0};
	struct err more = {0};
	char at[PATH_MAX];
	int r = local_clean(l, found, e);

	if (!r)
		r = drop(l->dir, e);
	if (register_place("local", at, &more))
		return r;
	if (register_read(at, "local", &all, r ? &more : e))
		r = -1;
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.v[i], l->dir) && clean_other(all.v[i], found, r ? &more : e))
			r = -1;
	free(all.v);
	return r;
}
