#ifndef ORDEAL_TEST_UNIT_MANIFEST_ROOM_H
#define ORDEAL_TEST_UNIT_MANIFEST_ROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "manifest/manifest.h"

/* Manifests that a test writes, and what was changed in them. Include cmocka before. */

/* Manifests: reading, what settings put into them, what an engine changes. */

struct fixture {
	struct arena arena;
	char dir[64];
	struct manifest m;
	struct adaptations log;
	struct settings s;
};

static inline int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-manifest-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int rc = file_remove_tree(f->dir, &e);

	arena_free(&f->arena);
	free(f);
	return rc;
}

static inline void put(struct fixture *f, const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static inline void read_dir(struct fixture *f)
{
	struct err e = {0};

	if (manifest_read_dir(&f->arena, f->dir, &f->m, &e))
		fail_msg("%s", e.msg);
}

static inline const char *text_at(struct fixture *f, size_t object, const char *path)
{
	const struct ynode *n = yaml_path(f->m.objects[object], path);

	if (!n)
		fail_msg("no %s", path);
	return n->text;
}

/* The log entry for one object and path, or NULL. */
static inline const struct adaptation *logged(const struct fixture *f, const char *object,
				       const char *path)
{
	size_t i;

	for (i = 0; i < f->log.n; i++) {
		if (!strcmp(f->log.v[i].object, object) && !strcmp(f->log.v[i].path, path))
			return &f->log.v[i];
	}
	return NULL;
}

static inline void assert_logged(const struct fixture *f, const char *object, const char *path,
			  int line, const char *from, const char *to)
{
	const struct adaptation *ad = logged(f, object, path);

	if (!ad)
		fail_msg("%s %s is not recorded", object, path);
	assert_int_equal(ad->line, line);
	if (from)
		assert_string_equal(ad->from, from);
	else
		assert_null(ad->from);
	if (to)
		assert_string_equal(ad->to, to);
	else
		assert_null(ad->to);
	assert_true(*ad->why);
}

static const char config[] =
	"apiVersion: v1\n"
	"kind: ConfigMap\n"
	"metadata:\n"
	"  name: postgres-config\n"
	"  namespace: production\n"
	"data:\n"
	"  PATRONI_KUBERNETES_NAMESPACE: production\n"
	"  PATRONI_LOG_LEVEL: \"5\"\n"
	"  OTHER: production\n"
	"  patroni.yaml: |\n"
	"    bootstrap:\n"
	"      dcs:   # the lease\n"
	"        ttl: 30  # seconds\n"
	"        quoted: \"1\"\n"
	"        single: 'it''s'\n"
	"        postgresql: {parameters: {a: 1}, use_slots: true}\n"
	"        loop_wait: 10\n"
	"        synchronous_mode: off\n"
	"      list:\n"
	"        - host all all\n"
	"    kubernetes:\n"
	"      namespace: production\n"
	"    url: http://a.b.production.svc.cluster.local:1\n";

static const char set[] =
	"apiVersion: apps/v1\n"
	"kind: StatefulSet\n"
	"metadata:\n"
	"  name: postgres\n"
	"spec:\n"
	"  replicas: 3\n"
	"  template:\n"
	"    spec:\n"
	"      initContainers:\n"
	"        - {name: i, image: busybox}\n"
	"      containers:\n"
	"        - name: postgres\n"
	"          image: acid/spilo-15:3.0-p1\n"
	"          env:\n"
	"            - {name: POD_NAMESPACE, value: production}\n"
	"            - {name: HOST, value: db.production.svc}\n"
	"          resources:\n"
	"            requests: {cpu: 500m, memory: 1Gi}\n"
	"            limits: {cpu: 2, memory: 4Gi}\n"
	"        - name: side\n"
	"          image: busybox\n"
	"          resources:\n"
	"            limits: {cpu: 100m, memory: 1Gi}\n"
	"  volumeClaimTemplates:\n"
	"    - metadata: {name: data}\n"
	"      spec:\n"
	"        resources: {requests: {storage: 100Gi}}\n"
	"---\n"
	"apiVersion: rbac.authorization.k8s.io/v1\n"
	"kind: RoleBinding\n"
	"metadata: {name: postgres, namespace: production}\n"
	"subjects:\n"
	"  - {kind: ServiceAccount, name: postgres, namespace: production}\n"
	"---\n"
	"apiVersion: storage.k8s.io/v1\n"
	"kind: StorageClass\n"
	"metadata: {name: fast-ssd}\n"
	"provisioner: ebs.csi.aws.com\n"
	"parameters:\n"
	"  type: gp3\n"
	"  iops: \"16000\"\n"
	"reclaimPolicy: Retain\n";

static const char more[] = "apiVersion: v1\nkind: Service\nmetadata: {name: store}\n";

#endif
