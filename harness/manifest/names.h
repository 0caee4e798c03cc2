#ifndef ORDEAL_MANIFEST_NAMES_H
#define ORDEAL_MANIFEST_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Names, keys, paths and addresses as Kubernetes takes them ("Object Names and
 * IDs"; apimachinery's util/validation). What passes here is also harmless
 * where it ends up: a part of a path, of a line of a hosts file, of a rule. */

enum { NAME_LABEL_MAX = 63, NAME_SUBDOMAIN_MAX = 253 };

bool name_is_label(const char *s);     /* RFC 1123: a-z, 0-9, -, at most 63 */
bool name_is_label_1035(const char *s); /* the same, and the first is of a-z */
bool name_is_subdomain(const char *s); /* labels with dots between, at most 253 in all */
bool name_is_segment(const char *s);   /* of a URL's path: what Roles may be called */
bool name_is_key(const char *s);       /* of a ConfigMap or Secret; a file's name */
bool name_is_port(const char *s);      /* IANA_SVC_NAME: at most 15, a letter among them */
bool name_is_variable(const char *s);  /* of the environment: printable, without = */
bool name_is_label_key(const char *s); /* "app", "example.org/app" */
bool name_is_label_value(const char *s);

/* Relative, and no way up: a subPath, an item's path. */
bool name_is_path_below(const char *s);

/* A dotted IPv4 address that is inside "A.B.C.D/BITS"; NULL: anywhere. */
bool name_is_address(const char *s, const char *subnet);

/* An IPv4 or IPv6 address. */
bool name_is_any_address(const char *s);
/* A word of a line: not empty, no white space, nothing that rules a terminal. */
bool name_is_word(const char *s);
/* Of a resolver's search list: a subdomain that may have _ in it and end with a dot. */
bool name_is_search_domain(const char *s);

#endif
