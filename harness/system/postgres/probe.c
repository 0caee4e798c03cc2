#include "system/postgres/probe.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/resolve.h"
#include "system/client_kit.h"
#include "system/postgres/etcd.h"
#include "system/postgres/patroni.h"
#include "system/postgres/conn.h"

/* One member has two things to ask: PostgreSQL itself, over a connection that
 * is kept, and Patroni, whose answer costs it a thread and several
 * milliseconds of Python. So Patroni is asked each time while anything is
 * unusual, and once a second while all is calm. Where the leader's lease is
 * kept in etcd, each member's probe also asks a member of that, member i of
 * ours member i of etcd, who holds it: etcd has no data of ours, so its members
 * are none, and cannot be the target of a role. */
#define CALM_EVERY_NS NS_PER_S
#define CONNECT_MAX_NS (100 * NS_PER_MS)
/* Once PostgreSQL has answered, a mute Patroni or etcd must not make that old. */
#define PATRONI_MAX_NS (150 * NS_PER_MS)

struct probe {
	struct pg_login login;
	int patroni_port; /* 0: none */
	PGconn *conn;
	char address[64]; /* "" unknown */
	bool calm;
	int64_t asked_ns; /* Patroni, last */
	bool sync_known, sync_mode; /* is synchronous_mode on, by Patroni's configuration */
	const char *store;         /* of access.yaml, which outlives this; NULL: none */
	const char *leader_key;
	int store_port;
	bool store_v2;
	char store_address[64]; /* "" unknown */
};

/* A volatile function in an untaken branch of CASE is not called, so this
 * works on a primary and on a standby. The timeline of a primary comes from
 * the name of its current WAL file: the control file knows it only after the
 * next checkpoint. latest_end_lsn is the end of WAL as the sender last told. */
static const char *const sql_probe =
	"WITH w AS (SELECT status, received_tli, latest_end_lsn, sender_host FROM pg_stat_wal_receiver), "
	"p AS (SELECT pg_is_in_recovery() AS rec), "
	"l AS (SELECT CASE WHEN rec THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS pos, "
	"CASE WHEN rec AND (SELECT status FROM w) IS NOT NULL THEN "
	"greatest((SELECT latest_end_lsn FROM w), pg_last_wal_receive_lsn()) END AS source FROM p) "
	"SELECT rec, current_setting('transaction_read_only'), "
	"CASE WHEN rec THEN coalesce((SELECT received_tli FROM w), "
	"(SELECT timeline_id FROM pg_control_checkpoint())) "
	"ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END, "
	"(pos - '0/0'::pg_lsn)::bigint, "
	"CASE WHEN source IS NOT NULL THEN greatest(source - pos, 0)::bigint END, "
	"CASE WHEN source > pos THEN "
	"(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1e9)::bigint "
	"WHEN source IS NOT NULL THEN 0 END, "
	"CASE WHEN rec THEN coalesce((SELECT status FROM w), '') END, "
	"(SELECT json_agg(json_build_object('name', application_name, 'state', state, "
	"'sync_state', sync_state, 'behind', CASE WHEN NOT rec THEN pos - replay_lsn END)) "
	"FROM pg_stat_replication), "
	"(extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint, "
	"CASE WHEN rec THEN coalesce((SELECT sender_host FROM w), '') END "
	"FROM p, l";

static bool store_v2(const struct access *acc)
{
	return !strcmp(json_str(acc->conf, "store_api", "v3"), "v2");
}

struct probe *postgres_probe_new(const struct access *acc, const struct member *m)
{
	const cJSON *stores = json_get(acc->conf, "stores");
	struct probe *p = mem_alloc(sizeof(*p));

	pg_login_from(&p->login, acc, m->host, false);
	p->patroni_port = (int)json_i64(acc->conf, "patroni_port", 0);
	p->store = cJSON_GetStringValue(cJSON_GetArrayItem(stores, (int)(m - acc->members)));
	p->store_port = (int)json_i64(acc->conf, "store_port", 2379);
	p->store_v2 = store_v2(acc);
	p->leader_key = json_str(acc->conf, "leader_key", "");
	return p;
}

