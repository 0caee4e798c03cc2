#include "engine/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "yaml/yaml.h"

/* mmdebstrap and apt on two busy cores. */
#define BUILD_WITHIN_NS (1200 * NS_PER_S)
#define OURS "ordeal/"

static int read_stock(struct images *im, struct err *e)
{
	static const char *const keys[] = {"image", "build", "is", "withdrawn", NULL};
	struct ynode **docs = NULL, *list;
	char path[PATH_MAX + 40];
	size_t n = 0;

	if (im->read)
		return 0;
	snprintf(path, sizeof(path), "%s/fixtures/images/stock.yaml", im->root);
	if (yaml_read_file(im->arena, path, &docs, &n, e))
		return -1;
	list = n == 1 ? yaml_get(docs[0], "images") : NULL;
	if (!list || list->kind != Y_LIST)
		return err_set(e, ERR_INPUT, "%s must be a map with the list `images`", path);
	im->stock = arena_alloc(im->arena, (list->n + 1) * sizeof(*im->stock));
	for (size_t i = 0; i < list->n; i++) {
		struct stock_image *s = &im->stock[i];
		struct ynode *o = list->items[i], *build = yaml_get(o, "build");
		const struct ynode *withdrawn = yaml_get(o, "withdrawn");

		if (yaml_check_keys(o, keys, "an image", e))
			return -1;
		if (!yaml_get(o, "image") || !yaml_get(o, "is"))
			return yaml_error(o, e, "an image needs `image` and `is`");
		if (yaml_to_string(yaml_get(o, "image"), &s->image, e) ||
		    yaml_to_string(yaml_get(o, "is"), &s->is, e) ||
		    (build && yaml_to_string(build, &s->build, e)) ||
		    (withdrawn && yaml_to_bool(withdrawn, &s->withdrawn, e)))
			return -1;
	}
	im->nstock = list->n;
	im->read = true;
	return 0;
}

/* kind/image.sh prints the reference as its last line; what it does on the
 * way goes to standard error, as it happens only once. */
static int image_sh(struct images *im, const char *a, const char *b, const char **ref,
		    struct err *e)
{
	char script[PATH_MAX + 20];
	const char *argv[] = {script, im->local ? "--local" : a, im->local ? a : b, im->local ? b : NULL,
			      NULL};
	struct buf out = {0};
	size_t len;
	int r;

	snprintf(script, sizeof(script), "%s/kind/image.sh", im->root);
	r = proc_must(argv, NULL, BUILD_WITHIN_NS, &out, e);
	if (!r) {
		while (out.len && strchr(" \n", out.s[out.len - 1]))
			out.s[--out.len] = '\0';
		len = out.len;
		while (len && out.s[len - 1] != '\n')
			len--;
		if (!out.len)
			r = err_set(e, ERR_BROKEN, "%s %s printed no image", script, a);
		else
			*ref = arena_strdup(im->arena, out.s + len);
	}
	buf_free(&out);
	return r;
}

int images_build(struct images *im, const char *name, const char *context, const char **ref,
		 struct err *e)
{
	int64_t from = clock_mono_ns();

	log_info("image %s: from fixtures/images/%s, if it is not there yet", name, name);
	if (image_sh(im, name, context, ref, e))
		return err_prefix(e, "image %s", name);
	if (clock_mono_ns() - from > 2 * NS_PER_S)
		log_info("image %s: made, and put where the nodes find it, in %.0f s", name,
			 (double)(clock_mono_ns() - from) / 1e9);
	return 0;
}

/* kind/ decides once a cluster whether stock images are pulled. */
static bool pulls(const struct images *im)
{
	const char *forced = getenv("ORDEAL_IMAGES");
	char path[PATH_MAX + 20];
	struct buf b = {0};
	struct err e = {0};
	bool yes;

	if (forced && *forced)
		return !strcmp(forced, "pull");
	snprintf(path, sizeof(path), "%s/kind/mode", im->cache);
	yes = file_read(path, &b, &e) == 0 && !strncmp(buf_cstr(&b), "pull", 4);
	buf_free(&b);
	return yes;
}

/* "ordeal/redis:7.0" is fixtures/images/redis. */
static void folder_of(const char *asked, char *out, size_t size)
{
	const char *name = asked + strlen(OURS);

	snprintf(out, size, "%.*s", (int)strcspn(name, ":@"), name);
}

static bool begins(const char *image, const char *prefix, size_t len)
{
	return !strncmp(image, prefix, len) && image[len] == '/';
}

/* As Docker reads it: what comes before the first "/" is a registry if it has a
 * dot or a port, or is localhost (distribution/reference). */
