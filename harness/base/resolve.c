#include "base/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	TYPE_A = 1,
	TYPE_AAAA = 28,
	NAME_MAX_BYTES = 255,
	QUESTION_MAX = 300,
	SERVERS_MAX = 3,  /* resolv.conf(5): MAXNS */
	SEARCH_MAX = 16,
	RETRY_MS = 300,
};

struct conf {
	char server[SERVERS_MAX][RESOLVE_ADDR_MAX];
	int nservers;
	char search[SEARCH_MAX][256];
	int nsearch;
	int ndots;
};

static bool is_address(const char *s)
{
	unsigned char a[16];

	return inet_pton(AF_INET, s, a) == 1 || inet_pton(AF_INET6, s, a) == 1;
}

static char *word(char **at)
{
	return strtok_r(NULL, " \t\r\n", at);
}

static void read_line(struct conf *c, char *line)
{
	char *at, *key = strtok_r(line, " \t\r\n", &at), *w;

	if (!key || *key == '#' || *key == ';')
		return;
	if (!strcmp(key, "nameserver")) {
		w = word(&at);
		if (w && is_address(w) && c->nservers < SERVERS_MAX)
			mem_copy_str(c->server[c->nservers++], RESOLVE_ADDR_MAX, w);
	} else if (!strcmp(key, "search") || !strcmp(key, "domain")) {
		/* The last of them counts. */
		for (c->nsearch = 0; c->nsearch < SEARCH_MAX && (w = word(&at));)
			mem_copy_str(c->search[c->nsearch++], sizeof(c->search[0]), w);
	} else if (!strcmp(key, "options")) {
		while ((w = word(&at))) {
			if (!strncmp(w, "ndots:", 6))
				c->ndots = atoi(w + 6);
		}
	}
}

static void read_conf(const char *path, struct conf *c)
{
	FILE *f = fopen(path, "re");
	char line[1024];

	memset(c, 0, sizeof(*c));
	c->ndots = 1;
	while (f && fgets(line, sizeof(line), f))
		read_line(c, line);
	if (f)
		fclose(f);
	if (!c->nservers)
		mem_copy_str(c->server[c->nservers++], RESOLVE_ADDR_MAX, "127.0.0.1");
}

/* The first address of the family that /etc/hosts has for the name. */
static bool in_hosts(const char *path, const char *host, int family, char *out)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned char bin[16];
		char *at, *addr, *name;

		line[strcspn(line, "#")] = '\0';
		addr = strtok_r(line, " \t\r\n", &at);
		if (!addr || inet_pton(family, addr, bin) != 1)
			continue;
		while (!found && (name = word(&at)))
			found = !strcasecmp(name, host);
		if (found)
			mem_copy_str(out, RESOLVE_ADDR_MAX, addr);
	}
	if (f)
		fclose(f);
	return found;
}

