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

const struct sample *redundancy_primary(const struct sample *s, size_t n, const char *word,
					bool (*follows)(const struct sample *s,
							const struct sample *primary, char *why),
					char *why)
{
	const struct sample *primary;

	*why = '\0';
	primary = redundancy_all_answer(s, n, why) ? redundancy_one_primary(s, n, word, why) : NULL;
	return primary && redundancy_all_follow(s, n, primary, follows, why) ? primary : NULL;
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
