/* A packet that a pod makes itself passes the rules in its own network, by which
 * it is cut off (packet(7) sockets are beside them): so no container of engine
 * docker may make one. As root only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/docker/plan.h"
#include "test/unit/fault/partition_place.h"

enum { PORT = 7777, ARRIVES_WITHIN_MS = 2000, STAYS_AWAY_MS = 300 };
#define NODE_MAC "02:00:00:00:00:01"

struct attempt {
	bool raw; /* with CAP_NET_RAW */
	int problem; /* errno of the socket that was refused */
	ssize_t sent;
};

static void enter(const char *ns)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		abort();
	close(fd);
}

static void lose_net_raw(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &head, sets))
		abort();
	for (int i = 0; i < 2; i++)
		sets[i].inheritable = 0;
	sets[0].effective &= ~(1U << CAP_NET_RAW);
	sets[0].permitted &= ~(1U << CAP_NET_RAW);
	if (syscall(SYS_capset, &head, sets))
		abort();
}

static uint16_t checksum(const void *header, size_t len)
{
	const unsigned char *p = header;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* A datagram "x" from pod a to pod b, made by hand; socket and capabilities are
 * the thread's own. */
static void *send_raw(void *arg)
{
	struct attempt *at = arg;
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(0x0800),
				 .sll_halen = 6,
				 .sll_addr = {2, 0, 0, 0, 0, 1}};
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char data;
	} __attribute__((packed)) packet = {
		.ip = {.version = 4,
		       .ihl = 5,
		       .tot_len = htons(sizeof(packet)),
		       .ttl = 64,
		       .protocol = IPPROTO_UDP},
		.udp = {.source = htons(PORT), .dest = htons(PORT), .len = htons(9)},
		.data = 'x',
	};
	int fd;

	enter(place.a);
	if (!at->raw)
		lose_net_raw();
	inet_pton(AF_INET, POD_A, &packet.ip.saddr);
	inet_pton(AF_INET, POD_B, &packet.ip.daddr);
	packet.ip.check = checksum(&packet.ip, sizeof(packet.ip));
	to.sll_ifindex = (int)if_nametoindex("eth0");
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	at->problem = fd < 0 ? errno : 0;
	at->sent =
		fd < 0 ? -1 :
			 sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to));
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void *listen_at_b(void *arg)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int *fd = arg;

	enter(place.b);
	*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(*fd, (struct sockaddr *)&at, sizeof(at)))
		abort();
	return NULL;
}

static void *send_plain(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct attempt *at = arg;
	int fd;

	enter(place.a);
	inet_pton(AF_INET, POD_B, &to.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	at->sent = sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return NULL;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, fn, arg), 0);
	pthread_join(t, NULL);
}

static bool arrives(int fd, int within_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, within_ms) == 1 && recv(fd, &c, 1, 0) == 1;
}

/* Docker gives it unless it is told not to. */
static bool container_has_net_raw(void)
{
	cJSON *pod = cJSON_Parse("{\"spec\":{}}"), *c = cJSON_Parse("{\"name\":\"c\",\"image\":\"i\"}");
	cJSON *env = cJSON_CreateObject(), *body = plan_container(pod, c, env);
	const cJSON *it;
	bool has = true;

	cJSON_ArrayForEach(it, json_path(body, "HostConfig.CapDrop"))
		has = has && strcmp(it->valuestring, "NET_RAW") != 0;
	cJSON_Delete(body);
	cJSON_Delete(env);
	cJSON_Delete(pod);
	cJSON_Delete(c);
	return has;
}

static void none_passes_a_partition(void **state)
{
	struct attempt plain = {0}, raw = {.raw = true},
		       container = {.raw = container_has_net_raw()};
	struct cutting c;
	int fd = -1;

	(void)state;
	need_place();
	assert_true(help_sh("PATH=$PATH:/sbin:/usr/sbin; ip -n %s link set va address " NODE_MAC, place.node));
	in_thread(listen_at_b, &fd);
	in_thread(send_plain, &plain);
	assert_true(arrives(fd, ARRIVES_WITHIN_MS));
	cut(&c, "{}");
	in_thread(send_plain, &plain);
	assert_int_equal(plain.sent, -1);
	in_thread(send_raw, &container);
	assert_false(arrives(fd, STAYS_AWAY_MS));
	assert_int_equal(container.problem, EPERM);
	/* Were it not for the capability, this one would have come, too. */
	in_thread(send_raw, &raw);
	assert_true(raw.sent > 0);
	assert_true(arrives(fd, ARRIVES_WITHIN_MS));
	mend(&c);
	end_cut(&c);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(none_passes_a_partition, make_place, unmake_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
