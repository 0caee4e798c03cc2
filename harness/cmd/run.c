#include <dirent.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "engine/choose.h"
#include "engine/images.h"
#include "run/run.h"
#include "yaml/yaml.h"

static const char usage[] =
"usage: ordeal run [OPTIONS] SCENARIO.yaml...\n"
"       ordeal run [OPTIONS] --suite FILE\n"
"       ordeal run [OPTIONS] --all\n\n"
"  --engine NAME        where to run (see `ordeal list engines`); auto, the default, is\n"
"                       kind if a cluster is up or soon can be, else docker\n"
"  --suite FILE         the scenarios that FILE names, one a line, as --all would run them\n"
"  --all                every scenario in scenarios/ that the engine can run, system by\n"
"                       system, the shortest first\n"
"  --set NAME=VALUE     change a setting of the system (again for more)\n"
"  --repeat N           each scenario N times, with seeds derived from the run's, the first\n"
"                       fault at a random phase; the report adds medians and intervals\n"
"  --phase SECONDS      with --repeat: that random wait is below this (default 10)\n"
"  --seed N             seed of all random choices; printed, so that a run can be repeated\n"
"  --reports DIR        where the run's folder goes (default: reports/)\n"
"  --dry-run            check everything and print the plan; touches nothing\n"
"  --keep               leave the system and the agents as they are at the end\n"
"  --kubeconfig FILE, --context NAME, --namespace NAME   for the engine kube, as are\n"
"  --storage-class NAME the class of all claims; without it those of classes that the cluster\n"
"                       lacks get its default class\n"
"  --claim-max SIZE     claims are lowered to this (1Gi for those of another class)\n"
"  --image-prefix FROM=TO   where images are pulled from instead (again for more):\n"
"                       docker.io=mirror.example makes redis:7 mirror.example/library/redis:7\n";

/* Longer than the cycles that the systems turn in: Patroni's loop_wait is 10 s. */
#define PHASE_MAX_NS (10 * NS_PER_S)

enum { REPEAT_MAX = 1000 };