size_t resolve_question(uint16_t id, const char *name, int type, unsigned char *out)
{
	/* Recursion desired; one question. */
	const unsigned char head[12] = {(unsigned char)(id >> 8), (unsigned char)id, 1, 0, 0, 1};
	size_t n = sizeof(head);

	memcpy(out, head, sizeof(head));
	while (*name && strcmp(name, ".")) {
		size_t len = strcspn(name, ".");

		if (!len || len > 63 || n + len + 1 > sizeof(head) + NAME_MAX_BYTES - 1)
			return 0;
		out[n++] = (unsigned char)len;
		memcpy(out + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	out[n++] = 0;
	out[n++] = 0;
	out[n++] = (unsigned char)type;
	out[n++] = 0;
	out[n++] = 1; /* class IN */
	return n;
}

/* Where the name at `at` ends (compressed or not); 0 when it is malformed. */
static size_t skip_name(const unsigned char *p, size_t len, size_t at)
{
	while (at < len) {
		if ((p[at] & 0xc0) == 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (p[at] & 0xc0)
			return 0;
		if (!p[at])
			return at + 1;
		at += (size_t)p[at] + 1;
	}
	return 0;
}

static unsigned get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* The question comes back as it was asked, letter case apart. */
static bool same_question(const unsigned char *q, const unsigned char *p, size_t qlen, size_t len)
{
	if (len < qlen || q[0] != p[0] || q[1] != p[1] || !(p[2] & 0x80) || get16(p + 4) != 1)
		return false;
	for (size_t i = 12; i < qlen; i++) {
		unsigned char a = q[i], b = p[i];

		if (a != b && !(a >= 'A' && a <= 'Z' && b == a + 32) &&
		    !(b >= 'A' && b <= 'Z' && a == b + 32))
			return false;
	}
	return true;
}

enum resolve_answer resolve_parse(const unsigned char *question, size_t qlen,
				  const unsigned char *packet, size_t len,
				  char out[RESOLVE_ADDR_MAX])
{
	unsigned type = get16(question + qlen - 4), rcode, answers;
	size_t at = qlen, rdlen;

	if (!same_question(question, packet, qlen, len))
		return RESOLVE_OTHER;
	rcode = packet[3] & 15;
	if (rcode == 3)
		return RESOLVE_NONE;
	if (rcode)
		return RESOLVE_REFUSED;
	for (answers = get16(packet + 6); answers; answers--) {
		at = skip_name(packet, len, at);
		if (!at || at + 10 > len)
			return RESOLVE_REFUSED;
		rdlen = get16(packet + at + 8);
		if (at + 10 + rdlen > len)
			return RESOLVE_REFUSED;
		/* Behind CNAMEs the address stands in the same answer. */
		if (get16(packet + at) == type && rdlen == (type == TYPE_A ? 4u : 16u)) {
			inet_ntop(type == TYPE_A ? AF_INET : AF_INET6, packet + at + 10, out,
				  RESOLVE_ADDR_MAX);
			return RESOLVE_FOUND;
		}
		at += 10 + rdlen;
	}
	return RESOLVE_NONE;
}

static int connect_udp(const char *server, int port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	bool is_v4 = inet_pton(AF_INET, server, &v4.sin_addr) == 1;
	int fd;

	if (!is_v4 && inet_pton(AF_INET6, server, &v6.sin6_addr) != 1)
		return -1;
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			       is_v4 ? sizeof(v4) : sizeof(v6))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Waits for one server's answer, at most RETRY_MS. RESOLVE_OTHER: none. */
static enum resolve_answer await_answer(int fd, const unsigned char *q, size_t qlen,
					int64_t until_ns, char *out)
{
	int64_t end_ns = clock_mono_ns() + RETRY_MS * NS_PER_MS;
	enum resolve_answer a = RESOLVE_OTHER;
	unsigned char packet[1500];
	ssize_t n;

	if (end_ns > until_ns)
		end_ns = until_ns;
	while (a == RESOLVE_OTHER && clock_wait_fd(fd, POLLIN, end_ns)) {
		n = recv(fd, packet, sizeof(packet), 0);
		if (n >= 0)
			a = resolve_parse(q, qlen, packet, (size_t)n, out);
		else if (errno == ECONNREFUSED)
			return RESOLVE_REFUSED;
	}
	return a;
}

/* One name at one server after the other. RESOLVE_OTHER: time is over. */
static enum resolve_answer ask(const struct conf *c, int port, const char *name, int type,
			       int64_t until_ns, char *out)
{
	unsigned char q[QUESTION_MAX];
	uint16_t id;
	size_t len;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		id = (uint16_t)clock_mono_ns();
	len = resolve_question(id, name, type, q);
	if (!len)
		return RESOLVE_NONE;
	for (int turn = 0; clock_mono_ns() < until_ns; turn++) {
		int fd = connect_udp(c->server[turn % c->nservers], port);
		enum resolve_answer a = RESOLVE_REFUSED;

		if (fd >= 0 && send(fd, q, len, 0) == (ssize_t)len)
			a = await_answer(fd, q, len, until_ns, out);
		if (fd >= 0)
			close(fd);
		if (a == RESOLVE_FOUND || a == RESOLVE_NONE)
			return a;
		/* All servers refuse: waiting would not help. */
		if (a == RESOLVE_REFUSED && turn + 1 >= c->nservers)
			return a;
	}
	return RESOLVE_OTHER;
}

/* res_search(3): a name with ndots dots or more is tried as it is first. */
static enum resolve_answer search(const struct conf *c, int port, const char *host, int type,
				  int64_t until_ns, char *out)
{
	size_t len = strlen(host);
	bool full = len && host[len - 1] == '.';
	enum resolve_answer a = RESOLVE_NONE;
	int dots = 0;
	char name[600];

	for (const char *p = host; *p; p++)
		dots += *p == '.';
	if (full || dots >= c->ndots)
		a = ask(c, port, host, type, until_ns, out);
	if (full || a == RESOLVE_FOUND || a == RESOLVE_OTHER)
		return a;
	for (int i = 0; i < c->nsearch; i++) {
		snprintf(name, sizeof(name), "%s.%s", host, c->search[i]);
		a = ask(c, port, name, type, until_ns, out);
		if (a == RESOLVE_FOUND || a == RESOLVE_OTHER)
			return a;
	}
	return dots >= c->ndots ? a : ask(c, port, host, type, until_ns, out);
}

int resolve_host(const struct resolver *r, const char *host, int64_t until_ns,
		 char out[RESOLVE_ADDR_MAX], char *error, size_t size)
{
	const char *hosts = r && r->hosts ? r->hosts : "/etc/hosts";
	const char *path = r && r->resolv_conf ? r->resolv_conf : "/etc/resolv.conf";
	int port = r && r->port ? r->port : 53;
	enum resolve_answer a;
	struct conf c;

	if (is_address(host)) {
		mem_copy_str(out, RESOLVE_ADDR_MAX, host);
		return 0;
	}
	if (in_hosts(hosts, host, AF_INET, out) || in_hosts(hosts, host, AF_INET6, out))
		return 0;
	read_conf(path, &c);
	a = search(&c, port, host, TYPE_A, until_ns, out);
	if (a == RESOLVE_NONE)
		a = search(&c, port, host, TYPE_AAAA, until_ns, out);
	if (a == RESOLVE_FOUND)
		return 0;
	snprintf(error, size, a == RESOLVE_NONE ? "%.60s does not exist" :
		 a == RESOLVE_REFUSED ? "the name server has no answer for %.40s" :
		 "no answer in time for %.50s", host);
	return -1;
}
