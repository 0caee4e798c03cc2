#include "base/resolve.h"

/* The words of Debian 12's c-ares, which later ones mark as old. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { RETRY_MS = 300 };

enum answer {
	ANSWER_FOUND,
	ANSWER_NONE,    /* the name does not exist, or has no such address */
	ANSWER_REFUSED, /* no server has an answer, and waiting would not help */
	ANSWER_LATE,    /* the time is over */
};

struct question {
	ares_channel channel;
	int type; /* ns_t_a, ns_t_aaaa */
	int64_t until_ns;
	char *out;
	bool answered;
	int status; /* c-ares' */
};

static bool is_address(const char *s)
{
	unsigned char a[16];

	return inet_pton(AF_INET, s, a) == 1 || inet_pton(AF_INET6, s, a) == 1;
}

/* The first address of the family that /etc/hosts has for the name. */
static bool in_hosts(ares_channel channel, const char *host, int family, char *out)
{
	struct hostent *h = NULL;

	if (ares_gethostbyname_file(channel, host, family, &h) != ARES_SUCCESS)
		return false;
	inet_ntop(family, h->h_addr_list[0], out, RESOLVE_ADDR_MAX);
	ares_free_hostent(h);
	return true;
}

/* Behind CNAMEs the address stands in the same answer. */
static int first_address(int type, const unsigned char *packet, int len, char *out)
{
	struct ares_addrttl v4;
	struct ares_addr6ttl v6;
	bool is_v4 = type == ns_t_a;
	int n = 1, status;

	status = is_v4 ? ares_parse_a_reply(packet, len, NULL, &v4, &n) :
		 ares_parse_aaaa_reply(packet, len, NULL, &v6, &n);
	if (status == ARES_SUCCESS && n < 1)
		status = ARES_ENODATA;
	if (status == ARES_SUCCESS)
		inet_ntop(is_v4 ? AF_INET : AF_INET6,
			  is_v4 ? (void *)&v4.ipaddr : (void *)&v6.ip6addr, out, RESOLVE_ADDR_MAX);
	return status;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *packet, int len)
{
	struct question *q = arg;

	(void)timeouts;
	q->answered = true;
	q->status = status == ARES_SUCCESS ? first_address(q->type, packet, len, q->out) : status;
}

/* Waits for whatever c-ares waits for, at most until the question's time is over. */
static void wait_on(struct question *q)
{
	ares_socket_t fds[ARES_GETSOCK_MAXNUM];
	struct pollfd p[ARES_GETSOCK_MAXNUM];
	/* Bit i: readable; bit 16 + i: writable. The macros for it shift into the sign. */
	unsigned wanted = (unsigned)ares_getsock(q->channel, fds, ARES_GETSOCK_MAXNUM);
	int64_t end_ns = q->until_ns, retry_ns;
	struct timeval tv;
	nfds_t n = 0;

	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = (short)((wanted >> i & 1 ? POLLIN : 0) |
				       (wanted >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0));

		if (events)
			p[n++] = (struct pollfd){.fd = fds[i], .events = events};
	}
	if (ares_timeout(q->channel, NULL, &tv)) {
		retry_ns = clock_mono_ns() + tv.tv_sec * NS_PER_S + tv.tv_usec * 1000;
		end_ns = retry_ns < end_ns ? retry_ns : end_ns;
	}
	if (!clock_poll_until(p, n, end_ns)) {
		ares_process_fd(q->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
		return;
	}
	for (nfds_t i = 0; i < n; i++) {
		bool broken = p[i].revents & (POLLERR | POLLHUP);

		ares_process_fd(q->channel,
				broken || p[i].revents & POLLIN ? p[i].fd : ARES_SOCKET_BAD,
				broken || p[i].revents & POLLOUT ? p[i].fd : ARES_SOCKET_BAD);
	}
}

/* One name, at one server after the other, again and again. c-ares asks each
 * but once: it would wait twice as long with each round, and from one port,
 * behind which connection tracking may keep the server that does not answer. */
