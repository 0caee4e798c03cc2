/* partition-node: the pods of a node are cut off from those of other nodes.
 * The rules live in the sandboxes of the node's pods of our namespace, not in
 * an application's container, and follow pods that are restarted; what goes
 * by way of a service is caught where the node forwards it.
 *
 * shape:     isolate  the target's node from all others (halves, bridge and
 *                     ring want `target: all`, and are made of the members' nodes in
 *                     their order: others, and the clients there, hear all of them)
 * direction: both | in | out   seen from the target's node
 * api:       keep | cut        the API server
 * dns:       keep | cut        port 53
 * probes:    keep | cut        the node itself, from where the kubelet asks
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "fault/journal.h"
#include "base/nft.h"
#include "fault/partition.h"
#include "fault/target.h"

#define LOOK_NS NS_PER_S /* how often the rules are looked for, when nothing has changed */

static const char *const PARAMS[] = {"shape", "direction", "api", "dns", "probes", NULL};
static const char *const SHAPES[] = {"isolate", "halves", "bridge", "ring", NULL};
static const char *const DIRECTIONS[] = {"both", "in", "out", NULL};
static const char *const KEEP_OR_CUT[] = {"keep", "cut", NULL};

static int check(const struct ynode *step, cJSON *params, struct err *e)
{
	const struct ynode *target = yaml_get(step, "target"), *shape = yaml_get(step, "shape");

	if (param_word(step, "shape", SHAPES, "isolate", params, e))
		return -1;
	/* The rules of one node alone make neither halves nor a ring. */
	if (strcmp(json_str(params, "shape", ""), "isolate") && target && target->kind == Y_SCALAR &&
	    strcmp(target->text, "all"))
		return yaml_error(shape, e, "shape: %s is made of all nodes: target: all, not %.60s", shape->text, target->text);
	return param_word(step, "direction", DIRECTIONS, "both", params, e) ||
	       param_word(step, "api", KEEP_OR_CUT, "keep", params, e) ||
	       param_word(step, "dns", KEEP_OR_CUT, "keep", params, e) ||
	       param_word(step, "probes", KEEP_OR_CUT, "keep", params, e) ? -1 : 0;
}

static uint32_t cut_if(const cJSON *params, const char *key, enum cut cut)
{
	return strcmp(json_str(params, key, "keep"), "cut") ? 0 : cut;
}

/* The rules of both directions stand at the effective instant. */
static void effects(const cJSON *params, struct effects *out)
{
	const char *direction = json_str(params, "direction", "both");

	out->what = EFFECT_CUT_OFF;
	out->whole_node = true;
	out->partly = strcmp(json_str(params, "shape", "isolate"), "isolate") != 0;
	out->inbound = strcmp(direction, "out") != 0;
	out->outbound = strcmp(direction, "in") != 0;
	out->cut = cut_if(params, "api", CUT_API) | cut_if(params, "dns", CUT_DNS) |
		   cut_if(params, "probes", CUT_PROBES);
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->ops->netns && n->ops->pods)
		return true;
	snprintf(why, size, "with a %s agent pods have no network of their own", n->ops->name);
	return false;
}

/* The networks that this node's pods refuse, by the plan's shape. */
static int refused_networks(struct node *n, const cJSON *plan, cJSON *cidrs, struct err *e)
{
	const char *shape = plan_param(plan, "shape", "isolate"), *names[PARTITION_NODES_MAX];
	const cJSON *peers = json_get(plan, "peers"), *it, *t;
	size_t count = 0, self = PARTITION_NODES_MAX, i = 0;
	uint32_t members = 0;
	struct partition p;

	cJSON_ArrayForEach(it, peers) {
		if (count == PARTITION_NODES_MAX)
			return err_set(e, ERR_UNSUPPORTED, "a partition takes at most %d nodes",
				       PARTITION_NODES_MAX);
		names[count] = json_str(it, "node", "");
		cJSON_ArrayForEach(t, json_get(plan, "targets"))
			if (!strcmp(json_str(t, "node", ""), names[count]))
				members |= UINT32_C(1) << count;
		if (!strcmp(names[count], n->name))
			self = count;
		count++;
	}
	if (self == PARTITION_NODES_MAX)
		return err_set(e, ERR_INPUT, "fault %s: node %s is not among its peers",
			       json_str(plan, "id", "?"), n->name);
	p = partition_shaped(shape, count, members);
	cJSON_ArrayForEach(it, peers) {
		const char *cidr = json_str(it, "cidr", "");

		if (!(p.refuses[self] >> i++ & 1))
			continue;
		if (!cidr[0])
			return err_set(e, ERR_BROKEN, "the pods' network of node %s is not known",
				       json_str(it, "node", "?"));
		json_push(cidrs, cJSON_CreateString(cidr));
	}
	return 0;
}

