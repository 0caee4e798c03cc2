#include "apiserver/same.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int by_key(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static const cJSON **sorted(const cJSON *first, size_t n)
{
	const cJSON **v = mem_alloc((n + 1) * sizeof(*v));
	size_t i = 0;

	for (; first; first = first->next)
		v[i++] = first;
	qsort(v, n, sizeof(*v), by_key);
	return v;
}

static size_t length(const cJSON *first)
{
	size_t n = 0;

	for (; first; first = first->next)
		n++;
	return n;
}

static bool same_keys(const cJSON *a, const cJSON *b)
{
	size_t n = length(a);
	const cJSON **as, **bs;
	bool same = true;

	if (n != length(b))
		return false;
	as = sorted(a, n);
	bs = sorted(b, n);
	for (size_t i = 0; same && i < n; i++)
		same = !strcmp(as[i]->string, bs[i]->string) && same_json(as[i], bs[i]);
	free(as);
	free(bs);
	return same;
}

bool same_json(const cJSON *a, const cJSON *b)
{
	const cJSON *x, *y;
	int type = a ? a->type & 0xff : 0;

	if (!a || !b || type != (b->type & 0xff))
		return false;
	if (type == cJSON_Number)
		return !(a->valuedouble < b->valuedouble) && !(a->valuedouble > b->valuedouble);
	if (type == cJSON_String || type == cJSON_Raw)
		return !strcmp(a->valuestring, b->valuestring);
	x = a->child;
	y = b->child;
	/* Mostly in one order. */
	for (; x && y && (type == cJSON_Array || !strcmp(x->string, y->string));
	     x = x->next, y = y->next)
		if (!same_json(x, y))
			return false;
	return type == cJSON_Object && x && y ? same_keys(x, y) : !x && !y;
}
