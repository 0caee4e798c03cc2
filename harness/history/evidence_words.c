/* With which words faults were made, and whether two are the same one by them. */
#include <string.h>

#include "base/json.h"
#include "history/evidence.h"

/* Words that say whom, and how long, and are no part of what it does. */
static bool says_how(const char *word)
{
	static const char *const others[] = { "fault", "target", "as", "for", "duration", "within" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (!strcmp(word, others[i]))
			return false;
	return true;
}

bool fault_other_word(const struct step_seen *step, const struct fault_record *f,
		      struct word_seen *out)
{
	const cJSON *word;

	cJSON_ArrayForEach(word, step->params) {
		*out = (struct word_seen){word->string, cJSON_GetStringValue(word), NULL};
		if (!out->asked || !says_how(out->word))
			continue;
		if (!f->params)
			return true;
		out->was = json_str(f->params, out->word, out->asked);
		if (strcmp(out->was, out->asked))
			return true;
	}
	return false;
}

bool faults_other_word(const struct fault_record *f, const struct fault_record *than,
		       struct word_seen *out)
{
	const cJSON *word;

	cJSON_ArrayForEach(word, f->params) {
		const char *asked = cJSON_GetStringValue(word);

		*out = (struct word_seen){word->string, asked, NULL};
		out->was = json_str(than->params, out->word, asked);
		if (asked && strcmp(asked, out->was))
			return true;
	}
	*out = (struct word_seen){"how", f->how, than->how};
	return strcmp(f->how, than->how);
}

static const struct step_seen *next_fault(const struct evidence *ev, size_t *i)
{
	while (*i < ev->nsteps)
		if (!strcmp(ev->steps[(*i)++].step, "fault"))
			return &ev->steps[*i - 1];
	return NULL;
}

static const struct fault_record *made_by(const struct evidence *ev, const struct step_seen *step)
{
	for (size_t i = 0; i < ev->nfaults; i++)
		if (!strcmp(ev->faults[i].id, step->id))
			return &ev->faults[i];
	return NULL;
}

/* As written, where one was never made: nothing tells what a word is that is not there. */
static bool says_more(const struct step_seen *s, const struct step_seen *than)
{
	const cJSON *word;

	cJSON_ArrayForEach(word, s->params) {
		const cJSON *other = json_get(than->params, word->string);

		if (says_how(word->string) && !cJSON_Compare(word, other, true))
			return true;
	}
	return false;
}

bool scripts_same_faults(const struct evidence *a, const struct evidence *b)
{
	size_t i = 0, j = 0;

	for (size_t n = 0;; n++) {
		const struct step_seen *s = next_fault(a, &i), *t = next_fault(b, &j);
		const struct fault_record *f, *g;
		struct word_seen x;

		if (!s || !t)
			return n && !s && !t;
		if (strcmp(s->fault, t->fault) || strcmp(s->target, t->target))
			return false;
		f = made_by(a, s);
		g = made_by(b, t);
		if (f && g ? faults_other_word(f, g, &x) : says_more(s, t) || says_more(t, s))
			return false;
	}
}
