#ifndef ORDEAL_MANIFEST_SETTINGS_H
#define ORDEAL_MANIFEST_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "yaml/yaml.h"

/* The named knobs of a system: fixtures/<system>/settings.yaml
 *
 *   settings:
 *     - name: ttl
 *       unit: s                 # s, ms, bytes, count, bool, word
 *       default: 30
 *       source: document        # or: system default
 *       about: one line for people
 *       min: 20                 # optional, numbers
 *       max: 3600
 *       choices: [on, off]      # optional, words
 *       where:                  # one or more places
 *         - object: ConfigMap/postgres-config
 *           path: data.patroni.yaml        # a key with dots is quoted: data."patroni.yaml"
 *           inside: bootstrap.dcs.ttl      # optional: the text there is YAML; a path in it
 *           line: maxmemory                # or: the text has lines "words value"; its first words
 *           create: true                   # optional: a missing last key is made when needed
 *           optional: true                 # optional: a variant may lack this place
 *       overlay: {etcd: [etcd]} # instead of where: for this value, the manifests are changed by
 *                               # fixtures/<system>/overlays/etcd, ... (manifest_overlay())
 *       access: linger_ms       # instead of where: the clients' own, this key of access.yaml
 *   impossible:                 # combinations that must be refused
 *     - if: {synchronous_mode_strict: on, synchronous_mode: off}
 *       because: ...
 *     - rule: "loop_wait + 2 * retry_timeout <= ttl"    # must hold; with if:, where that is so
 *       because: ...
 *     - if: {queue_type: quorum}
 *       asked: mirrored         # optional: only where the user set this one, to whatever value
 *       because: ...
 *
 * Values are kept in one form: whole numbers of the unit ("20", also when
 * the user wrote 20s or 1Mi), on/off, or the word. A bool is written into a
 * manifest as true or false. Rules know + - * ( ) <= >= < > == !=, numbers
 * and names; a bool counts as 1 or 0. load_deadline_ms is the load's deadline.
 */
struct setting {
	const char *name, *unit, *about, *source;
	const char *dflt;
	const char *value;      /* dflt unless changed */
	const char *changed_by; /* NULL, "scenario" or "--set" */
	const struct ynode *at; /* where the scenario changed it, or NULL */
	struct ynode *node;     /* its entry in settings.yaml */
};

struct settings {
	struct setting *v; /* in the arena */
	size_t n;
	struct ynode *root;
	int64_t deadline_ms; /* the load's, for rules; the caller sets it */
};

#define SETTINGS_DEADLINE "load_deadline_ms"

/* The overlays that its value asks for: a list of folders' names, in their
 * order; NULL: none. */
const struct ynode *setting_overlays(const struct setting *s);
/* The variant that they are laid over: its key `of`, or else "corrected". */
const char *setting_variant(const struct setting *s);

/* The key of access.yaml that has its value; NULL: none. */
const char *setting_access_key(const struct setting *s);

int settings_load(struct arena *a, const char *path, struct settings *s, struct err *e);

/* Changes one. `at` is where the user wrote it (NULL: the command line). */
int settings_set(struct arena *a, struct settings *s, const char *name, const char *value,
		 const char *changed_by, const struct ynode *at, struct err *e);

/* Refuses impossible combinations; call after all settings_set(). */
int settings_check(const struct settings *s, struct err *e);

/* Is its value a number, of its unit? Else it is a word, on or off. */
bool setting_is_number(const struct setting *s);

/* Does it stand in a Secret? Then no report shows its value. */
bool setting_is_secret(const struct setting *s);

const struct setting *settings_find(const struct settings *s, const char *name);

#endif
