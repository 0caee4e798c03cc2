#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "engine/kube/kube.h"
#include "yaml/yaml.h"

/* The value of a {{name}}; NULL: unknown. */
static const char *value_of(const struct kube *k, const char *name, size_t len, char num[16])
{
	const struct {
		const char *name, *text;
		int number;
	} vars[] = {
		{"run", k->base.conf.run_id, 0},
		{"token", k->base.conf.token, 0},
		{"load_token", k->base.conf.load_token, 0},
		{"image", k->agent_image, 0},
		{"namespace", k->base.namespace, 0},
		{"node_port", NULL, KUBE_NODE_PORT},
		{"load_port", NULL, KUBE_LOAD_PORT},
	};

	for (size_t i = 0; i < ARRAY_LEN(vars); i++) {
		if (strlen(vars[i].name) != len || strncmp(vars[i].name, name, len))
			continue;
		if (vars[i].text)
			return vars[i].text;
		snprintf(num, 16, "%d", vars[i].number);
		return num;
	}
	return NULL;
}

static int fill(const struct kube *k, const char *path, const char *s, struct buf *out,
		struct err *e)
{
	const char *open, *close, *value;
	char num[16];

	while ((open = strstr(s, "{{"))) {
		close = strstr(open, "}}");
		value = close ? value_of(k, open + 2, (size_t)(close - open - 2), num) : NULL;
		/* A comment may speak of {{...}}. */
		if (!value && !(close && close - open == 5))
			return err_set(e, ERR_INPUT, "%s: unknown placeholder %.20s", path, open);
		buf_add(out, s, (size_t)(open - s));
		buf_str(out, value ? value : "...");
		s = close + 2;
	}
	buf_str(out, s);
	return 0;
}

static int apply_text(struct kube *k, const char *path, const char *text, kube_edit_fn *edit,
		      struct err *e)
{
	struct arena a = {0};
	struct ynode **docs = NULL;
	size_t n = 0;
	int r;

	r = yaml_read_text(&a, path, text, &docs, &n, e);
	for (size_t i = 0; !r && i < n; i++) {
		cJSON *o = yaml_to_json(docs[i]);
		bool skip = false;

		r = edit(k, o, &skip, e);
		if (!r && !skip)
			r = kube_apply(k->k, k->base.namespace, o, e);
		cJSON_Delete(o);
	}
	arena_free(&a);
	return r;
}

int kube_apply_template(struct kube *k, const char *file, kube_edit_fn *edit, struct err *e)
{
	char path[PATH_MAX + 80];
	struct buf raw = {0}, text = {0};
	int r;

	snprintf(path, sizeof(path), "%s/fixtures/agents/%s", k->root, file);
	r = file_read(path, &raw, e);
	if (!r)
		r = fill(k, path, buf_cstr(&raw), &text, e);
	if (!r)
		r = apply_text(k, path, buf_cstr(&text), edit, e);
	buf_free(&raw);
	buf_free(&text);
	return r;
}
