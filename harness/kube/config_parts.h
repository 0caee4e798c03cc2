#ifndef ORDEAL_KUBE_CONFIG_PARTS_H
#define ORDEAL_KUBE_CONFIG_PARTS_H

#include <limits.h>

#include "base/buf.h"
#include "yaml/yaml.h"

/* Values of a kubeconfig; only config.c includes this. */

/* As Go's decoder: null is absent, as "" is (NULL then), and a number is no text. */
int config_text(const struct ynode *map, const char *key, const char **out, struct err *e);

/* File names in a kubeconfig are relative to it. */
void config_beside(const struct ynode *map, const char *name, char out[PATH_MAX]);

/* PEM from KEY-data (base64) or the file that KEY names; neither is fine. What is no
 * certificate is refused here, at its place, and not by the first request; a key is looked
 * at with its certificate. */
int config_pem(const struct ynode *map, const char *key, struct buf *out, struct err *e);

/* A certificate, or a chain, and the key of the first. */
int config_pair(const struct buf *cert, const struct buf *key, struct err *e);

#endif
