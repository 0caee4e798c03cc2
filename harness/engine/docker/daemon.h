#ifndef ORDEAL_ENGINE_DOCKER_DAEMON_H
#define ORDEAL_ENGINE_DOCKER_DAEMON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Docker's Engine API over its Unix socket (docs.docker.com/engine/api,
 * version 1.41, which Debian's Docker 20.10 and all later ones speak). Any
 * thread may call: each call is a connection of its own. Errors carry the
 * daemon's own message. */

struct docker_api {
	char socket[108]; /* set by docker_api_init() */
};

/* The socket of $DOCKER_HOST (unix://...), or /var/run/docker.sock. */
int docker_api_init(struct docker_api *d, struct err *e);

/* One exchange; 0 for any HTTP answer. `body` and `out` may be NULL. */
int docker_http(const struct docker_api *d, const char *method, const char *path, const cJSON *body,
		int64_t timeout_ns, struct buf *out, int *status, struct err *e);

/* The same, and a status of 300 or more is an error, but for `but` (0: none):
 * 404 or 409 where that is fine. *out (may be NULL) is the caller's. `what`
 * begins the error: "cannot WHAT: ...". */
int docker_do(const struct docker_api *d, const char *method, const char *path, const cJSON *body,
	      int but, cJSON **out, const char *what, struct err *e);

struct docker_state {
	bool running;
	pid_t pid;
	int exit_code;
	bool oom;
	char finished[40]; /* RFC 3339 */
	char stop_signal[24]; /* the image's or "" */
};

/* The user that an image names, "" for none; 1: there is no such image. */
int docker_image_user(const struct docker_api *d, const char *image, char user[256], struct err *e);

/* Into a HostConfig: a container's log takes as much of the disk as a kubelet lets it, and can
 * be read, whatever Docker's own default is. */
void docker_bound_log(cJSON *host);

/* Makes a container; `id` gets its full ID. */
int docker_create(const struct docker_api *d, const char *name, const cJSON *body, char id[80],
		  struct err *e);
int docker_start(const struct docker_api *d, const char *id, struct err *e);
int docker_look(const struct docker_api *d, const char *id, struct docker_state *out,
		struct err *e);
/* A container that is gone or does not run is fine for these two. */
int docker_signal(const struct docker_api *d, const char *id, const char *signal, struct err *e);
int docker_remove(const struct docker_api *d, const char *id, struct err *e);

/* Runs a command in a container and waits for its end, at most timeout_ns
 * (then *exit_code is -1). What it prints is added to `said` (may be NULL). */
int docker_exec(const struct docker_api *d, const char *id, const cJSON *argv, int64_t timeout_ns,
		struct buf *said, int *exit_code, struct err *e);

/* The last lines of a container's log, both streams in order. */
int docker_logs(const struct docker_api *d, const char *id, int lines, bool timestamps,
		struct buf *out, struct err *e);

/* Takes the frames off a log or exec stream (docs: "Stream format"): 1 byte
 * stream, 3 zero, 4 length, big endian. A torn last frame is cut. */
void docker_demultiplex(const char *data, size_t len, struct buf *out);

#endif
