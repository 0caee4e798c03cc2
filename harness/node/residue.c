#include "node/residue.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/nft.h"

void residue_tables(struct residue *s, const char *netns, const char *where)
{
	struct buf tables = {0};
	struct err gone = {0};
	char *rest, *table;

	/* A process that has just ended takes the path away: no matter. */
	if (nft_our_tables(netns, &tables, &gone)) {
		buf_free(&tables);
		return;
	}
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
	json_pushf(s->found, "frozen cgroup %s", g->path + strlen(s->root));
	if (s->remove && cgroup_freeze(g, false, s->e))
		s->r = -1;
}

void residue_files(struct residue *s, const char *pattern)
{
	glob_t g;

	if (glob(pattern, GLOB_PERIOD, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			json_pushf(s->found, "fill file %s", g.gl_pathv[i] + strlen(s->root));
			if (s->remove && unlink(g.gl_pathv[i]) && errno != ENOENT)
				s->r = err_set(s->e, ERR_BROKEN, "cannot remove %s: %s", g.gl_pathv[i],
					       strerror(errno));
		}
	}
	globfree(&g);
}
