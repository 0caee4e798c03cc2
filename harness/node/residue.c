#include "node/residue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/nft.h"
#include "fault/fill.h"

void residue_tables(struct residue *s, const char *netns, const char *where)
{
	struct buf tables = {0};
	char *rest, *table;

	if (nft_our_tables(netns, &tables, s->e))
		s->r = -1;
	rest = tables.s;
	while (rest && (table = strsep(&rest, "\n"))) {
		if (!table[0])
			continue;
		json_pushf(s->found, "nft table %s in %s", table, where);
		if (s->remove && nft_delete_table(netns, table, s->e))
			s->r = -1;
	}
	buf_free(&tables);
}

void residue_cgroup(struct residue *s, const struct pod_cgroup *g)
{
	json_pushf(s->found, cgroup_frozen(g) ? "frozen cgroup %s" : "cgroup %s, which carries our mark",
		   g->path + strlen(s->root));
	if (s->remove && cgroup_freeze(g, false, s->e))
		s->r = -1;
}

static void residue_file(struct residue *s, int dir, const char *path, const char *name)
{
	bool ours;

	if (fill_ours(dir, name, &ours)) {
		s->r = err_set(s->e, ERR_BROKEN, "cannot look at %s/%s: %s", path, name, strerror(errno));
	} else if (ours) {
		json_pushf(s->found, "fill file %s/%s", path + strlen(s->root), name);
		if (s->remove && fill_end(dir, name))
			s->r = err_set(s->e, ERR_BROKEN, "cannot remove %s/%s: %s", path, name,
				       strerror(errno));
	}
}

/* The volume is a pod's, which may have put a link in the folder's place. */
void residue_files(struct residue *s, const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), why;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *ent;

	while (d && (errno = 0, ent = readdir(d)))
		if (!strncmp(ent->d_name, FILL_PREFIX, strlen(FILL_PREFIX)))
			residue_file(s, fd, dir, ent->d_name);
	why = errno;
	if (why && why != ENOENT && why != ENOTDIR && why != ELOOP)
		s->r = err_set(s->e, ERR_BROKEN, "cannot look into %s: %s", dir, strerror(why));
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}
