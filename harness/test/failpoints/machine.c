/* The machine of a trial: a pod, its volume, cgroups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/procs.h"
#include "test/failpoints/room.h"
#include "test/lib/fault_help.h"

struct machine m;
struct said *said;
const struct variant *v;
const struct ground ground = {m.dir, m.state, m.data, UID, NODE};

/* The address sanitizer's allocator has locks that no fork takes: who holds one then holds
 * it for ever in the child. nft's thread does at its end, when its job is long done. */
static void until_alone(void)
{
#ifdef __SANITIZE_ADDRESS__
	struct stat tasks;

	while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS / 4);
#endif
}

pid_t branch(void)
{
	until_alone();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return fork();
#pragma GCC diagnostic pop
}

bool unified(void)
{
	return v->at && v->at->unified;
}

void in_cgroup(const char *file, char out[200])
{
	snprintf(out, 200, "%s/ordeal/pod" UID "%s%s", unified() ? UNIFIED : FREEZER, *file ? "/" : "", file);
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static void say(const char *path, const char *text)
{
	if (!write_file(path, text))
		fail_msg("%s: %s", path, strerror(errno));
}

static bool own_network(void)
{
	struct ifreq rq = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = ioctl(fd, SIOCSIFFLAGS, &rq) == 0;

	inet_pton(AF_INET, PEER, &at.sin_addr);
	snprintf(rq.ifr_name, sizeof(rq.ifr_name), "lo:1");
	memcpy(&rq.ifr_addr, &at, sizeof(at));
	ok = ok && ioctl(fd, SIOCSIFADDR, &rq) == 0;
	close(fd);
	return ok;
}

pid_t start_pod(void)
{
	char pid[16], procs[200], c = 0;
	int ready[2];
	pid_t p;

	assert_int_equal(pipe(ready), 0);
	in_cgroup("cgroup.procs", procs);
	p = branch();
	if (p == 0) {
		setsid();
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		if (!write_file(procs, pid))
			_exit(1);
		if (!strcmp(v->fault, "partition-node") &&
		    (unshare(CLONE_NEWNET) || !own_network()))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (int fd = 3; fd < 100; fd++)
			close(fd);
		execlp("sleep", "sleep", "100000", NULL);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	/* Until it is what it will be. */
	for (struct proc_stat s; procs_stat(p, &s) == 0 && strcmp(s.comm, "sleep") != 0;)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS / 4);
	return p;
}

static void end_pod(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void write_member(void)
{
	struct proc_stat s = {0};
	char path[200], *text;

	procs_stat(m.pod, &s);
	snprintf(path, sizeof(path), "%s/pods", m.state);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/pods/db-0.json", m.state);
	text = mem_fmt("{\"name\":\"db-0\",\"uid\":\"" UID "\",\"pid\":%d,\"start\":%lld,\"data_dir\":\"%s\","
		       "\"ip\":\"10.201.1.2\"}", (int)m.pod, (long long)s.start_ticks, m.data);
	say(path, text);
	free(text);
}

void refresh(void)
{
	struct err e = {0};

	if (!m.fresh) {
		end_pod(m.pod);
		m.pod = start_pod();
		end_pod(m.server);
		m.server = v->local ? 0 : start_server();
		write_member();
	}
	if (!m.fresh && v->at && v->at->refresh(&ground, &e))
		fail_msg("%s", e.msg);
	m.fresh = true;
}

void build(void)
{
	cJSON *about = cJSON_CreateObject();
	struct err e = {0};
	char path[300], pod[200], ours[200];

	if (v->at && v->at->own_network && !own_network())
		fail_msg("the node's network: %s", strerror(errno));
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, NULL))
		fail_msg("mounts: %s", strerror(errno));
	help_temp(m.dir);
	snprintf(m.state, sizeof(m.state), "%s/state", m.dir);
	snprintf(path, sizeof(path), "%s/cg", m.dir);
	in_cgroup("", pod);
	snprintf(ours, sizeof(ours), "%.*s", (int)(strstr(pod, "/pod") - pod), pod);
	if (mkdir(m.state, 0755) || mkdir(path, 0755) ||
	    mount(getenv("FAILPOINTS_CGROUP"), path, NULL, MS_BIND, NULL) ||
	    mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, NULL) ||
	    mkdir(unified() ? UNIFIED : FREEZER, 0755) ||
	    mount(path, unified() ? UNIFIED : FREEZER, NULL, MS_MOVE, NULL) || mkdir(ours, 0755) ||
	    mkdir(pod, 0755))
		fail_msg("cgroups: %s", strerror(errno));
	m.store.root = "";
	snprintf(m.store.dir, sizeof(m.store.dir), "%s/volumes", m.dir);
	if (file_mkdirs(m.store.dir, &e) || volume_make(&m.store, "v1", INT64_C(24) << 20, about, &e) ||
	    volume_make(&m.store, "v3", INT64_C(8) << 20, about, &e))
		fail_msg("%s", e.msg);
	volume_data_path(&m.store, "v1", m.data);
	volume_data_path(&m.store, "v3", m.other);
	cJSON_Delete(about);
	if (v->at && v->at->build && v->at->build(&ground, &e))
		fail_msg("%s", e.msg);
}

void demolish(void)
{
	struct err e = {0};
	char pod[200];

	end_pod(m.pod);
	end_pod(m.server);
	if (v->at && v->at->demolish)
		v->at->demolish(&ground);
	if (volume_remove(&m.store, "v1", &e) || volume_remove(&m.store, "v3", &e))
		print_message("# %s\n", e.msg);
	in_cgroup("", pod);
	rmdir(pod);
	rmdir(unified() ? UNIFIED "/ordeal" : FREEZER "/ordeal");
	help_remove(m.dir);
}
