#include "system/redundancy.h"

#include <stdio.h>

bool redundancy_all_answer(const struct sample *s, size_t n, char *why)
{
	for (size_t i = 0; i < n; i++) {
		if (!s[i].ok) {
			snprintf(why, WHY_BYTES, "%s does not answer", s[i].member);
			return false;
		}
	}
	if (!n)
		snprintf(why, WHY_BYTES, "no member is known");
	return n > 0;
}

const struct sample *redundancy_one_primary(const struct sample *s, size_t n, const char *word, char *why)
{
	const struct sample *primary = NULL;

	for (size_t i = 0; i < n; i++) {
		if (s[i].role != ROLE_PRIMARY || !s[i].writable)
			continue;
		if (primary) {
			snprintf(why, WHY_BYTES, "%s and %s are both writable", primary->member, s[i].member);
			return NULL;
		}
		primary = &s[i];
	}
	if (!primary)
		snprintf(why, WHY_BYTES, "no member is a writable %s", word);
	return primary;
}

bool redundancy_all_follow(const struct sample *s, size_t n, const struct sample *primary,
			   bool (*follows)(const struct sample *s, const struct sample *primary, char *why),
			   char *why)
{
	for (size_t i = 0; i < n; i++)
		if (&s[i] != primary && !follows(&s[i], primary, why))
			return false;
	return true;
}
