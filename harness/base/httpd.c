#include "base/httpd.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct MHD_Daemon *httpd_start(const struct httpd_conf *conf, struct err *e)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			 MHD_USE_POLL | MHD_USE_ITC | (conf->cert ? MHD_USE_TLS : 0U) |
			 (conf->at->sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	struct MHD_OptionItem some[7];
	struct MHD_Daemon *d;
	size_t n = 0;

	if (conf->connections_each)
		some[n++] = (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT,
						    conf->connections_each, NULL};
	if (conf->headers_bytes)
		some[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT,
						    (intptr_t)conf->headers_bytes, NULL};
	if (conf->on_connection)
		some[n++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_CONNECTION,
						    (intptr_t)conf->on_connection, conf->visits};
	if (conf->shared_port)
		some[n++] = (struct MHD_OptionItem){MHD_OPTION_LISTENING_ADDRESS_REUSE, 1, NULL};
	if (conf->cert) {
		some[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
						    (void *)(uintptr_t)conf->cert};
		some[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0,
						    (void *)(uintptr_t)conf->key};
	}
	some[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	errno = 0;
	d = MHD_start_daemon(flags, 0, NULL, NULL, conf->on_request, conf->arg,
			     MHD_OPTION_SOCK_ADDR, conf->at, MHD_OPTION_NOTIFY_COMPLETED,
			     conf->on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
			     conf->connections, MHD_OPTION_CONNECTION_TIMEOUT, conf->idle_s,
			     MHD_OPTION_ARRAY, some, MHD_OPTION_END);
	if (!d)
		err_set(e, ERR_BROKEN, "cannot listen on %s: %s", conf->listen,
			errno ? strerror(errno) : "libmicrohttpd refused");
	return d;
}

int httpd_port(struct MHD_Daemon *d)
{
	const union MHD_DaemonInfo *i = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);

	return i ? i->port : 0;
}

bool httpd_piece(struct buf *body, const char *data, size_t *size)
{
	if (!*size)
		return false;
	if (body)
		buf_add(body, data, *size);
	*size = 0;
	return true;
}

enum MHD_Result httpd_answer(struct MHD_Connection *c, int status, const char *type,
			     const char *text, size_t len, const char *header, const char *value)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, (void *)(uintptr_t)text,
								 MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (*header)
		MHD_add_response_header(r, header, value);
	queued = MHD_queue_response(c, (unsigned)status, r);
	MHD_destroy_response(r);
	return queued;
}
