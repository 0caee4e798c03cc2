#ifndef ORDEAL_BASE_ERR_H
#define ORDEAL_BASE_ERR_H

/* What went wrong, for a person: what was tried, on what, and what to do.
 * Functions that can fail return 0 or a negative number and take a
 * `struct err *` as their last parameter; it is never NULL. A zeroed struct
 * is a valid "no error". */

enum err_kind {
	ERR_NONE = 0,
	ERR_INPUT,       /* the user's file, option or choice is wrong: exit 2 */
	ERR_BROKEN,      /* the harness or its surroundings failed: exit 3 */
	ERR_UNSUPPORTED, /* this engine or kernel cannot do it: SKIP */
	ERR_REFUSED,     /* the place does not accept the fixture as it is: does not stand */
	ERR_INTERRUPTED, /* SIGINT or SIGTERM: exit 130 */
};

struct err {
	enum err_kind kind;
	int left_out; /* of err_add(): for which the message had no room */
	char msg[8192];
};

/* Sets *e and returns -1, so that a caller can write `return err_set(...)`. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds one more to what went wrong before (or nothing yet), on a line of its
 * own; `one` is empty then. When there is no room left they are counted. The
 * kind is the first one's, but an interruption or a break goes before a wrong
 * input, and that before a refusal. Returns -1. */
int err_add(struct err *all, struct err *one);

/* What err_add() has gathered, if it is anything: 0, or *e is that and -1 is
 * returned. */
int err_all(const struct err *all, struct err *e);

/* Puts "context: " in front of an error that a callee set. Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* clang's analyzer reads one file at a time: it shall know what they return. */
#ifdef __clang_analyzer__
#define err_set(...) ((err_set)(__VA_ARGS__), -1)
#define err_prefix(...) ((err_prefix)(__VA_ARGS__), -1)
#endif

#endif