/* Single addresses that are cut as well. */
static int refused_addresses(struct node *n, const cJSON *plan, cJSON *gone, struct err *e)
{
	bool api = !strcmp(plan_param(plan, "api", "keep"), "cut");
	bool probes = !strcmp(plan_param(plan, "probes", "keep"), "cut");
	cJSON *own_list = cJSON_CreateArray(), *api_list = cJSON_CreateArray(), *it;
	int r = 0;

	if ((api || probes) && n->ops->addresses)
		r = n->ops->addresses(n, own_list, api_list, e);
	if (api && !r && !cJSON_GetArraySize(api_list))
		r = err_set(e, ERR_BROKEN, "api: cut, but the API server's address is not known here");
	while (!r && api && (it = cJSON_DetachItemFromArray(api_list, 0)))
		json_push(gone, it);
	while (!r && probes && (it = cJSON_DetachItemFromArray(own_list, 0)))
		json_push(gone, it);
	cJSON_Delete(own_list);
	cJSON_Delete(api_list);
	return r;
}

static void rules_of(const struct journal_entry *j, const char *table, struct partition_rules *r)
{
	const char *direction = plan_param(j->plan, "direction", "both");

	*r = (struct partition_rules){
		.table = table,
		.in = strcmp(direction, "out") != 0,
		.out = strcmp(direction, "in") != 0,
		.keep_dns = !strcmp(plan_param(j->plan, "dns", "keep"), "keep"),
		.refused = json_get(j->record, "refused"),
		.gone = json_get(j->record, "gone"),
	};
}

static cJSON *known(const cJSON *pods, const char *uid)
{
	cJSON *p;

	cJSON_ArrayForEach(p, pods)
		if (!strcmp(json_str(p, "uid", ""), uid))
			return p;
	return NULL;
}

enum { GONE = 0, UNKNOWN = -1 };

/* The inode that a namespace's path leads to now. */
static int64_t inode_of(const char *path)
{
	struct stat st;

	if (!path[0])
		return GONE;
	if (stat(path, &st) == 0)
		return (int64_t)st.st_ino;
	return errno == ENOENT || errno == ENOTDIR || errno == ESRCH ? GONE : UNKNOWN;
}

/* Whether the sandbox is another one now than when it was noted, or gone. */
static int has_moved(const cJSON *pod, bool *moved, struct err *e)
{
	const char *netns = json_str(pod, "netns", "");
	int64_t now = inode_of(netns);

	*moved = now != UNKNOWN && now != json_i64(pod, "inode", UNKNOWN);
	return now == UNKNOWN ? err_set(e, ERR_BROKEN, "cannot see the network namespace %s of pod %s", netns,
					json_str(pod, "name", "")) : 0;
}

/* Notes the pods that live here now. *fresh is set when a sandbox is new or
 * another one than before; those have "applied" false. */
static int note_pods(struct node *n, struct journal_entry *j, bool *fresh, struct err *e)
{
	cJSON *now = cJSON_CreateArray(), *pods = cJSON_GetObjectItem(j->record, "pods");
	bool moved = false;
	char path[512];
	int64_t inode;
	const cJSON *it;
	int r = n->ops->pods(n, json_str(j->plan, "namespace", ""), now, e);

	*fresh = false;
	cJSON_ArrayForEach(it, now) {
		const char *uid = json_str(it, "uid", "");
		cJSON *p = known(pods, uid);

		if (r)
			break;
		if (p)
			r = has_moved(p, &moved, e);
		if (r || (p && !moved && !strcmp(json_str(p, "ip", ""), json_str(it, "ip", ""))))
			continue;
		r = n->ops->netns(n, uid, path, sizeof(path), e);
		inode = r ? GONE : inode_of(path);
		if (inode == UNKNOWN)
			r = err_set(e, ERR_BROKEN, "cannot see the network namespace %s", path);
		if (r || inode == GONE)
			continue;
		if (!p)
			json_push(pods, p = cJSON_CreateObject());
		json_set_str(p, "name", json_str(it, "name", ""));
		json_set_str(p, "uid", uid);
		json_set_str(p, "ip", json_str(it, "ip", ""));
		json_set_str(p, "netns", path);
		json_set_i64(p, "inode", inode);
		json_set_bool(p, "applied", false);
		*fresh = true;
	}
	cJSON_Delete(now);
	return r;
}