struct args {
	struct run_options o;
	struct arena arena;
	const char **files;
	size_t nfiles, afiles;
	struct setting_arg *sets;
	size_t nsets, asets;
	const char **prefixes;
	size_t nprefixes, aprefixes;
	const char *suite;
	bool all;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Can the engine, whatever `auto` will be, run the file's system? A file that
 * cannot be read is kept: the run says what is wrong with it. */
static bool fits(struct arena *a, const struct engine_ops *engine, const char *file)
{
	const struct ynode *system = NULL;
	struct ynode **docs;
	struct err e = {0};
	size_t n = 0;

	if (!engine)
		engine = engine_find("docker");
	if (yaml_read_file(a, file, &docs, &n, &e) == 0 && n)
		system = yaml_get(docs[0], "system");
	return !system || !system->text || engine_runs(engine, system->text, &e);
}

static int add_all(struct args *a, struct err *e)
{
	char root[PATH_MAX];
	const char *dir;
	struct dirent *d;
	DIR *f;

	if (file_project_root(root, e))
		return -1;
	dir = arena_fmt(&a->arena, "%s/scenarios", root);
	f = opendir(dir);
	if (!f)
		return err_set(e, ERR_INPUT, "cannot read %s", dir);
	while ((d = readdir(f))) {
		const char *path = arena_fmt(&a->arena, "%s/%s", dir, d->d_name);
		size_t len = strlen(d->d_name);

		if (len > 5 && !strcmp(d->d_name + len - 5, ".yaml") &&
		    fits(&a->arena, a->o.engine, path))
			*VEC_PUSH(a->files, a->nfiles, a->afiles) = path;
	}
	closedir(f);
	qsort(a->files, a->nfiles, sizeof(*a->files), by_name);
	if (!a->nfiles)
		return err_set(e, ERR_INPUT, "no scenario in %s is for engine %s", dir,
			       a->o.engine ? a->o.engine->name : "auto");
	a->o.by_length = true;
	return 0;
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t\r");
	return !*line || *line == '#';
}

/* The scenarios that a suite names lie beside it. */
static int add_suite(struct args *a, struct err *e)
{
	const char *slash = strrchr(a->suite, '/');
	int dir = slash ? (int)(slash - a->suite) : 0;
	struct buf b = {.cap = 1 << 20};
	char *line, *rest;
	int r = -1;

	if (file_read(a->suite, &b, e))
		goto out;
	rest = arena_strdup(&a->arena, buf_cstr(&b));
	while ((line = strsep(&rest, "\n"))) {
		const char *path;

		if (is_comment(line))
			continue;
		line[strcspn(line, " \t\r")] = '\0';
		path = arena_fmt(&a->arena, "%.*s/%s.yaml", dir ? dir : 1, dir ? a->suite : ".", line);
		if (fits(&a->arena, a->o.engine, path))
			*VEC_PUSH(a->files, a->nfiles, a->afiles) = path;
	}
	if (!a->nfiles) {
		err_set(e, ERR_INPUT, "%s: no scenario in it is for engine %s", a->suite,
			a->o.engine ? a->o.engine->name : "auto");
		goto out;
	}
	a->o.by_length = true;
	r = 0;
out:
	buf_free(&b);
	return r;
}

static int add_set(struct args *a, const char *arg)
{
	const char *eq = strchr(arg, '=');
	struct setting_arg *s;

	if (!eq || eq == arg || !eq[1])
		return cmd_usage("run", "--set wants NAME=VALUE, not \"%s\"", arg);
	s = VEC_PUSH(a->sets, a->nsets, a->asets);
	s->name = arena_fmt(&a->arena, "%.*s", (int)(eq - arg), arg);
	s->value = arena_strdup(&a->arena, eq + 1);
	return 0;
}

static int read_seed(struct args *a, const char *arg)
{
	char *end;

	a->o.seed = strtoull(arg, &end, 0);
	if (!*arg || *arg == '-' || *end)
		return cmd_usage("run", "--seed wants a number, not \"%s\"", arg);
	return 0;
}

static int read_repeat(struct args *a, const char *arg)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (!*arg || *end || n < 1 || n > REPEAT_MAX)
		return cmd_usage("run", "--repeat wants a number from 1 to %d, not \"%s\"", REPEAT_MAX,
				 arg);
	a->o.repeat = (int)n;
	return 0;
}

static int read_phase(struct args *a, const char *arg)
{
	char *end;
	double v = strtod(arg, &end);

	if (!*arg || *end || !(v >= 0 && v <= 3600))
		return cmd_usage("run", "--phase wants seconds, not \"%s\"", arg);
	a->o.phase_max_ns = (int64_t)(v * 1e9);
	return 0;
}

static int add_prefix(struct args *a, const char *arg)
{
	const char *wrong = images_bad_prefix(arg);

	if (wrong)
		return cmd_usage("run", "--image-prefix \"%.80s\": %s", arg, wrong);
	*VEC_PUSH(a->prefixes, a->nprefixes, a->aprefixes) = arg;
	return 0;
}

static int read_claim_max(struct args *a, const char *arg)
{
	a->o.claim_max_bytes = quantity_bytes(arg);
	return a->o.claim_max_bytes > 0 ? 0 : cmd_usage("run", "--claim-max wants a size, such as 2Gi, not \"%.80s\"", arg);
}

/* What other engines would not look at. */
static int only_kube(const struct args *a)
{
	const char *flag = a->o.storage_class ? "--storage-class" : a->o.claim_max_bytes ? "--claim-max" :
			   a->nprefixes ? "--image-prefix" : NULL;

	if (!flag || (a->o.engine && !strcmp(a->o.engine->name, "kube")))
		return 0;
	return cmd_usage("run", "%s is for --engine kube", flag);
}

static void name_command(struct args *a, int argc, char **argv)
{
	struct buf b = {0};
	bool seeded = false;

	buf_str(&b, "ordeal");
	for (int i = 0; i < argc; i++) {
		buf_fmt(&b, " %s", argv[i]);
		seeded = seeded || !strncmp(argv[i], "--seed", 6);
	}
	if (!seeded)
		buf_fmt(&b, " --seed %llu", (unsigned long long)a->o.seed);
	a->o.command = arena_strdup(&a->arena, buf_cstr(&b));
	buf_free(&b);
}

