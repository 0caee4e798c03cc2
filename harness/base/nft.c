#include "base/nft.h"

#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

struct job {
	const char *netns, *script;
	bool json;
	struct buf *out;  /* NULL: no output is wanted */
	int problem;      /* errno when the namespace could not be entered */
	bool refused;     /* by nft; why says what it said */
	struct buf why;
	sem_t done;
};

static int enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	int problem = fd < 0 || setns(fd, CLONE_NEWNET) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return problem;
}

static struct nft_ctx *run(struct job *j)
{
	/* Nowhere does libnftables say that two threads may use it at once. */
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	struct nft_ctx *nft;

	pthread_mutex_lock(&one_at_a_time);
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	nft_ctx_buffer_error(nft);
	nft_ctx_buffer_output(nft);
	if (j->json)
		nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	j->refused = nft_run_cmd_from_buffer(nft, j->script);
	pthread_mutex_unlock(&one_at_a_time);
	if (j->refused)
		buf_str(&j->why, nft_ctx_get_error_buffer(nft));
	else if (j->out)
		buf_str(j->out, nft_ctx_get_output_buffer(nft));
	return nft;
}

static void *work(void *arg)
{
	struct job *j = arg;
	struct nft_ctx *nft = NULL;

	j->problem = enter(j->netns);
	if (!j->problem)
		nft = run(j);
	/* The job is its owner's from here on. Closing nft's socket takes 10 ms and
	 * more: the kernel first frees what the script has replaced. */
	sem_post(&j->done);
	if (nft)
		nft_ctx_free(nft);
	return NULL;
}

/* By a thread that enters the namespace and ends with it: setns(2) moves the
 * calling thread alone. */
static int start(struct job *j, struct err *e)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	sem_init(&j->done, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&thread, &attr, work, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r)
		return err_set(e, ERR_BROKEN, "nft in %s: no thread: %s", j->netns, strerror(r));
	while (sem_wait(&j->done))
		;
	sem_destroy(&j->done);
	return 0;
}

static int entering(const struct job *j, struct err *e)
{
	return err_set(e, ERR_BROKEN, "entering the network namespace %s: %s", j->netns, strerror(j->problem));
}

/* The first line is what is wrong, those after it point at the place. */
static int refused(const struct job *j, struct err *e)
{
	return err_set(e, ERR_BROKEN, "nft in %s: %.*s", j->netns, (int)strcspn(buf_cstr(&j->why), "\n"),
		       buf_cstr(&j->why));
}

int nft_run(const char *netns, const char *script, struct err *e)
{
	struct job j = {.netns = netns, .script = script};
	int r = start(&j, e);

	if (!r && j.problem)
		r = entering(&j, e);
	else if (!r && j.refused)
		r = refused(&j, e);
	buf_free(&j.why);
	return r;
}

int nft_delete_table(const char *netns, const char *table, struct err *e)
{
	struct buf script = {0};
	int r;

	if (strncmp(table, NFT_PREFIX, strlen(NFT_PREFIX)))
		return err_set(e, ERR_BROKEN, "nft table %s is none of ours", table);
	/* Adding first makes the deletion of a missing table no error. */
	buf_fmt(&script, "table inet %s\ndelete table inet %s\n", table, table);
	r = nft_run(netns, buf_cstr(&script), e);
	buf_free(&script);
	return r;
}

/* What nft answers, as JSON or as text. *there is false, and it is no error,
 * when what it was asked for is not there, or the namespace is no more. */
static int ask(const char *netns, const char *question, bool json, struct buf *answer, bool *there,
	       struct err *e)
{
	struct job j = {.netns = netns, .script = question, .json = json, .out = answer};
	int r = start(&j, e);

	*there = false;
	if (!r && j.problem)
		r = j.problem == ENOENT || j.problem == ESRCH ? 0 : entering(&j, e);
	else if (!r && j.refused)
		r = strstr(buf_cstr(&j.why), "No such file or directory") ? 0 : refused(&j, e);
	else if (!r)
		*there = true;
	buf_free(&j.why);
	return r;
}

/* The same, parsed; NULL without an error when there is nothing. */
static int ask_json(const char *netns, const char *question, cJSON **o, struct err *e)
{
	struct buf text = {0};
	bool there;
	int r = ask(netns, question, true, &text, &there, e);

	*o = !r && there ? json_parse(buf_cstr(&text), "nft", e) : NULL;
	buf_free(&text);
	return r || (there && !*o) ? -1 : 0;
}

int nft_counters(const char *netns, const char *table, bool *there, int64_t *in, int64_t *out,
		 struct err *e)
{
	struct buf question = {0};
	const cJSON *item;
	cJSON *o;
	int r;

	*there = false;
	*in = *out = 0;
	buf_fmt(&question, "list counters table inet %s", table);
	r = ask_json(netns, buf_cstr(&question), &o, e);
	buf_free(&question);
	cJSON_ArrayForEach(item, json_get(o, "nftables")) {
		const cJSON *c = json_get(item, "counter");

		if (!c)
			continue;
		*there = true;
		if (!strcmp(json_str(c, "name", ""), "cut_in"))
			*in = json_i64(c, "packets", 0);
		else if (!strcmp(json_str(c, "name", ""), "cut_out"))
			*out = json_i64(c, "packets", 0);
	}
	cJSON_Delete(o);
	return r;
}

/* Its text has the comment; nft's JSON had none before version 1.1. */
static int carries_mark(const char *netns, const char *table, bool *yes, struct err *e)
{
	struct buf question = {0}, text = {0};
	bool there;
	int r;

	buf_fmt(&question, "list table inet %s", table);
	r = ask(netns, buf_cstr(&question), false, &text, &there, e);
	*yes = !r && there && strstr(buf_cstr(&text), "\t" NFT_MARK "\n");
	buf_free(&question);
	buf_free(&text);
	return r;
}

int nft_our_tables(const char *netns, struct buf *names, struct err *e)
{
	const cJSON *item;
	cJSON *o;
	int r = ask_json(netns, "list tables inet", &o, e);

	cJSON_ArrayForEach(item, json_get(o, "nftables")) {
		const char *name = json_str(json_get(item, "table"), "name", "");
		bool ours = false;

		if (strncmp(name, NFT_PREFIX, strlen(NFT_PREFIX)))
			continue;
		if (carries_mark(netns, name, &ours, e))
			r = -1;
		if (ours)
			buf_fmt(names, "%s\n", name);
	}
	cJSON_Delete(o);
	return r;
}