static void drop(struct probe *p)
{
	pg_drop(p->conn);
	p->conn = NULL;
	p->address[0] = '\0';
	p->sync_known = false;
}

void postgres_probe_free(struct probe *p)
{
	drop(p);
	free(p);
}

static int64_t number(const PGresult *res, int column)
{
	return PQgetisnull(res, 0, column) ? -1 : strtoll(PQgetvalue(res, 0, column), NULL, 10);
}

static void fill(const PGresult *res, struct sample *s)
{
	bool standby = PQgetvalue(res, 0, 0)[0] == 't';

	s->ok = true;
	s->role = standby ? ROLE_REPLICA : ROLE_PRIMARY;
	s->writable = !standby && !strcmp(PQgetvalue(res, 0, 1), "off");
	s->timeline = number(res, 2);
	s->position = number(res, 3);
	s->lag_bytes = number(res, 4);
	s->lag_ns = number(res, 5);
	if (standby) {
		json_set_str(s->extra, "receiver", PQgetvalue(res, 0, 6));
		json_set_str(s->extra, "source", PQgetvalue(res, 0, 9));
	}
	if (!PQgetisnull(res, 0, 7)) {
		cJSON *rows = cJSON_Parse(PQgetvalue(res, 0, 7));

		if (rows)
			json_set(s->extra, "replication", rows);
	}
	json_set_i64(s->extra, "started_ms", number(res, 8));
}

static bool opened(struct probe *p, struct sample *s, int64_t until_ns)
{
	struct pg_cost cost;

	if (p->conn && pg_gone(p->conn))
		drop(p);
	if (!p->conn) {
		p->conn = pg_open(&p->login, until_ns, &cost, s->error, sizeof(s->error));
		json_set_num(s->extra, "dns_ms", (double)(cost.dns_ns / 1000) / 1000);
		s->closed = !p->conn && pg_closed(s->error);
	}
	return p->conn;
}

static void ask_postgres(struct probe *p, struct sample *s, int64_t until_ns)
{
	PGresult *res = NULL;
	enum pg_end end;

	if (!opened(p, s, until_ns))
		return;
	end = pg_query(p->conn, sql_probe, 0, NULL, until_ns, &res, s->error, sizeof(s->error));
	if (end == PG_TIMEOUT)
		mem_copy_str(s->error, sizeof(s->error), "timeout: no answer in time");
	if (end == PG_ANSWERED && PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1) {
		fill(res, s);
		PQclear(res);
		return;
	}
	if (end == PG_ANSWERED)
		pg_brief(s->error, sizeof(s->error), "query", PQresultErrorMessage(res));
	PQclear(res);
	drop(p);
}

static bool serves(const struct sample *s)
{
	return s->ok && (s->role == ROLE_PRIMARY ||
			 !strcmp(json_str(s->extra, "receiver", ""), "streaming"));
}

/* An address that is kept until it is emptied. Patroni's is looked up apart
 * from PostgreSQL's: it must be heard while PostgreSQL does not even take
 * connections. */
static bool locate(char address[64], const char *host, int64_t until_ns, char *error, size_t size)
{
	char why[RESOLVE_WHY_MAX];

	if (address[0] || !resolve_host(NULL, host, until_ns, address, why, sizeof(why)))
		return true;
	address[0] = '\0';
	snprintf(error, size, "dns: %s", why);
	return false;
}

/* A primary alone cannot tell "no standby is wanted" from "none is there
 * yet": Patroni's configuration can. It is asked once for each connection,
 * since it does not change under a run. */
