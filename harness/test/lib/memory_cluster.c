#include "test/lib/memory_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/random.h"
#include "memoryd/net.h"
#include "memoryd/server.h"
#include "system/client_kit.h"
#include "system/model.h"

extern const struct client_ops client_memory;
extern const struct model_ops model_memory;

#define SOON_NS (30 * NS_PER_S) /* generous: a busy machine is no failure */

bool memory_cluster_dispatch(int argc, char **argv, int *code)
{
	if (argc < 2 || strcmp(argv[1], "memory-server"))
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	*code = memory_server_main(argc - 1, argv + 1);
	return true;
}

/* Addresses of our own in 127.0.0.0/8, on a port that the kernel names. */
static int choose_addresses(struct memory_cluster *mc)
{
	unsigned char r[2];
	struct err e = {0};
	struct buf b = {0};
	char path[128], addr[3][64];
	int port = 0, fd;

	random_bytes(r, sizeof(r));
	for (int i = 0; i < 3; i++) {
		snprintf(addr[i], sizeof(addr[i]), "127.%d.%d.%d", 64 + r[0] % 160, r[1], 10 + i);
		snprintf(mc->members[i].name, sizeof(mc->members[i].name), "m%d", i);
		snprintf(mc->members[i].host, sizeof(mc->members[i].host), "m%d", i);
		buf_fmt(&b, "%s m%d\n", addr[i], i);
	}
	assert_int_equal(memory_net_listen(addr[0], &port, &fd, &e), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/hosts", mc->dir);
	assert_int_equal(file_write_atomic(path, buf_cstr(&b), b.len, &e), 0);
	setenv("ORDEAL_HOSTS", path, 1);
	buf_free(&b);
	return port;
}

void memory_cluster_start(struct memory_cluster *mc, int i)
{
	char self[4096], listen[128], state[128], log[128], addr[64];
	const char *argv[24] = {self, "memory-server", "--name", mc->members[i].name, "--peers",
				"m0,m1,m2", "--listen", listen, "--state", state, "--shared", mc->dir};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct err e = {0};
	size_t at = 12;

	assert_true(n > 0);
	self[n] = '\0';
	assert_int_equal(memory_net_resolve(mc->members[i].host, addr, &e), 0);
	snprintf(listen, sizeof(listen), "%s:%d", addr, (int)json_i64(mc->acc.conf, "port", 0));
	snprintf(state, sizeof(state), "%s/m%d", mc->dir, i);
	snprintf(log, sizeof(log), "%s/m%d.log", mc->dir, i);
	for (size_t k = 0; mc->options[k]; k++)
		argv[at++] = mc->options[k];
	assert_int_equal(proc_start(argv, log, &mc->pid[i], &e), 0);
}

void memory_cluster_up(struct memory_cluster *mc, const char *const options[])
{
	memset(mc, 0, sizeof(*mc));
	for (size_t i = 0; options && options[i]; i++)
		mc->options[i] = options[i];
	snprintf(mc->dir, sizeof(mc->dir), "/tmp/ordeal-test.XXXXXX");
	assert_non_null(mkdtemp(mc->dir));
	mc->acc.members = mc->members;
	mc->acc.n = 3;
	mc->acc.conf = cJSON_CreateObject();
	json_set_i64(mc->acc.conf, "port", choose_addresses(mc));
	for (int i = 0; i < 3; i++)
		memory_cluster_start(mc, i);
	memory_cluster_await_redundant(mc);
}

void memory_cluster_down(struct memory_cluster *mc)
{
	struct err e = {0};

	for (int i = 0; i < 3; i++)
		if (mc->pid[i] > 0)
			memory_cluster_signal(mc, i, SIGKILL);
	assert_int_equal(file_remove_tree(mc->dir, &e), 0);
	cJSON_Delete(mc->acc.conf);
}

void memory_cluster_signal(struct memory_cluster *mc, int i, int sig)
{
	int status;

	assert_int_equal(kill(mc->pid[i], sig), 0);
	if (sig == SIGSTOP || sig == SIGCONT)
		return;
	assert_int_equal(waitpid(mc->pid[i], &status, 0), mc->pid[i]);
	mc->pid[i] = 0;
}

void memory_cluster_sample(struct memory_cluster *mc, int i, struct sample *s)
{
	struct probe *p = client_memory.probe_new(&mc->acc, &mc->members[i]);

	sample_begin(s, &mc->members[i]);
	client_memory.probe(p, s, 300 * NS_PER_MS);
	client_memory.probe_free(p);
}

int memory_cluster_primary(struct memory_cluster *mc, int not)
{
	int64_t end_ns = clock_mono_ns() + SOON_NS;

	while (clock_mono_ns() < end_ns) {
		for (int i = 0; i < 3; i++) {
			struct sample s;
			bool yes;

			if (i == not)
				continue;
			memory_cluster_sample(mc, i, &s);
			yes = s.ok && s.role == ROLE_PRIMARY && s.writable;
			cJSON_Delete(s.extra);
			if (yes)
				return i;
		}
		clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
	}
	fail_msg("no primary after 30 s");
	return -1;
}

void memory_cluster_await_redundant(struct memory_cluster *mc)
{
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	char why[WHY_BYTES] = "";
	bool ok = false;

	while (!ok && clock_mono_ns() < end_ns) {
		struct sample s[3];

		for (int i = 0; i < 3; i++)
			memory_cluster_sample(mc, i, &s[i]);
		ok = model_memory.redundant(s, 3, why);
		for (int i = 0; i < 3; i++)
			cJSON_Delete(s[i].extra);
		if (!ok)
			clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
	}
	if (!ok)
		fail_msg("not redundant after 30 s: %s", why);
}
