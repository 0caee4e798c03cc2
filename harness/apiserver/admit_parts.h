#ifndef ORDEAL_APISERVER_ADMIT_PARTS_H
#define ORDEAL_APISERVER_ADMIT_PARTS_H

#include <stdbool.h>

#include "apiserver/admit.h"

/* Between admit.c, admit_meta.c, admit_pod.c and admit_field.c only. */

enum { ADMIT_PATH_BYTES = 400 };

/* Far more than anybody writes by hand. */
enum { ADMIT_LABELS_MOST = 100, ADMIT_ITEMS_MOST = 100, ADMIT_VARIABLES_MOST = 4096 };

enum admit_syntax {
	ADMIT_LABEL,
	ADMIT_LABEL_1035,
	ADMIT_SUBDOMAIN,
	ADMIT_SEGMENT,
	ADMIT_KEY,
	ADMIT_PORT_NAME,
	ADMIT_VARIABLE,
	ADMIT_PATH_BELOW,
	ADMIT_LABEL_KEY,
	ADMIT_LABEL_VALUE,
	ADMIT_ADDRESS,
	ADMIT_WORD,
	ADMIT_DOMAIN,
};

struct admitting {
	const struct admit_nets *nets;
	admit_fn *fn;
	void *arg;
	int n;
};

void admit_path(char path[ADMIT_PATH_BYTES], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void admit_say(struct admitting *a, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void admit_text(struct admitting *a, const char *path, const char *text, enum admit_syntax s);
/* map[key], if it is there or has to be; `path` is the map's. */
void admit_member(struct admitting *a, const char *path, const cJSON *map, const char *key,
		  enum admit_syntax s, bool needed);
/* map[key] has no more items: each is looked for, or looked at, for each of others. */
void admit_most(struct admitting *a, const char *path, const cJSON *map, const char *key, int most);
/* No more than ADMIT_LABELS_MOST are looked at. */
void admit_labels(struct admitting *a, const char *path, const cJSON *map);
/* Keys of annotations. */
void admit_annotations(struct admitting *a, const char *path, const cJSON *map);
/* An object's metadata, its name among them. */
void admit_meta(struct admitting *a, const struct kind *kind, const cJSON *object);
/* Of a map's texts, and of its keys. */
size_t admit_bytes(const cJSON *map, bool keys);
/* A Pod, or what has a pod's template. */
void admit_workload(struct admitting *a, const struct kind *kind, const cJSON *object);

#endif
