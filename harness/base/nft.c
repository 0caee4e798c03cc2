#include "base/nft.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/proc.h"

#define NFT_TIMEOUT_NS (10 * NS_PER_S)

static void enter(const char *netns, char option[600])
{
	snprintf(option, 600, "--net=%s", netns);
}

int nft_run(const char *netns, const char *script, struct err *e)
{
	char option[600];
	const char *argv[] = {"nsenter", option, "nft", "-f", "-", NULL};

	enter(netns, option);
	return proc_must(argv, script, NFT_TIMEOUT_NS, NULL, e);
}

int nft_delete_table(const char *netns, const char *table, struct err *e)
{
	struct buf script = {0};
	int r;

	if (strncmp(table, NFT_PREFIX, strlen(NFT_PREFIX)))
		return err_set(e, ERR_BROKEN, "nft table %s is none of ours", table);
	/* Adding first makes the deletion of a missing table no error. */
	buf_fmt(&script, "table inet %s\ndelete table inet %s\n", table, table);
	r = nft_run(netns, buf_cstr(&script), e);
	buf_free(&script);
	return r;
}

/* nft's JSON answer; NULL without an error when nft exits with one. */
static cJSON *ask(const char *const argv[], struct err *e)
{
	struct proc_result res;
	cJSON *o = NULL;

	if (proc_run(argv, NULL, NFT_TIMEOUT_NS, &res, e))
		return NULL;
	if (!res.exit_code)
		o = json_parse(buf_cstr(&res.out), "nft", e);
	proc_result_free(&res);
	return o;
}

int nft_counters(const char *netns, const char *table, bool *there, int64_t *in, int64_t *out,
		 struct err *e)
{
	char option[600];
	const char *argv[] = {"nsenter", option, "nft", "-j", "list", "counters", "table", "inet",
			      table, NULL};
	const cJSON *item;
	cJSON *o;

	*there = false;
	*in = *out = 0;
	e->kind = ERR_NONE;
	enter(netns, option);
	o = ask(argv, e);
	if (!o)
		return e->kind == ERR_NONE ? 0 : -1;
	cJSON_ArrayForEach(item, json_get(o, "nftables")) {
		const cJSON *c = json_get(item, "counter");

		if (!c)
			continue;
		*there = true;
		if (!strcmp(json_str(c, "name", ""), "cut_in"))
			*in = json_i64(c, "packets", 0);
		else if (!strcmp(json_str(c, "name", ""), "cut_out"))
			*out = json_i64(c, "packets", 0);
	}
	cJSON_Delete(o);
	return 0;
}

int nft_our_tables(const char *netns, struct buf *names, struct err *e)
{
	char option[600];
	const char *argv[] = {"nsenter", option, "nft", "-j", "list", "tables", "inet", NULL};
	const cJSON *item;
	cJSON *o;

	e->kind = ERR_NONE;
	enter(netns, option);
	o = ask(argv, e);
	if (!o)
		return e->kind == ERR_NONE ? 0 : -1;
	cJSON_ArrayForEach(item, json_get(o, "nftables")) {
		const char *name = json_str(json_get(item, "table"), "name", "");

		if (!strncmp(name, NFT_PREFIX, strlen(NFT_PREFIX)))
			buf_fmt(names, "%s\n", name);
	}
	cJSON_Delete(o);
	return 0;
}
