#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "history/evidence_told.h"

/* Of a group whose members vote: a primary that the others have voted out while it could not
 * be asked learns of it only when it has talked to them again, and until then says what it was.
 * By Paxos a value of an earlier configuration is chosen by nobody once a majority has agreed
 * on the next one (Lamport, Malkhi, Zhou: Reconfiguring a State Machine, 2010), so it
 * commits nothing and is no primary. (MySQL Reference Manual, Group Replication, Responses to
 * Failure Detection and Network Partitioning: it finds out, then, that it was expelled.) What
 * it acknowledged counts all the same, if it did. */

/* A view in which a majority follows this primary. */
struct seated {
	const char *group;
	size_t group_len;
	int64_t number, t_ns;
	const char *primary;
	bool majority; /* or just a view of one who sees none */
};

static bool read_view(const struct sample *s, struct seated *out)
{
	const cJSON *group = json_get(s->extra, "group");
	const char *view = json_str(group, "view", ""), *colon = strrchr(view, ':');

	if (!s->ok || !colon)
		return false;
	*out = (struct seated){ .group = view, .group_len = (size_t)(colon - view),
				.number = strtoll(colon + 1, NULL, 10), .t_ns = s->t_ns,
				.primary = json_str(group, "primary", ""),
				.majority = json_bool(group, "majority", false) };
	return true;
}

static bool same_group(const struct seated *a, const struct seated *b)
{
	return a->group_len == b->group_len && !strncmp(a->group, b->group, a->group_len);
}

/* "mysql-1.mysql:3306" is mysql-1. */
static bool is_member(const char *address, const char *member)
{
	size_t n = strlen(member);

	return !strncmp(address, member, n) && (!address[n] || strchr(".:", address[n]));
}

static bool outvoted(const struct seated *mine, const struct sample *s, const struct seated *v,
		     size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_group(&v[i], mine) && v[i].number > mine->number &&
		    v[i].t_ns <= sample_asked(s) && !is_member(v[i].primary, s->member))
			return true;
	return false;
}

static bool known(const struct seated *x, const struct seated *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_group(&v[i], x) && v[i].number == x->number &&
		    !strcmp(v[i].primary, x->primary))
			return true;
	return false;
}

void evidence_outvoted(struct evidence *ev)
{
	struct seated *v = NULL, x;
	size_t n = 0, alloc = 0;

	for (size_t i = 0; i < ev->nsamples; i++) {
		struct sample *s = &ev->samples[i];

		if (!read_view(s, &x))
			continue;
		s->outvoted = outvoted(&x, s, v, n);
		if (*x.primary && x.majority && !known(&x, v, n))
			*VEC_PUSH(v, n, alloc) = x;
	}
	free(v);
}
