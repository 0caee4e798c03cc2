#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "cmd/cmd.h"
#include "engine/docker/guard.h"
#include "memoryd/server.h"

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
	      "3 broken, undecided or nothing tried, 130 interrupted\n", f);
}

/* What was to be printed and could not be (a full disk) is no success. */
static int said(int code)
{
	bool lost = ferror(stdout);

	if (!fflush(stdout) && !lost)
		return code;
	fprintf(stderr, "ordeal: cannot write to standard output\n");
	return code == EXIT_PASSED || code == EXIT_FAILED ? EXIT_BROKEN : code;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return said(0);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("ordeal %s\n", ORDEAL_VERSION);
		return said(0);
	}
	/* A peer that goes away is an error to report, never a reason to die. */
	signal(SIGPIPE, SIG_IGN);
	/* So is a file that may not grow any more. */
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return said(commands[i].run(argc - 1, argv + 1));
	}
	log_error("ordeal: no command is called \"%s\"; see `ordeal --help`", argv[1]);
	return EXIT_USAGE;
}
