#include "scenario/load_spec.h"

#include "base/clock.h"
#include "manifest/manifest.h"

enum { CLIENTS_MAX = 4096, WEIGHT_MAX = 1000000 };

static int read_int(const struct ynode *map, const char *key, int lo, int hi, int *out,
		    struct err *e)
{
	const struct ynode *n = yaml_get(map, key);
	int64_t v;

	if (!n)
		return 0;
	if (yaml_to_i64(n, &v, e))
		return -1;
	if (v < lo || v > hi)
		return yaml_error(n, e, "%s is between %d and %d, not %lld", key, lo, hi,
				  (long long)v);
	*out = (int)v;
	return 0;
}

static int read_weight(const struct ynode *mix, const char *key, int *out, struct err *e)
{
	const struct ynode *n = yaml_get(mix, key);
	int64_t v;

	*out = 0;
	if (!n)
		return 0;
	if (yaml_to_i64(n, &v, e))
		return -1;
	if (v < 0 || v > WEIGHT_MAX)
		return yaml_error(n, e, "a weight is between 0 and %d, not %lld", WEIGHT_MAX,
				  (long long)v);
	*out = (int)v;
	return 0;
}

static int read_mix(const struct ynode *n, struct load_spec *l, struct err *e)
{
	const char *keys[OP_KINDS + 1] = {0};
	struct err all = {0}, one = {0};
	char has[OP_SET_MAX];
	int f;

	for (f = 0; f < OP_KINDS; f++)
		keys[f] = op_f_name((enum op_f)f);
	if (yaml_check_keys(n, keys, "mix", &one))
		err_add(&all, &one);
	for (f = 0; n->kind == Y_MAP && f < OP_KINDS; f++)
		if (read_weight(n, keys[f], &l->mix[f], &one))
			err_add(&all, &one);
	if (err_all(&all, e))
		return -1;
	if (!load_spec_ops(l))
		return yaml_error(n, e, "the mix has no operations: give one of %s a weight above 0",
				  op_set_text(UINT32_MAX, has));
	if (l->mix[OP_READ_REPLICA] && !(l->mix[OP_WRITE] + l->mix[OP_CAS]))
		return yaml_error(yaml_get(n, "read_replica"), e, "how far a replica is behind shows on "
				  "registers that change: give write or cas a weight above 0, too");
	if (l->mix[OP_RECEIVE] && !l->mix[OP_SEND])
		return yaml_error(yaml_get(n, "receive"), e, "there is nothing to receive but what is "
				  "sent: give send a weight above 0, too");
	return 0;
}

/* A share of the clients, kept as their number. */
static int read_minority(const struct ynode *n, struct load_spec *l, struct err *e)
{
	double share;

	if (yaml_to_num(n, &share, e))
		return -1;
	if (!(share > 0 && share < 1))
		return yaml_error(n, e, "minority is the share of the clients that stand beside the "
				  "primary, above 0 and below 1 (0.25: a quarter), not %s", n->text);
	l->minority = (int)(share * l->clients + 0.5);
	if (l->minority < 1 || l->minority >= l->clients)
		return yaml_error(n, e, "of %d clients a minority of %s is %s: give more clients",
				  l->clients, n->text, l->minority < 1 ? "none" : "all");
	return 0;
}

static int read_rate(const struct ynode *n, struct load_spec *l, struct err *e)
{
	if (yaml_to_num(n, &l->rate, e))
		return -1;
	return l->rate < 0.1 || l->rate > 100000 ?
	       yaml_error(n, e, "rate is between 0.1 and 100000 operations a second, not %s", n->text) : 0;
}

static int read_deadline(const struct ynode *n, struct load_spec *l, struct err *e)
{
	if (yaml_to_duration_ns(n, &l->deadline_ns, e))
		return -1;
	return l->deadline_ns < 10 * NS_PER_MS || l->deadline_ns > 60 * NS_PER_S ?
	       yaml_error(n, e, "deadline is between 10ms and 60s, not %s", n->text) : 0;
}

/* Bytes, as a setting takes them: 4096 or 4Ki. */
static int read_payload(const struct ynode *n, struct load_spec *l, struct err *e)
{
	int64_t v = quantity_bytes_of(n);

	if (v < 0 || v > LOAD_PAYLOAD_MAX)
		return yaml_error(n, e, "payload is a size from 0 to %d bytes, such as 4096 or 4Ki%s%.40s", LOAD_PAYLOAD_MAX,
				  n->kind == Y_SCALAR ? ", not " : "", n->kind == Y_SCALAR ? n->text : "");
	l->payload_bytes = (int)v;
	return 0;
}

int load_spec_read(const struct ynode *n, struct load_spec *l, struct err *e)
{
	static const char *const keys[] = {"rate", "clients", "deadline", "keys", "mix", "payload",
					   "minority", NULL};
	struct err all = {0}, one = {0};
	const struct ynode *v;

	*l = load_spec_defaults;
	if (!n)
		return 0;
	if (yaml_check_keys(n, keys, "load", &one))
		err_add(&all, &one);
	if (n->kind != Y_MAP)
		goto out;
	if ((v = yaml_get(n, "rate")) && read_rate(v, l, &one))
		err_add(&all, &one);
	if (read_int(n, "clients", 1, CLIENTS_MAX, &l->clients, &one))
		err_add(&all, &one);
	if (read_int(n, "keys", 0, LOAD_KEYS_MAX, &l->keys, &one))
		err_add(&all, &one);
	if ((v = yaml_get(n, "payload")) && read_payload(v, l, &one))
		err_add(&all, &one);
	if ((v = yaml_get(n, "deadline")) && read_deadline(v, l, &one))
		err_add(&all, &one);
	if ((v = yaml_get(n, "mix")) && read_mix(v, l, &one))
		err_add(&all, &one);
	if ((v = yaml_get(n, "minority")) && read_minority(v, l, &one))
		err_add(&all, &one);
	if (!all.kind && !l->keys && load_spec_ops(l) & OP_REGISTERS)
		yaml_error(n, &all, "reads, writes and cas need registers: keys must be at "
			   "least 1, or their weights 0");
	else if (!all.kind && !l->keys && load_spec_ops(l) & OP_MESSAGES)
		yaml_error(n, &all, "send and receive need a partition: keys must be at least 1");
out:
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}
