#include "node/residue.h"

#include <dirent.h>
#include <errno.h>
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

void residue_files(struct residue *s, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *ent;

	while (d && (errno = 0, ent = readdir(d))) {
		if (strncmp(ent->d_name, FILL_PREFIX, strlen(FILL_PREFIX)))
			continue;
		json_pushf(s->found, "fill file %s/%s", dir + strlen(s->root), ent->d_name);
		if (s->remove && fill_end(dirfd(d), ent->d_name))
			s->r = err_set(s->e, ERR_BROKEN, "cannot remove %s/%s: %s", dir, ent->d_name,
				       strerror(errno));
	}
	if (errno && errno != ENOENT && errno != ENOTDIR)
		s->r = err_set(s->e, ERR_BROKEN, "cannot look into %s: %s", dir, strerror(errno));
	if (d)
		closedir(d);
}
