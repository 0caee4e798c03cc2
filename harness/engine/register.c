#include "engine/register.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

int register_place(const char *engine, char at[PATH_MAX], struct err *e)
{
	const char *given = getenv("ORDEAL_REGISTER");
	struct passwd pw, *found = NULL;
	char room[4096];
	int r;

	if (given && *given) {
		snprintf(at, PATH_MAX, "%s/%s", given, engine);
		return 0;
	}
	if (geteuid() == 0) {
		snprintf(at, PATH_MAX, "/var/lib/ordeal/%s", engine);
		return 0;
	}
	r = getpwuid_r(geteuid(), &pw, room, sizeof(room), &found);
	if (r || !found || pw.pw_dir[0] != '/')
		return err_set(e, ERR_BROKEN, "this machine knows no home of user %u",
			       (unsigned)geteuid());
	snprintf(at, PATH_MAX, "%s/.local/state/ordeal/%s", pw.pw_dir, engine);
	return 0;
}

/* One name a folder: FNV-1a (draft-eastlake-fnv). */
static void entry(const char *at, const char *folder, char path[PATH_MAX])
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (const char *c = folder; *c; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(1099511628211);
	snprintf(path, PATH_MAX, "%s/%016llx", at, (unsigned long long)h);
}

int register_add(const char *at, const char *folder, struct err *e)
{
	char path[PATH_MAX];

	entry(at, folder, path);
	if (file_mkdirs(at, e))
		return -1;
	/* Whoever may write here has folders removed. */
	if (chmod(at, 0700))
		return err_set(e, ERR_BROKEN, "cannot close %s to others: %s", at, strerror(errno));
	return file_write_atomic(path, folder, strlen(folder), e);
}

int register_drop(const char *at, const char *folder, struct err *e)
{
	char path[PATH_MAX];

	entry(at, folder, path);
	return unlink(path) && errno != ENOENT && errno != ENOTDIR ?
	       err_set(e, ERR_BROKEN, "cannot remove %s: %s", path, strerror(errno)) : 0;
}

static bool is_folder_of(const char *engine, const char *s)
{
	const char *last = strrchr(s, '/');

	return s[0] == '/' && last != s && strlen(s) < PATH_MAX && !strcmp(last + 1, engine) &&
	       !strstr(s, "/../");
}

int register_read(const char *at, const char *engine, struct register_list *out, struct err *e)
{
	DIR *d = opendir(at);
	const struct dirent *ent;
	char path[PATH_MAX];
	int r = 0;

	memset(out, 0, sizeof(*out));
	if (!d)
		return errno == ENOENT ? 0 : err_set(e, ERR_BROKEN, "cannot read %s: %s", at, strerror(errno));
	while (errno = 0, (ent = readdir(d))) {
		struct buf b = {.cap = PATH_MAX};

		/* What is being written has a longer name. */
		if (strlen(ent->d_name) != 16)
			continue;
		snprintf(path, sizeof(path), "%s/%s", at, ent->d_name);
		if (file_read(path, &b, e))
			r = -1;
		else if (is_folder_of(engine, buf_cstr(&b)))
			mem_copy_str(*VEC_PUSH(out->v, out->n, out->alloc), PATH_MAX, buf_cstr(&b));
		buf_free(&b);
	}
	if (errno)
		r = err_set(e, ERR_BROKEN, "cannot read %s: %s", at, strerror(errno));
	closedir(d);
	return r;
}
