#ifndef ORDEAL_MANIFEST_API_TYPES_H
#define ORDEAL_MANIFEST_API_TYPES_H

#include <stddef.h>

/* A type of the API: "name:TYPE name:TYPE ...", where TYPE is a letter (s text,
 * i int32, l int64, b bool, q quantity, p port: a number or a text, y base64,
 * * anything), the name of another type, [TYPE] a list, {TYPE} a map of texts to
 * it. metadata, apiVersion and kind of objects go without saying. */
struct api_type {
	const char *name, *fields;
};
/* NULL: there is none. `name` need not end at `len`. */
const struct api_type *api_type(const char *name, size_t len);

/* The TYPE of a field, which ends at *len, or NULL. */
const char *api_field_type(const struct api_type *t, const char *name, size_t *len);

#endif
