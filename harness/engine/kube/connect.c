/* The way to the cluster, which everything else here begins with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/kube/kube.h"

#define NAP_NS (100 * NS_PER_MS)

void kube_name_yourself(struct engine_conf *conf)
{
	if (conf->token[0])
		return;
	engine_make_tokens(conf);
	snprintf(conf->run_id, sizeof(conf->run_id), "by-hand-%lld", (long long)clock_real_ns());
}

int kube_connect(struct kube *k, bool cleanup, struct err *e)
{
	const char *insecure = getenv("ORDEAL_INSECURE_TLS");
	bool allow = insecure && !strcmp(insecure, "1");

	if (!k->k) {
		if ((k->kubeconfig_list ? kubeconfig_read_list : kubeconfig_read)(
			    k->kubeconfig, k->base.conf.context, allow, &k->conf, e))
			return -1;
		if (kube_client_new(&k->conf, k->base.conf.interrupted, &k->k, e)) {
			kube_conf_free(&k->conf);
			return -1;
		}
	}
	kube_client_ignore(k->k, cleanup);
	if (k->host)
		kube_client_ignore(k->host, cleanup);
	return 0;
}

void kube_disconnect(struct kube *k)
{
	kube_client_free(k->k);
	k->k = NULL;
	kube_conf_free(&k->conf);
}

int kube_nap(struct kube *k, struct err *e)
{
	clock_sleep_until(clock_mono_ns() + NAP_NS);
	if (kube_client_stopped(k->k))
		return err_set(e, ERR_INTERRUPTED, "interrupted");
	return 0;
}

int kube_owner_of(struct kube *k, const char *path, enum kube_owner *owner,
		  char uid[KUBE_UID_BYTES], struct err *e)
{
	cJSON *o = NULL;

	if (kube_get(k->k, path, &o, e))
		return -1;
	if (uid)
		mem_copy_str(uid, KUBE_UID_BYTES, kube_meta(o, "uid"));
	*owner = !o ? KUBE_ABSENT : *kube_label(o, KUBE_RUN_LABEL) ? KUBE_OURS : KUBE_FOREIGN;
	cJSON_Delete(o);
	return 0;
}

static int refuse_foreign(struct kube *k, const char *ns, const char *remedy, struct err *e)
{
	enum kube_owner owner;
	char path[160];

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s", ns);
	if (kube_owner_of(k, path, &owner, NULL, e))
		return -1;
	if (owner == KUBE_FOREIGN)
		return err_set(e, ERR_INPUT, "the namespace \"%s\" exists and is not ordeal's (it has no label "
			       KUBE_RUN_LABEL "); it stays as it is: %s", ns, remedy);
	return 0;
}

int kube_refuse_foreign(struct kube *k, struct err *e)
{
	return refuse_foreign(k, k->base.namespace, "name one with --namespace that does not exist", e) ||
	       refuse_foreign(k, KUBE_SYSTEM_NS, "ordeal's agents need that name; take another cluster", e) ? -1 : 0;
}
