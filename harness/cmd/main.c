#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/mem.h"
#include "base/version.h"
#include "cmd/cmd.h"
#include "engine/docker_guard.h"
#include "system/memory_server.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary; /* NULL: not for people */
};

static const struct command commands[] = {
	{"run", cmd_run, "run scenarios and report"},
	{"up", cmd_place, "bring up the place that an engine needs (a kind cluster)"},
	{"down", cmd_place, "take it down again, leaving nothing"},
	{"status", cmd_place, "say what is up"},
	{"recover", cmd_place, "undo every fault and remove what any run left"},
	{"report", cmd_report, "make the reports of a run again from its stored files"},
	{"compare", cmd_compare, "put two runs side by side"},
	{"list", cmd_list, "list engines, systems, faults, scenarios or checkers"},
	{"load-agent", load_agent_main, NULL},
	{"node-agent", node_agent_main, NULL},
	{"docker-guard", docker_guard_main, NULL},
	{"memory-server", memory_server_main, NULL},
};

/* The one piece of state that a signal handler can reach. */
static volatile int interrupted_by;

static void on_signal(int sig)
{
	static const char said[] = "\ninterrupted: undoing faults and cleaning up; "
				   "once more ends at once (then run `ordeal recover`)\n";

	if (interrupted_by)
		_exit(EXIT_INTERRUPTED);
	interrupted_by = sig;
	if (write(STDERR_FILENO, said, sizeof(said) - 1) < 0)
		return;
}

const volatile int *cmd_interrupted(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	return &interrupted_by;
}

int cmd_fail(const struct err *e)
{
	fprintf(stderr, "ordeal: %s\n", e->msg);
	if (e->kind == ERR_INTERRUPTED)
		return EXIT_INTERRUPTED;
	return e->kind == ERR_INPUT ? EXIT_USAGE : EXIT_BROKEN;
}

int cmd_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "ordeal %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see `ordeal %s --help`\n", command);
	return EXIT_USAGE;
}

int cmd_bad_option(char **argv, int c)
{
	const char *option = argv[optind - 1];

	return c == ':' ? cmd_usage(argv[0], "%s wants a value", option)
			: cmd_usage(argv[0], "%s is not an option", option);
}

static void help(FILE *f)
{
	fputs("usage: ordeal COMMAND [OPTIONS]\n\n"
	      "Puts stateful systems on trial: drives them with real clients, injects faults,\n"
	      "and measures failover time, acknowledged data lost, and recovery.\n\n"
	      "commands:\n", f);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].summary)
			fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
	}
	fputs("\n`ordeal COMMAND --help` tells more.\n\n"
	      "exit codes: 0 all passed, 1 an expectation failed, 2 bad usage or input,\n"
	      "3 broken or undecided, 130 interrupted\n", f);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("ordeal %s\n", ORDEAL_VERSION);
		return 0;
	}
	/* A peer that goes away is an error to report, never a reason to die. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "ordeal: no command is called \"%s\"; see `ordeal --help`\n", argv[1]);
	return EXIT_USAGE;
}
