#include <string.h>

#include "base/json.h"
#include "system/mysql/gtid.h"
#include "system/mysql/model.h"
#include "system/why.h"

/* At which position a system stands whose members had all lost their volumes: where that
 * is not the position of the data that were put back, nothing can go on from it, neither
 * a replica nor binary logs. */

static const char *text(const struct sample *s, const char *key)
{
	return s ? json_str(s->extra, key, "") : "";
}

/* Of a server that began on an empty volume: it has a uuid of its own, for it makes one when
 * it finds none (MySQL Reference Manual, "Replication and Binary Logging Options and
 * Variables", server_uuid). */
static bool is_new(const struct evidence *ev, const struct fault_record *fault,
		   const struct sample *s)
{
	const char *before = text(evidence_answer(ev, s->member, fault->injected_ns), "uuid");

	return s->ok && s->t_ns > fault->injected_ns && *before && *text(s, "uuid") &&
	       strcmp(text(s, "uuid"), before);
}

static const struct sample *first_leader(const struct evidence *ev,
					 const struct fault_record *fault)
{
	for (size_t i = evidence_answers_from(ev, fault->injected_ns); i < ev->nsamples; i++)
		if (sample_leads(&ev->samples[i]) && is_new(ev, fault, &ev->samples[i]))
			return &ev->samples[i];
	return NULL;
}

/* Whether that server once had executed just this. */
static bool had_told(const struct evidence *ev, const struct sample *lead,
		     const struct gtid_set *set)
{
	bool told = false;

	for (size_t i = 0; i < ev->nsamples && !told; i++) {
		const struct sample *s = &ev->samples[i];
		struct gtid_set had;

		if (!s->ok || strcmp(s->member, lead->member) || strcmp(text(s, "uuid"), text(lead, "uuid")) ||
		    !gtid_parse(text(s, "executed"), &had))
			continue;
		told = gtid_within(&had, set) && gtid_within(set, &had);
		gtid_free(&had);
	}
	return told;
}

/* What was put back is what the server has executed and not made itself. In a group all
 * names are the group's, and go on where the position ends: there it is what the server's
 * binary logs, which are as new as its volume, have nothing of (gtid_purged), unless some of
 * what was put back went through those logs. */
static bool position(const struct evidence *ev, const struct sample *lead, struct gtid_set *set,
		     char *why)
{
	bool group = json_get(lead->extra, "group");

	if (!gtid_parse(text(lead, group ? "purged" : "executed"), set))
		return why_not(why, "%s told no GTIDs", lead->member);
	if (!group)
		gtid_keep(set, text(lead, "uuid"), false);
	if (set->n && (!group || had_told(ev, lead, set)))
		return true;
	gtid_free(set);
	return why_not(why, group ? "%s told none before its group took writes" :
		       "%s has nothing but what it made itself", lead->member);
}

static bool find_all(const struct gtid_set *set, const char *const *tx, size_t n, bool *has,
		     char *why)
{
	for (size_t i = 0; i < n; i++) {
		struct gtid_set one;

		if (!gtid_parse(tx[i], &one))
			return why_not(why, "%.*s is no GTID", OP_TX_MAX, tx[i]);
		has[i] = gtid_within(&one, set);
		gtid_free(&one);
	}
	return true;
}

bool mysql_put_back(const struct evidence *ev, const struct fault_record *fault,
		    const char *const *tx, size_t n, bool *has, char *how)
{
	const struct sample *lead = first_leader(ev, fault);
	struct gtid_set set;
	char brief[200];
	bool known;

	if (!lead)
		return why_not(how, "no new server was heard as a writable primary");
	if (!position(ev, lead, &set, how))
		return false;
	known = find_all(&set, tx, n, has, how);
	gtid_brief(&set, brief, sizeof(brief));
	if (known)
		why_say(how, "one GTID position, %s of %s", brief, lead->member);
	gtid_free(&set);
	return known;
}