/* Returns 0 to go on, 1 when all is said, or an exit code below 0 negated. */
static int parse(struct args *a, int argc, char **argv)
{
	static const struct option opts[] = {
		{"engine", 1, NULL, 'e'}, {"all", 0, NULL, 'a'}, {"suite", 1, NULL, 'u'},
		{"set", 1, NULL, 's'},
		{"seed", 1, NULL, 'S'}, {"reports", 1, NULL, 'r'}, {"dry-run", 0, NULL, 'n'},
		{"keep", 0, NULL, 'k'}, {"kubeconfig", 1, NULL, 'K'}, {"context", 1, NULL, 'C'},
		{"namespace", 1, NULL, 'N'}, {"repeat", 1, NULL, 'R'}, {"phase", 1, NULL, 'p'},
		{"storage-class", 1, NULL, 'c'}, {"claim-max", 1, NULL, 'm'}, {"image-prefix", 1, NULL, 'i'},
		{"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0},
	};
	const char *engine = "auto";
	int c, r = 0;

	while (!r && (c = getopt_long(argc, argv, ":h", opts, NULL)) != -1) {
		switch (c) {
		case 'e': engine = optarg; break;
		case 'a': a->all = true; break;
		case 'u': a->suite = optarg; break;
		case 's': r = -add_set(a, optarg); break;
		case 'S': r = -read_seed(a, optarg); break;
		case 'R': r = -read_repeat(a, optarg); break;
		case 'p': r = -read_phase(a, optarg); break;
		case 'r': a->o.reports_dir = optarg; break;
		case 'n': a->o.dry_run = true; break;
		case 'k': a->o.keep = true; break;
		case 'K': a->o.kubeconfig = optarg; break;
		case 'C': a->o.context = optarg; break;
		case 'N': a->o.namespace = optarg; break;
		case 'c': a->o.storage_class = optarg; break;
		case 'm': r = -read_claim_max(a, optarg); break;
		case 'i': r = -add_prefix(a, optarg); break;
		case 'h': fputs(usage, stdout); return 1;
		default: return -cmd_bad_option(argv, c);
		}
	}
	a->o.engine = engine_find(engine);
	if (!r && !a->o.engine && strcmp(engine, "auto"))
		r = -cmd_usage("run", "no engine is called \"%s\"", engine);
	if (!r)
		r = -only_kube(a);
	for (int i = optind; !r && i < argc; i++)
		*VEC_PUSH(a->files, a->nfiles, a->afiles) = argv[i];
	if (!r && a->all + (a->suite != NULL) + (a->nfiles > 0) != 1)
		r = -cmd_usage("run", "name scenario files, or --suite FILE, or --all");
	return r;
}

static int exit_code(int r, const struct err *e, enum verdict v)
{
	if (r)
		return cmd_fail(e);
	switch (v) {
	case VERDICT_PASS:
	case VERDICT_SKIP:
		return EXIT_PASSED;
	case VERDICT_FAIL:
		return EXIT_FAILED;
	default:
		return EXIT_BROKEN;
	}
}

int cmd_run(int argc, char **argv)
{
	struct args a = {.o = {.seed = (uint64_t)clock_real_ns() >> 10,
				 .phase_max_ns = PHASE_MAX_NS}};
	enum verdict verdict = VERDICT_BROKEN;
	struct err e = {0};
	int r;

	r = parse(&a, argc, argv);
	if (r) {
		r = r > 0 ? 0 : -r;
		goto out;
	}
	if ((a.all && add_all(&a, &e)) || (a.suite && add_suite(&a, &e))) {
		r = cmd_fail(&e);
		goto out;
	}
	name_command(&a, argc, argv);
	a.o.files = a.files;
	a.o.nfiles = a.nfiles;
	a.o.sets = a.sets;
	a.o.nsets = a.nsets;
	a.o.image_prefixes = a.prefixes;
	a.o.nimage_prefixes = a.nprefixes;
	a.o.interrupted = cmd_interrupted();
	r = run_suite(&a.o, &verdict, &e);
	r = exit_code(r, &e, verdict);
out:
	free(a.files);
	free(a.sets);
	free(a.prefixes);
	arena_free(&a.arena);
	return r;
}