static enum answer ask(struct question *q, const char *name)
{
	q->status = ARES_ETIMEOUT;
	while (q->status == ARES_ETIMEOUT && clock_mono_ns() < q->until_ns) {
		q->answered = false;
		ares_query(q->channel, name, ns_c_in, q->type, on_answer, q);
		while (!q->answered && clock_mono_ns() < q->until_ns)
			wait_on(q);
		if (!q->answered)
			ares_cancel(q->channel); /* answers with ARES_ECANCELLED */
	}
	switch (q->status) {
	case ARES_SUCCESS:
		return ANSWER_FOUND;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return ANSWER_NONE;
	case ARES_ETIMEOUT:
	case ARES_ECANCELLED:
		return ANSWER_LATE;
	default:
		return ANSWER_REFUSED;
	}
}

/* res_search(3): a name with ndots dots or more is tried as it is first.
 * c-ares' own search would end at a domain whose servers fail. */
static enum answer search(struct question *q, const struct ares_options *conf, const char *host)
{
	size_t len = strlen(host);
	bool full = len && host[len - 1] == '.';
	enum answer a = ANSWER_NONE;
	int dots = 0;
	char name[600];

	for (const char *p = host; *p; p++)
		dots += *p == '.';
	if (full || dots >= conf->ndots)
		a = ask(q, host);
	if (full || a == ANSWER_FOUND || a == ANSWER_LATE)
		return a;
	for (int i = 0; i < conf->ndomains; i++) {
		snprintf(name, sizeof(name), "%s.%s", host, conf->domains[i]);
		a = ask(q, name);
		if (a == ANSWER_FOUND || a == ANSWER_LATE)
			return a;
	}
	return dots >= conf->ndots ? a : ask(q, host);
}

/* Both families, by the channel's resolv.conf. */
static enum answer look_up(ares_channel channel, const char *host, int64_t until_ns, char *out)
{
	struct question q = {.channel = channel, .type = ns_t_a, .until_ns = until_ns, .out = out};
	struct ares_options conf;
	enum answer a = ANSWER_REFUSED;
	int mask;

	if (in_hosts(channel, host, AF_INET, out) || in_hosts(channel, host, AF_INET6, out))
		return ANSWER_FOUND;
	if (ares_save_options(channel, &conf, &mask) == ARES_SUCCESS) {
		a = search(&q, &conf, host);
		q.type = ns_t_aaaa;
		if (a == ANSWER_NONE)
			a = search(&q, &conf, host);
	}
	ares_destroy_options(&conf);
	return a;
}

bool resolve_listed(const char *name, char out[RESOLVE_ADDR_MAX])
{
	const char *path = getenv("ORDEAL_HOSTS");
	FILE *f = path && *path ? fopen(path, "re") : NULL;
	char line[256], addr[RESOLVE_ADDR_MAX], host[128];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%63s %127s", addr, host) == 2 && !strcmp(host, name);
	if (f)
		fclose(f);
	if (found)
		mem_copy_str(out, RESOLVE_ADDR_MAX, addr);
	return found;
}

int resolve_host(const struct resolver *r, const char *host, int64_t until_ns,
		 char out[RESOLVE_ADDR_MAX], char *error, size_t size)
{
	struct ares_options o = {.timeout = RETRY_MS, .tries = 1, .lookups = (char *)"b"};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS, status;
	ares_channel channel;
	enum answer a;

	if (is_address(host)) {
		mem_copy_str(out, RESOLVE_ADDR_MAX, host);
		return 0;
	}
	if (resolve_listed(host, out))
		return 0;
	if (r && r->resolv_conf) {
		o.resolvconf_path = (char *)r->resolv_conf;
		mask |= ARES_OPT_RESOLVCONF;
	}
	if (r && r->port) {
		o.udp_port = o.tcp_port = (unsigned short)r->port;
		mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
	}
	/* A channel a question: resolv.conf as it is now, and no lock. */
	status = ares_init_options(&channel, &o, mask);
	if (status != ARES_SUCCESS) {
		snprintf(error, size, "c-ares: %s", ares_strerror(status));
		return -1;
	}
	a = look_up(channel, host, until_ns, out);
	ares_destroy(channel);
	if (a == ANSWER_FOUND)
		return 0;
	snprintf(error, size, a == ANSWER_NONE ? "%s does not exist" :
		 a == ANSWER_REFUSED ? "the name server has no answer for %s" :
		 "no answer in time for %s", host);
	return -1;
}