static int apply_forward(struct node *n, struct journal_entry *j, const struct partition_rules *r,
			 struct err *e)
{
	cJSON *ips = cJSON_CreateArray();
	struct buf script = {0};
	const cJSON *p;
	int res = 0;

	cJSON_ArrayForEach(p, json_get(j->record, "pods"))
		if (json_str(p, "ip", "")[0])
			json_push(ips, cJSON_CreateString(json_str(p, "ip", "")));
	if (n->ops->host_netns) {
		partition_forward_rules(r, ips, &script);
		res = nft_run(n->ops->host_netns, buf_cstr(&script), e);
	}
	json_set_bool(j->record, "forward", !res);
	buf_free(&script);
	cJSON_Delete(ips);
	return res;
}

/* A sandbox that ends in between takes its rules with it. */
static int apply_pod(cJSON *pod, const char *script, struct err *e)
{
	struct err why = {0}, unseen = {0};
	bool moved;

	if (nft_run(json_str(pod, "netns", ""), script, &why) == 0) {
		json_set_bool(pod, "applied", true);
		return 0;
	}
	if (has_moved(pod, &moved, &unseen) == 0 && moved)
		return 0;
	*e = why;
	return err_prefix(e, "pod %s is not cut off", json_str(pod, "name", ""));
}

/* Puts the rules where they are missing, as far as that can be done. The
 * journal knows of every place before. */
static int apply(struct node *n, struct journal_entry *j, struct err *e)
{
	struct partition_rules rules;
	struct buf script = {0};
	char table[96];
	cJSON *p;
	int r = 0;

	partition_table_name(j->id, table);
	rules_of(j, table, &rules);
	partition_sandbox_rules(&rules, &script);
	cJSON_ArrayForEach(p, cJSON_GetObjectItem(j->record, "pods"))
		if (!json_bool(p, "applied", false) && apply_pod(p, buf_cstr(&script), e))
			r = -1;
	buf_free(&script);
	return apply_forward(n, j, &rules, e) ? -1 : r;
}

/* Whether rules are missing that were to be there: nft failed, or somebody
 * took them away. */
static int look_for_gaps(struct node *n, struct journal_entry *j, bool *gaps, struct err *e)
{
	const char *host = n->ops->host_netns;
	int64_t in, out;
	char table[96];
	bool there;
	cJSON *p;

	partition_table_name(j->id, table);
	cJSON_ArrayForEach(p, cJSON_GetObjectItem(j->record, "pods")) {
		bool moved;

		if (has_moved(p, &moved, e))
			return -1;
		if (moved)
			continue;
		if (json_bool(p, "applied", false)) {
			if (nft_counters(json_str(p, "netns", ""), table, &there, &in, &out, e))
				return -1;
			json_set_bool(p, "applied", there);
		}
		*gaps = *gaps || !json_bool(p, "applied", false);
	}
	if (host && json_bool(j->record, "forward", false)) {
		if (nft_counters(host, table, &there, &in, &out, e))
			return -1;
		json_set_bool(j->record, "forward", there);
	}
	*gaps = *gaps || !json_bool(j->record, "forward", false);
	return 0;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	cJSON *refused = cJSON_AddArrayToObject(j->record, "refused");
	cJSON *gone = cJSON_AddArrayToObject(j->record, "gone"), *targets;
	const cJSON *t;
	bool fresh;

	cJSON_AddArrayToObject(j->record, "pods");
	if (targets_here(n, j->plan, &targets, e))
		return -1;
	if (refused_networks(n, j->plan, refused, e) || refused_addresses(n, j->plan, gone, e) ||
	    note_pods(n, j, &fresh, e))
		goto fail;
	cJSON_ArrayForEach(t, targets) {
		if (!known(json_get(j->record, "pods"), json_str(t, "uid", ""))) {
			err_set(e, ERR_BROKEN, "pod %s (%s) has no sandbox on this node",
				target_name(t), json_str(t, "uid", ""));
			goto fail;
		}
	}
	cJSON_Delete(targets);
	if (journal_write(j, e))
		return -1;
	j->injected_ns = clock_mono_ns();
	if (apply(n, j, e))
		return -1;
	/* From now on nothing passes; the counters prove it with the first packet. */
	j->effective_ns = clock_mono_ns();
	return 0;
fail:
	cJSON_Delete(targets);
	return -1;
}

