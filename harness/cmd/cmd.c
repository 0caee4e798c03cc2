/* What all commands share. */
#include "cmd/cmd.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

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
	struct sigaction sa = {.sa_handler = on_signal}, before;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* Under nohup a hang-up is ignored, and stays so. */
	if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &sa, NULL);
	return &interrupted_by;
}

int cmd_fail(const struct err *e)
{
	const char *line = e->msg;
	size_t len;

	do {
		len = strcspn(line, "\n");
		log_error("ordeal: %.*s", (int)len, line);
		line += len;
	} while (*line++);
	if (e->kind == ERR_INTERRUPTED)
		return EXIT_INTERRUPTED;
	return e->kind == ERR_INPUT ? EXIT_USAGE : EXIT_BROKEN;
}

int cmd_usage(const char *command, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	log_error("ordeal %s: %s; see `ordeal %s --help`", command, buf_cstr(&b), command);
	buf_free(&b);
	return EXIT_USAGE;
}

int cmd_bad_option(char **argv, int c)
{
	const char *option = argv[optind - 1];

	return c == ':' ? cmd_usage(argv[0], "%s wants a value", option)
			: cmd_usage(argv[0], "%s is not an option", option);
}