static void ask_sync_mode(struct probe *p, struct sample *s, int64_t until_ns)
{
	struct http_call call = {0};
	const cJSON *mode;
	cJSON *config;
	char why[OP_ERROR_MAX];

	if (!p->sync_known && locate(p->address, p->login.host, until_ns, why, sizeof(why))) {
		http_begin(&call, p->address, p->patroni_port, "/config", NULL, until_ns);
		config = http_end(&call, until_ns);
		mode = json_get(config, "synchronous_mode");
		p->sync_known = config != NULL;
		p->sync_mode = cJSON_IsTrue(mode) ||
			       (cJSON_IsString(mode) && strcmp(mode->valuestring, "off"));
		cJSON_Delete(config);
	}
	if (p->sync_known)
		json_set_bool(s->extra, "sync_mode", p->sync_mode);
}

static void store_begin(struct probe *p, struct http_call *call, int64_t until_ns)
{
	if (p->store &&
	    locate(p->store_address, p->store, until_ns, call->error, sizeof(call->error)))
		etcd_begin(call, p->store_v2, p->store_address, p->store_port, p->leader_key,
			   until_ns);
}

/* The sample's "store": {host, leader} ("" nobody) or {host, error}. */
static void store_end(struct probe *p, struct http_call *call, struct sample *s, int64_t until_ns)
{
	char leader[64] = "";
	cJSON *view;

	if (!p->store)
		return;
	view = cJSON_CreateObject();
	json_set_str(view, "host", p->store);
	/* Without a call its error says why there was none. */
	if (!call->easy || etcd_end(call, until_ns, leader, sizeof(leader))) {
		json_set_str(view, "error", call->error);
		p->store_address[0] = '\0';
	} else {
		json_set_str(view, "leader", leader);
	}
	json_set(s->extra, "store", view);
}

void postgres_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t from = clock_mono_ns(), until_ns = from + timeout_ns;
	bool ask_patroni = p->patroni_port && (!p->calm || from - p->asked_ns >= CALM_EVERY_NS);
	int64_t connect_ns = from + CONNECT_MAX_NS < until_ns ? from + CONNECT_MAX_NS : until_ns;
	struct http_call call = {0}, store = {0};
	cJSON *answer;

	s->extra = cJSON_CreateObject();
	store_begin(p, &store, connect_ns);
	if (ask_patroni &&
	    locate(p->address, p->login.host, connect_ns, call.error, sizeof(call.error)))
		http_begin(&call, p->address, p->patroni_port, "/patroni", NULL, connect_ns);
	ask_postgres(p, s, until_ns);
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
	if (s->ok && s->t_ns + PATRONI_MAX_NS < until_ns)
		until_ns = s->t_ns + PATRONI_MAX_NS;
	store_end(p, &store, s, until_ns);
	if (ask_patroni) {
		answer = http_end(&call, until_ns);
		patroni_to_extra(answer, call.error, s->extra);
		p->asked_ns = from;
		p->calm = serves(s) && answer && !json_bool(answer, "cluster_unlocked", false);
		if (!answer)
			p->address[0] = '\0';
		cJSON_Delete(answer);
	} else if (!serves(s)) {
		p->calm = false;
	}
	if (p->patroni_port && s->ok && s->role == ROLE_PRIMARY)
		ask_sync_mode(p, s, until_ns);
}

/* ---- the settings in force ---- */

static int64_t bytes_of_unit(const char *unit)
{
	return !strcmp(unit, "B") ? 1 : !strcmp(unit, "kB") ? 1024 : !strcmp(unit, "8kB") ? 8192 :
	       !strcmp(unit, "MB") ? 1048576 : 0;
}

/* Of PostgreSQL's units (8kB ...) only those that settings.yaml knows stay. */
static void add_pg_setting(cJSON *out, const char *name, const char *value, const char *unit)
{
	int64_t factor = bytes_of_unit(unit);
	char number[32];

	if (factor) {
		int64_t v = strtoll(value, NULL, 10);

		snprintf(number, sizeof(number), "%lld", (long long)(v < 0 ? v : v * factor));
		value = number;
		unit = "bytes";
	} else if (!*unit) {
		unit = !strcmp(value, "on") || !strcmp(value, "off") ? "bool" : "word";
	}
	setting_add(out, name, value, unit, "PostgreSQL's pg_settings");
}

