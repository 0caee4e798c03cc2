#include <string.h>

#include "manifest/parts.h"

/* Claims in manifests, and the classes that they bring. */

struct ynode *manifest_claim(struct arena *a, const struct ynode *object, size_t i,
			     const char **path)
{
	const char *spec_path = "";
	struct ynode *spec = manifest_pod_spec(object, &spec_path), *volumes = yaml_get(spec, "volumes");
	struct ynode *list = yaml_path((struct ynode *)object, "spec.volumeClaimTemplates");
	size_t n = list && list->kind == Y_LIST ? list->n : 0;

	*path = "";
	if (!strcmp(manifest_kind(object), "PersistentVolumeClaim"))
		return i ? NULL : (struct ynode *)object;
	if (i < n) {
		*path = arena_fmt(a, "spec.volumeClaimTemplates[%zu].", i);
		return list->items[i];
	}
	for (size_t k = 0; volumes && volumes->kind == Y_LIST && k < volumes->n; k++) {
		struct ynode *claim = yaml_path(volumes->items[k], "ephemeral.volumeClaimTemplate");

		if (!claim || n++ != i)
			continue;
		*path = arena_fmt(a, "%s.volumes[%zu].ephemeral.volumeClaimTemplate.", spec_path, k);
		return claim;
	}
	return NULL;
}

struct ynode *manifest_claim_class(const struct ynode *claim, const char **path)
{
	static const char note[] = "metadata.annotations.\"volume.beta.kubernetes.io/storage-class\"";
	struct ynode *n = yaml_path((struct ynode *)claim, note);

	*path = n ? note : "spec.storageClassName";
	return n ? n : yaml_path((struct ynode *)claim, "spec.storageClassName");
}

const char *manifest_provisioner(const struct manifest *m, const char *name)
{
	for (size_t i = 0; name && i < m->n; i++) {
		const struct ynode *o = m->objects[i];

		if (!strcmp(manifest_kind(o), "StorageClass") && !strcmp(manifest_text(o, "metadata.name"), name))
			return manifest_text(o, "provisioner");
	}
	return NULL;
}

struct ynode *manifest_default_note(struct ynode *object, const char **path)
{
	static const char *const notes[] = {
		"metadata.annotations.\"storageclass.kubernetes.io/is-default-class\"",
		"metadata.annotations.\"storageclass.beta.kubernetes.io/is-default-class\"",
	};

	for (size_t i = 0; !strcmp(manifest_kind(object), "StorageClass") && i < ARRAY_LEN(notes); i++) {
		*path = notes[i];
		if (!strcmp(manifest_text(object, *path), "true"))
			return yaml_path(object, *path);
	}
	return NULL;
}

const char *manifest_default_class(const struct manifest *m)
{
	const char *path;

	for (size_t i = 0; i < m->n; i++)
		if (manifest_default_note(m->objects[i], &path))
			return manifest_text(m->objects[i], "metadata.name");
	return NULL;
}