static const char *in_full(struct arena *a, const char *image)
{
	static const char *const hubs[] = {"index.docker.io", "docker.io"};
	size_t first = strcspn(image, "/");

	for (size_t i = 0; i < ARRAY_LEN(hubs); i++) {
		if (!begins(image, hubs[i], strlen(hubs[i])))
			continue;
		image += strlen(hubs[i]) + 1;
		return arena_fmt(a, "docker.io/%s%s", strchr(image, '/') ? "" : "library/", image);
	}
	if (!image[first])
		return arena_fmt(a, "docker.io/library/%s", image);
	if (memchr(image, '.', first) || memchr(image, ':', first) || begins(image, "localhost", 9))
		return image;
	return arena_fmt(a, "docker.io/%s", image);
}

static int resolve(struct images *im, const char *asked, const char **used, bool *withdrawn,
		   struct err *e)
{
	const struct stock_image *s = NULL;
	char folder[128], path[PATH_MAX + 160];

	if (!strncmp(asked, OURS, strlen(OURS))) {
		folder_of(asked, folder, sizeof(folder));
		snprintf(path, sizeof(path), "%s/fixtures/images/%s/Dockerfile", im->root, folder);
		if (!file_exists(path))
			return err_set(e, ERR_INPUT, "image %s: there is no fixtures/images/%s", asked,
				       folder);
		return images_build(im, folder, NULL, used, e);
	}
	if (read_stock(im, e))
		return -1;
	for (size_t i = 0; i < im->nstock && !s; i++)
		if (!strcmp(in_full(im->arena, im->stock[i].image), in_full(im->arena, asked)))
			s = &im->stock[i];
	*withdrawn = s && s->withdrawn;
	if (pulls(im) && !*withdrawn)
		return image_sh(im, "--stock", asked, used, e);
	if (!s)
		return err_set(e, ERR_UNSUPPORTED,
			       "image %s cannot be had: no registry is in reach, and "
			       "fixtures/images/stock.yaml names nothing that stands in for it",
			       asked);
	if (!s->build)
		return err_set(e, ERR_UNSUPPORTED, "image %s cannot be had: %s", asked, s->is);
	return images_build(im, s->build, NULL, used, e);
}

const char *images_on_kind(struct images *im, const char *asked)
{
	struct image_used *u;

	for (size_t i = 0; i < im->n; i++) {
		if (!strcmp(im->v[i].asked, asked))
			return im->v[i].used;
		/* Adapted already: leave it. */
		if (im->v[i].used && !strcmp(im->v[i].used, asked))
			return NULL;
	}
	u = VEC_PUSH(im->v, im->n, im->alloc);
	u->asked = arena_strdup(im->arena, asked);
	if (resolve(im, asked, &u->used, &u->withdrawn, &u->why))
		u->used = NULL;
	return u->used;
}

int images_error(const struct images *im, const char *const *refs, size_t n, struct err *e)
{
	for (size_t r = 0; r < n; r++) {
		for (size_t i = 0; i < im->n; i++) {
			if (!im->v[i].used && !im->v[i].withdrawn &&
			    !strcmp(im->v[i].asked, refs[r])) {
				*e = im->v[i].why;
				return -1;
			}
		}
	}
	return 0;
}

void images_why(const struct images *im, const char *ref, struct err *e)
{
	for (size_t i = 0; i < im->n; i++)
		if (!im->v[i].used && !strcmp(im->v[i].asked, ref))
			*e = im->v[i].why;
}

const char *images_redirect(struct arena *a, const char *const *prefixes, size_t n,
			    const char *image)
{
	const char *whole = in_full(a, image), *best = NULL;
	size_t len, best_len = 0;

	for (size_t i = 0; i < n; i++) {
		len = strcspn(prefixes[i], "=");
		if (begins(whole, prefixes[i] + len + 1, strlen(prefixes[i] + len + 1)))
			return NULL;
		if (len > best_len && begins(whole, prefixes[i], len)) {
			best = prefixes[i];
			best_len = len;
		}
	}
	return best ? arena_fmt(a, "%s%s", best + best_len + 1, whole + best_len) : NULL;
}

const char *images_bad_prefix(const char *prefix)
{
	static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_/-[]";
	size_t len = strcspn(prefix, "=");

	if (!len || !prefix[len] || !prefix[len + 1])
		return "it wants FROM=TO, such as docker.io=registry.example/hub";
	if (strspn(prefix, fit) != len || prefix[len + 1 + strspn(prefix + len + 1, fit)])
		return "that is no part of an image's name";
	if (prefix[len - 1] == '/' || prefix[strlen(prefix) - 1] == '/')
		return "leave out the / at the end";
	return NULL;
}