static int postgres_settings(const struct access *acc, cJSON *out, int64_t until_ns, struct err *e)
{
	static const char *const sql =
		"SELECT name, setting, coalesce(unit, '') FROM pg_settings WHERE name IN ("
		"'server_version', 'synchronous_commit', 'synchronous_standby_names', 'wal_level', "
		"'hot_standby', 'max_wal_senders', 'max_replication_slots', 'wal_log_hints', "
		"'archive_mode', 'archive_timeout', 'max_connections', 'fsync', "
		"'full_page_writes', 'data_checksums', 'wal_keep_size', 'wal_sender_timeout', "
		"'wal_receiver_timeout', 'max_slot_wal_keep_size', 'shared_buffers') ORDER BY name";
	struct pg_cost cost;
	struct pg_login l;
	PGresult *res = NULL;
	char why[120] = "";
	PGconn *c;
	int n;

	pg_login_from(&l, acc, NULL, false);
	l.read_write = true;
	c = pg_open(&l, until_ns, &cost, why, sizeof(why));
	if (c && pg_query(c, sql, 0, NULL, until_ns, &res, why, sizeof(why)) == PG_TIMEOUT)
		snprintf(why, sizeof(why), "timeout");
	n = PQntuples(res);
	for (int i = 0; i < n; i++)
		add_pg_setting(out, PQgetvalue(res, i, 0), PQgetvalue(res, i, 1),
			       PQgetvalue(res, i, 2));
	PQclear(res);
	pg_drop(c);
	return n ? 0 : err_set(e, ERR_BROKEN, "PostgreSQL's settings at %s: %s", l.host, why);
}

/* Any member's Patroni knows the cluster's configuration. */
static int patroni_settings(const struct access *acc, cJSON *out, int64_t until_ns, struct err *e)
{
	int port = (int)json_i64(acc->conf, "patroni_port", 0);
	char address[64], why[120] = "there is no member";

	for (size_t i = 0; i < acc->n && clock_mono_ns() < until_ns; i++) {
		int64_t end_ns = clock_mono_ns() + NS_PER_S;
		struct http_call call;
		cJSON *config;

		if (resolve_host(NULL, acc->members[i].host, end_ns, address, why, sizeof(why)))
			continue;
		http_begin(&call, address, port, "/config", NULL, end_ns);
		config = http_end(&call, end_ns);
		if (config) {
			patroni_to_settings(config, out);
			cJSON_Delete(config);
			return 0;
		}
		mem_copy_str(why, sizeof(why), call.error);
	}
	return err_set(e, ERR_BROKEN, "Patroni's configuration: %s", why);
}

/* Where the lease is kept, by the word of the store itself. Without one of its
 * own Patroni's is the Kubernetes API, as the annotations of its object show. */
static void store_setting(const struct access *acc, cJSON *out, int64_t until_ns)
{
	const cJSON *stores = json_get(acc->conf, "stores"), *host;
	int port = (int)json_i64(acc->conf, "store_port", 2379);
	char address[64] = "", version[32], why[96], source[128];

	cJSON_ArrayForEach(host, stores) {
		if (!cJSON_IsString(host) ||
		    resolve_host(NULL, host->valuestring, until_ns, address, why, sizeof(why)) ||
		    etcd_version(address, port, until_ns, version, sizeof(version), why,
				 sizeof(why)))
			continue;
		snprintf(source, sizeof(source), "etcd %s at %.60s", version, host->valuestring);
		setting_add(out, "store", store_v2(acc) ? "etcd" : "etcd3", "word", source);
		return;
	}
}

/* What one half knows is better than nothing; both silent is an error. */
int postgres_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 5 * NS_PER_S;
	struct err ignored = {0};
	bool known = json_i64(acc->conf, "patroni_port", 0) &&
		     !patroni_settings(acc, out, until_ns, &ignored);

	store_setting(acc, out, clock_mono_ns() + NS_PER_S);
	return postgres_settings(acc, out, until_ns, e) && !known ? -1 : 0;
}
