#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/tame.h"
#include "cmd/cmd.h"
#include "engine/choose.h"
#include "engine/engine.h"

static const char usage[] =
"usage: ordeal up|down|status|recover [--engine NAME]\n\n"
"  --engine NAME   see `ordeal list engines`; without it, up takes the one that\n"
"                  `ordeal run` would, and the others see to docker and kind both\n"
"  --kubeconfig FILE, --context NAME, --namespace NAME   for the engine kube\n\n"
"up brings up what the engine runs on, down removes it and leaves nothing,\n"
"status says what is up, and recover undoes every fault and removes what any\n"
"run left, saying what it found.\n";

#define LOCK_WITHIN_NS (60 * NS_PER_S)

static int status(struct engine *en, const struct engine_ops *ops, struct err *e)
{
	struct buf text = {0};
	bool healthy = false;
	int r = ops->status(en, &text, &healthy, e);

	if (text.s)
		tame(text.s, "\n\t");
	fputs(buf_cstr(&text), stdout);
	buf_free(&text);
	if (r)
		return cmd_fail(e);
	return healthy ? EXIT_PASSED : EXIT_BROKEN;
}

static int recover(struct engine *en, const struct engine_ops *ops, struct err *e)
{
	cJSON *found = cJSON_CreateArray(), *item;
	int r = ops->recover(en, found, e);

	cJSON_ArrayForEach(item, found) {
		tame(item->valuestring, "\n\t");
		printf("%s\n", item->valuestring);
	}
	if (!r && !cJSON_GetArraySize(found))
		printf("clean: nothing of any run was found on engine %s\n", ops->name);
	cJSON_Delete(found);
	return r ? cmd_fail(e) : EXIT_PASSED;
}

static int act(const char *what, struct engine *en, const struct engine_ops *ops, struct err *e)
{
	if (!strcmp(what, "status"))
		return status(en, ops, e);
	if (ops->lock(en, clock_mono_ns() + LOCK_WITHIN_NS, e))
		return cmd_fail(e);
	if (!strcmp(what, "recover"))
		return recover(en, ops, e);
	if (!strcmp(what, "up") ? ops->up(en, e) : ops->down(en, e))
		return cmd_fail(e);
	return EXIT_PASSED;
}

static int on_engine(const char *what, const struct engine_ops *ops, const struct engine_conf *conf)
{
	struct engine *en;
	struct err e = {0};
	int r;

	if (ops->open(conf, &en, &e))
		return cmd_fail(&e);
	r = act(what, en, ops, &e);
	ops->close(en);
	return r;
}

/* Without a name. The engine docker first: kind's end may be Docker's. */
static int on_both(const char *what, const struct engine_conf *conf)
{
	static const char *const names[] = {"docker", "kind"};
	int worst = EXIT_PASSED, best = EXIT_BROKEN;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = on_engine(what, engine_find(names[i]), conf);

		worst = r > worst ? r : worst;
		best = r < best ? r : best;
	}
	return strcmp(what, "status") ? worst : best;
}

int cmd_place(int argc, char **argv)
{
	static const struct option opts[] = {
		{"engine", 1, NULL, 'e'}, {"kubeconfig", 1, NULL, 'K'}, {"context", 1, NULL, 'C'},
		{"namespace", 1, NULL, 'N'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0},
	};
	struct engine_conf conf = {.run_id = "none", .interrupted = cmd_interrupted()};
	const struct engine_ops *ops;
	const char *name = "auto";
	struct err e = {0};
	char why[400];
	int c;

	while ((c = getopt_long(argc, argv, ":h", opts, NULL)) != -1) {
		switch (c) {
		case 'e': name = optarg; break;
		case 'K': conf.kubeconfig = optarg; break;
		case 'C': conf.context = optarg; break;
		case 'N': conf.namespace = optarg; break;
		case 'h': fputs(usage, stdout); return 0;
		default: return cmd_bad_option(argv, c);
		}
	}
	if (optind < argc)
		return cmd_usage(argv[0], "\"%s\" is not an option", argv[optind]);
	if (!strcmp(name, "auto") && strcmp(argv[0], "up"))
		return on_both(argv[0], &conf);
	if (!strcmp(name, "auto")) {
		ops = engine_choose(why, sizeof(why), &e);
		if (!ops)
			return cmd_fail(&e);
		log_info("%s", why);
	} else {
		ops = engine_find(name);
	}
	if (!ops)
		return cmd_usage(argv[0], "no engine is called \"%s\"", name);
	return on_engine(argv[0], ops, &conf);
}
