#include "system/mysql/model.h"

#include <string.h>

#include "base/json.h"
#include "system/mysql/gtid.h"
#include "system/redundancy.h"

/* Whether everyone follows the one primary: has received what that has, as a standby of
 * PostgreSQL that streams has. When it applies it is another matter (replica_delay), and told as
 * lag. */

/* So many may be on their way: its source is asked up to 150 ms after the replica. */
enum { UNDERWAY_TX = 256 };

static const char *text(const cJSON *o, const char *key)
{
	return json_str(o, key, "");
}

/* Of a member that has what the primary never had nobody knows what it will do. */
static bool has_errant(const struct sample *s, const struct sample *primary, char *why)
{
	const char *errant = text(s->extra, "errant");
	char brief[200];

	return *errant && (why_say(why, "%s has transactions that %s never had: %s", s->member, primary->member,
				   my_errant_brief(errant, brief, sizeof(brief))), true);
}

/* Else nobody knows what it has, and what the primary never had. */
static bool compared(const struct sample *s, const struct sample *primary, char *why)
{
	const char *error = text(s->extra, "source_err");

	return s->lag_tx >= 0 || why_not(why, "nobody could hold %s against %s%s%s", s->member, primary->member,
					 *error ? ": " : "", error);
}

static bool received(const struct sample *s, const struct sample *primary, char *why)
{
	int64_t without = s->lag_tx - json_i64(s->extra, "queued_n", 0);

	return without <= UNDERWAY_TX ||
	       why_not(why, "%s has not received %lld transactions that %s has", s->member, (long long)without,
		       primary->member);
}

static bool replicates(const struct sample *s, const struct sample *primary, char *why)
{
	const cJSON *source = json_get(s->extra, "source");
	const char *uuid = text(source, "uuid");

	if (!source)
		return why_not(why, "%s has no source", s->member);
	if (strcmp(text(source, "receiver"), "on"))
		return why_not(why, "%s receives nothing: its receiver is %s%s%s", s->member, text(source, "receiver"),
			       *text(source, "error") ? ", " : "", text(source, "error"));
	if (strcmp(text(source, "applier"), "on") || *text(source, "applier_error"))
		return why_not(why, "%s applies nothing%s%s", s->member, *text(source, "applier_error") ? ": " : "",
			       text(source, "applier_error"));
	if (strcmp(uuid, text(primary->extra, "uuid")))
		return why_not(why, "%s follows %s, not %s", s->member, *uuid ? uuid : "nobody", primary->member);
	return compared(s, primary, why) && received(s, primary, why);
}

static bool in_group(const struct sample *s, const struct sample *primary, char *why)
{
	const cJSON *mine = json_get(s->extra, "group"), *its = json_get(primary->extra, "group");

	if (!mine || strcmp(text(mine, "state"), "ONLINE"))
		return why_not(why, "%s is %s in the group", s->member, mine ? text(mine, "state") : "not");
	if (strcmp(text(mine, "view"), text(its, "view")))
		return why_not(why, "%s is in view %s of the group, %s in %s", s->member, text(mine, "view"), primary->member,
			       text(its, "view"));
	return compared(s, primary, why);
}

static bool follows(const struct sample *s, const struct sample *primary, char *why)
{
	if (s->role != ROLE_REPLICA)
		return why_not(why, "%s is no replica%s", s->member, json_get(s->extra, "source") || json_get(s->extra, "group") ?
			       "" : ": nobody ever told it of a source");
	if (s->writable)
		return why_not(why, "%s is a replica, and takes writes", s->member);
	return (json_get(primary->extra, "group") ? in_group(s, primary, why) : replicates(s, primary, why)) &&
	       !has_errant(s, primary, why);
}

/* A source that was told to wait for acknowledgements does. */
static bool acknowledged(const struct sample *primary, char *why)
{
	const cJSON *semi = json_get(primary->extra, "semi");

	if (!semi || (json_bool(semi, "on", false) && json_i64(semi, "clients", 0) >= json_i64(semi, "wait_for", 1)))
		return true;
	return why_not(why, "%s does not wait for acknowledgements: semi-synchronous replication is %s, with %lld replicas",
		       primary->member, json_bool(semi, "on", false) ? "on" : "off",
		       (long long)json_i64(semi, "clients", 0));
}

static bool redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *primary = redundancy_primary(s, n, "primary", follows, why);

	return primary && acknowledged(primary, why);
}

const struct model_ops model_mysql = {
	.redundant = redundant,
	.predict = mysql_predict,
	.explain = mysql_explain,
	.resync = mysql_resync,
	.loss_cause = mysql_loss_cause,
	.put_back = mysql_put_back,
	.errant = mysql_errant,
};
