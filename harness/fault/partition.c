#include "fault/partition.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/nft.h"

static uint32_t all_of(size_t n)
{
	return n >= 32 ? UINT32_MAX : (UINT32_C(1) << n) - 1;
}

static uint32_t bit(size_t i)
{
	return UINT32_C(1) << i;
}

struct partition partition_isolate(size_t n, uint32_t alone)
{
	struct partition p = {.n = n};

	for (size_t i = 0; i < n; i++)
		p.refuses[i] = (alone & bit(i) ? all_of(n) : alone & all_of(n)) & ~bit(i);
	return p;
}

struct partition partition_halves(size_t n)
{
	struct partition p = {.n = n};
	uint32_t first = all_of(n / 2);

	for (size_t i = 0; i < n; i++)
		p.refuses[i] = first & bit(i) ? all_of(n) & ~first : first;
	return p;
}

struct partition partition_bridge(size_t n, size_t bridge)
{
	struct partition p = {.n = n};
	uint32_t first = 0, second = 0;
	size_t seen = 0;

	for (size_t i = 0; i < n; i++) {
		if (i == bridge)
			continue;
		if (seen++ < (n - 1) / 2)
			first |= bit(i);
		else
			second |= bit(i);
	}
	for (size_t i = 0; i < n; i++)
		if (i != bridge)
			p.refuses[i] = first & bit(i) ? second : first;
	return p;
}

/* Jepsen's majorities-ring-perfect: windows of a majority's length around
 * the ring; the node in a window's middle refuses everyone outside of it. */
struct partition partition_ring(size_t n)
{
	struct partition p = {.n = n};
	size_t majority = n / 2 + 1;

	for (size_t start = 0; n && start < n; start++) {
		uint32_t window = 0;

		for (size_t k = 0; k < majority; k++)
			window |= bit((start + k) % n);
		p.refuses[(start + majority / 2) % n] = all_of(n) & ~window;
	}
	return p;
}

/* The same between the nodes in `members` alone, of which p has as many as there are. */
static struct partition among(const struct partition *p, size_t n, uint32_t members)
{
	size_t at[PARTITION_NODES_MAX], k = 0;
	struct partition out = {.n = n};

	for (size_t i = 0; i < n && k < p->n; i++)
		if (members & bit(i))
			at[k++] = i;
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
			if (p->refuses[i] & bit(j))
				out.refuses[at[i]] |= bit(at[j]);
	return out;
}

struct partition partition_shaped(const char *shape, size_t n, uint32_t members)
{
	struct partition p;
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += (members & bit(i)) != 0;
	if (!strcmp(shape, "halves"))
		p = partition_halves(k);
	else if (!strcmp(shape, "bridge"))
		p = partition_bridge(k, k / 2);
	else if (!strcmp(shape, "ring"))
		p = partition_ring(k);
	else
		return partition_isolate(n, members);
	return among(&p, n, members);
}

void partition_table_name(const char *id, char out[96])
{
	snprintf(out, 96, NFT_PREFIX "%.63s", id);
	for (char *c = out; *c; c++)
		if (!isalnum((unsigned char)*c))
			*c = '_';
}

/* Only what looks like an address gets into a script. */
static bool is_address(const char *s)
{
	return s && *s && strspn(s, "0123456789abcdefABCDEF.:/") == strlen(s);
}

static bool is_v6(const char *s)
{
	return strchr(s, ':') != NULL;
}

static void add_elements(const cJSON *list, bool v6, struct buf *elements)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, list) {
		if (cJSON_IsString(it) && is_address(it->valuestring) &&
		    is_v6(it->valuestring) == v6)
			buf_fmt(elements, "%s%s", elements->len ? ", " : "", it->valuestring);
	}
}

/* A set of networks under `name`; false when it would be empty. */
static bool add_set(const char *name, bool v6, const cJSON *a, const cJSON *b, struct buf *out)
{
	struct buf elements = {0};
	bool any;

	add_elements(a, v6, &elements);
	add_elements(b, v6, &elements);
	any = elements.len > 0;
	if (any)
		buf_fmt(out, "\tset %s%s {\n\t\ttype ipv%d_addr\n\t\tflags interval\n\t\tauto-merge\n"
			"\t\telements = { %s }\n\t}\n", name, v6 ? "6" : "4", v6 ? 6 : 4,
			buf_cstr(&elements));
	buf_free(&elements);
	return any;
}

/* Making a table that may be there: nft has no "replace", but adding one
 * that exists is no error, and a script is one transaction. */
static void begin_table(const char *table, struct buf *out)
{
	buf_fmt(out, "table inet %s\ndelete table inet %s\ntable inet %s {\n", table, table, table);
	buf_str(out, "\t" NFT_MARK "\n\tcounter cut_in { }\n\tcounter cut_out { }\n");
}

static void begin_chain(const char *name, const char *hook, const char *priority, struct buf *out)
{
	buf_fmt(out, "\tchain %s {\n\t\ttype filter hook %s priority %s; policy accept;\n", name, hook,
		priority);
}

static void pass_dns(bool keep, struct buf *out)
{
	if (keep)
		buf_str(out, "\t\tmeta l4proto { tcp, udp } th sport 53 accept\n"
			     "\t\tmeta l4proto { tcp, udp } th dport 53 accept\n");
}

void partition_sandbox_rules(const struct partition_rules *r, struct buf *out)
{
	bool any[2];

	begin_table(r->table, out);
	any[0] = add_set("refused", false, r->refused, r->gone, out);
	any[1] = add_set("refused", true, r->refused, r->gone, out);
	for (int way = 0; way < 2; way++) {
		if (!(way ? r->out : r->in))
			continue;
		begin_chain(way ? "out" : "in", way ? "output" : "prerouting", "-300", out);
		pass_dns(r->keep_dns, out);
		for (int v6 = 0; v6 < 2; v6++)
			if (any[v6])
				buf_fmt(out, "\t\t%s %s @refused%s counter name cut_%s drop\n",
					v6 ? "ip6" : "ip", way ? "daddr" : "saddr", v6 ? "6" : "4",
					way ? "out" : "in");
		buf_str(out, "\t}\n");
	}
	buf_str(out, "}\n");
}

void partition_forward_rules(const struct partition_rules *r, const cJSON *pods, struct buf *out)
{
	bool any[2], ours[2];

	begin_table(r->table, out);
	for (int v6 = 0; v6 < 2; v6++) {
		any[v6] = add_set("refused", v6, r->refused, r->gone, out);
		ours[v6] = add_set("pods", v6, pods, NULL, out);
	}
	begin_chain("forward", "forward", "-10", out);
	pass_dns(r->keep_dns, out);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *ip = v6 ? "ip6" : "ip", *n = v6 ? "6" : "4";

		if (!any[v6] || !ours[v6])
			continue;
		if (r->in)
			buf_fmt(out, "\t\tct status dnat %s saddr @refused%s %s daddr @pods%s "
				"counter name cut_in drop\n", ip, n, ip, n);
		if (r->out)
			buf_fmt(out, "\t\tct status dnat %s saddr @pods%s %s daddr @refused%s "
				"counter name cut_out drop\n", ip, n, ip, n);
	}
	buf_str(out, "\t}\n}\n");
}
