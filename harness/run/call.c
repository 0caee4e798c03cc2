/* A stage's way to its agents, and their clocks. */
#include "run/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum { CLOCK_ROUNDS = 9 };

int stage_files(struct stage *st, struct err *e)
{
	return event_log_check(&st->events, e) || append_check(&st->history, e) ? -1 : 0;
}

int stage_answer_error(const char *agent, const char *path, int status, const char *text,
		       struct err *e)
{
	cJSON *o = cJSON_Parse(text);
	int r = err_set(e, ERR_BROKEN, "agent %s answered %d to %s: %s", agent, status, path,
			json_str(o, "error", text));

	cJSON_Delete(o);
	return r;
}

static int parse_answer(const struct buf *b, const char *path, cJSON **answer, struct err *e)
{
	*answer = json_parse(buf_cstr(b), path, e);
	if (*answer)
		return 0;
	e->kind = ERR_BROKEN;
	return -1;
}

int stage_call(struct stage *st, const char *agent, const char *method, const char *path,
	       const cJSON *body, int64_t timeout_ns, cJSON **answer, struct err *e)
{
	struct buf b = {0};
	char *text = body ? json_text(body) : NULL;
	int status = 0, r;

	r = st->ops->call(st->en, agent, method, path, text, timeout_ns, &b, &status, e);
	free(text);
	if (!r && status >= 300)
		r = stage_answer_error(agent, path, status, buf_cstr(&b), e);
	if (!r && answer)
		r = parse_answer(&b, path, answer, e);
	buf_free(&b);
	return r;
}

int stage_delete(struct stage *st, const char *agent, const char *path, int64_t timeout_ns,
		 cJSON **answer, bool *known, struct err *e)
{
	struct buf b = {0};
	int status = 0, r;

	r = st->ops->call(st->en, agent, "DELETE", path, NULL, timeout_ns, &b, &status, e);
	*known = r || status != 404;
	if (!r && *known && status >= 300)
		r = stage_answer_error(agent, path, status, buf_cstr(&b), e);
	else if (!r && *known)
		r = parse_answer(&b, path, answer, e);
	buf_free(&b);
	return r;
}

static int measure_clock(struct stage *st, struct agent_clock *c, struct err *e)
{
	char mine[CLOCK_ID_BYTES];
	int64_t best_ns = INT64_MAX;

	clock_id(mine);
	for (int i = 0; i < CLOCK_ROUNDS; i++) {
		int64_t before = clock_mono_ns(), after, theirs;
		cJSON *a = NULL;

		if (stage_call(st, c->agent, "GET", "/v1/clock", NULL, 5 * NS_PER_S, &a, e))
			return -1;
		after = clock_mono_ns();
		theirs = json_i64(a, "mono_ns", 0);
		if (mine[0] && !strcmp(mine, json_str(a, "clock", ""))) {
			c->offset_ns = c->error_ns = 0;
			cJSON_Delete(a);
			return 0;
		}
		cJSON_Delete(a);
		if (after - before < best_ns) {
			best_ns = after - before;
			c->offset_ns = before + best_ns / 2 - theirs;
			c->error_ns = best_ns / 2;
		}
	}
	return 0;
}

int stage_clock(struct stage *st, const char *agent, struct agent_clock *out, struct err *e)
{
	for (size_t i = 0; i < st->nclocks; i++) {
		if (!strcmp(st->clocks[i].agent, agent)) {
			*out = st->clocks[i];
			return 0;
		}
	}
	memset(out, 0, sizeof(*out));
	mem_copy_str(out->agent, sizeof(out->agent), agent);
	if (measure_clock(st, out, e))
		return -1;
	if (st->nclocks < STAGE_AGENTS_MAX)
		st->clocks[st->nclocks++] = *out;
	return 0;
}

void stage_forget_clocks(struct stage *st)
{
	st->nclocks = 0;
}
