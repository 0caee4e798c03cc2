#include "system/redundancy.h"

bool redundancy_all_answer(const struct sample *s, size_t n, char *why)
{
	for (size_t i = 0; i < n; i++)
		if (!s[i].ok)
			return why_not(why, "%s does not answer", s[i].member);
	return n || why_not(why, "no member is known");
}

const struct sample *redundancy_one_primary(const struct sample *s, size_t n, const char *word,
					    char *why)
{
	const struct sample *primary = NULL;

	for (size_t i = 0; i < n; i++) {
		if (s[i].role != ROLE_PRIMARY || !s[i].writable)
			continue;
		if (primary) {
			why_say(why, "%s and %s are both writable", primary->member, s[i].member);
			return NULL;
		}
		primary = &s[i];
	}
	if (!primary)
		why_say(why, "no member is a writable %s", word);
	return primary;
}

bool redundancy_all_follow(const struct sample *s, size_t n, const struct sample *primary,
			   bool (*follows)(const struct sample *s, const struct sample *primary,
					   char *why),
			   char *why)
{
	for (size_t i = 0; i < n; i++)
		if (&s[i] != primary && !follows(&s[i], primary, why))
			return false;
	return true;
}