/* A place gets into the journal before it gets rules. */
static int follow(struct node *n, struct journal_entry *j, struct err *e)
{
	int64_t now = clock_mono_ns(), seen_ns = json_i64(j->record, "seen_ns", 0);
	bool fresh = false, gaps = false;

	/* Whatever fails here is tried again the next time. */
	json_set_i64(j->record, "seen_ns", 0);
	if (note_pods(n, j, &fresh, e))
		return -1;
	if ((fresh || !seen_ns) && journal_write(j, e))
		return -1;
	if (fresh || seen_ns + LOOK_NS <= now) {
		if (look_for_gaps(n, j, &gaps, e) || (gaps && apply(n, j, e)))
			return -1;
		seen_ns = now;
	}
	json_set_i64(j->record, "seen_ns", seen_ns);
	return 0;
}

/* The middle of a bridge hears everybody, and is heard. */
static bool refuses_nobody(const struct journal_entry *j)
{
	return !cJSON_GetArraySize(json_get(j->record, "refused")) &&
	       !cJSON_GetArraySize(json_get(j->record, "gone"));
}

/* It bites when packets from or to every target were dropped, in the sandbox
 * that it has now. */
static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	int64_t in, out, by_service = 0;
	cJSON *hit = cJSON_CreateObject();
	const cJSON *p, *t;
	char table[96];
	bool there, moved;
	int r = 0;

	partition_table_name(j->id, table);
	if (n->ops->host_netns) {
		r = nft_counters(n->ops->host_netns, table, &there, &in, &out, e);
		json_pushf(evidence, "node %s: %lld packets by way of services dropped in, %lld out",
			   n->name, (long long)in, (long long)out);
		by_service = in + out;
	}
	cJSON_ArrayForEach(p, json_get(j->record, "pods")) {
		const char *name = json_str(p, "name", "");

		r = r ? r : nft_counters(json_str(p, "netns", ""), table, &there, &in, &out, e);
		if (r)
			break;
		r = has_moved(p, &moved, e);
		if (r)
			break;
		if (!there && moved) {
			json_pushf(evidence, "pod %s: its sandbox is gone, and the rules with it", name);
			continue;
		}
		json_pushf(evidence, "pod %s: %s dropped %lld packets in, %lld out", name, table,
			   (long long)in, (long long)out);
		if (there && in + out + by_service > 0)
			json_set_bool(hit, name, true);
	}
	*bites = !r;
	if (refuses_nobody(j))
		json_pushf(evidence, "node %s: it refuses nobody, in a %s", n->name,
			   plan_param(j->plan, "shape", "partition"));
	else
		cJSON_ArrayForEach(t, json_get(j->plan, "targets"))
			if (target_here(n, t))
				*bites = *bites && json_bool(hit, target_name(t), false);
	cJSON_Delete(hit);
	return r;
}

/* Removes the table from one namespace, if it is still the one of the record. */
static int heal_pod(struct node *n, const cJSON *pod, const char *table, cJSON *evidence,
		    struct err *e)
{
	const char *name = json_str(pod, "name", "");
	int64_t in, out, inode;
	char path[512];
	bool there;

	mem_copy_str(path, sizeof(path), json_str(pod, "netns", ""));
	/* PIDs are used again: ask anew when the path leads elsewhere. */
	if (inode_of(path) != json_i64(pod, "inode", UNKNOWN) &&
	    n->ops->netns(n, json_str(pod, "uid", ""), path, sizeof(path), e))
		return -1;
	if (!path[0]) {
		json_pushf(evidence, "pod %s: its sandbox is gone, and the rules with it", name);
		return 0;
	}
	inode = inode_of(path);
	if (nft_counters(path, table, &there, &in, &out, e) || nft_delete_table(path, table, e)) {
		if (inode_of(path) != GONE &&
		    (inode_of(path) == inode || inode_of(path) == UNKNOWN))
			return err_prefix(e, "pod %s may still be cut off", name);
		json_pushf(evidence, "pod %s: its sandbox is gone, and the rules with it", name);
	} else if (!there) {
		json_pushf(evidence, "pod %s: no rules of ours", name);
	} else {
		json_pushf(evidence, "pod %s: %s removed, it had dropped %lld packets in, %lld out", name,
			   table, (long long)in, (long long)out);
	}
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	char table[96];
	const cJSON *p;
	int r = 0;

	partition_table_name(j->id, table);
	cJSON_ArrayForEach(p, json_get(j->record, "pods"))
		if (heal_pod(n, p, table, evidence, e))
			r = -1;
	if (n->ops->host_netns && nft_delete_table(n->ops->host_netns, table, e))
		r = -1;
	return r;
}

const struct fault_ops fault_partition_node = {
	.name = "partition-node",
	.summary = "cut a node's pods off from those of other nodes",
	.place = FAULT_AT_NODE,
	.lasting = true,
	.params = PARAMS,
	.check = check,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.follow = follow,
	.heal = heal,
};
