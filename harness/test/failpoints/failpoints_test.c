/* Every call through which faults work (table.h) is made to fail, one at a
 * time, in a process of its own; whatever that does to it,
 *  - what it called on, a look from outside sees;
 *  - what it called healed is as it was before;
 *  - after a fresh process has recovered, everything is.
 * The machine is a small one of its own (PID and mount namespaces; a freezer, a
 * loop device, an API server; surroundings.h has others), so as root only. By
 * default the first and the last time of each line of code, and kill -9 at every
 * one where dies_everywhere(); all of them, in all ways, with
 * ORDEAL_FAILPOINTS=all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/nft.h"
#include "base/procs.h"
#include "engine/docker/docker.h"
#include "fault/fill.h"
#include "node/env.h"
#include "node/kube.h"
#include "node/live.h"
#include "node/volume_store.h"
#include "test/failpoints/surroundings.h"
#include "test/failpoints/wraps.h"
#include "test/lib/fault_help.h"

#define UID "aaaaaaaa-0000-1111-2222-333333333333"
#define NEXT_UID "bbbbbbbb-0000-1111-2222-333333333333" /* of the pod that takes its place */
#define NODE "ordeal-node1"
#define PEER "10.201.2.2" /* an address of the pod's own loopback, and of another node's pods */
#define FREEZER "/sys/fs/cgroup/freezer"
#define UNIFIED "/sys/fs/cgroup/unified"
#define TRIAL_WITHIN_NS (60 * NS_PER_S)

#define VOLUME "a volume that is made and removed" /* by child processes: mkfs, mount, umount */

struct variant {
	const char *fault, *params;
	bool local;    /* processes of node/local.c; else a virtual node of engine docker */
	bool kills;    /* the pod is another one afterwards */
	bool restarts; /* the pod's sandbox is made anew while the fault is on */
	const struct surroundings *at; /* neither of these: somewhere else */
};

static const struct variant variants[] = {
	{"partition-node", NULL, false, false, true, NULL}, /* the longest */
	{"pause", NULL, true, false, false, NULL},
	{"pause", NULL, false, false, false, NULL},
	{"fill-disk", "{\"to\":\"full\"}", true, false, false, NULL},
	{"fill-disk", "{\"to\":\"60%\"}", false, false, false, NULL},
	{"node-down", NULL, false, true, false, NULL},
	{"kill-process", "{\"which\":\"server\"}", true, true, false, NULL},
	{"kill-pod", "{\"how\":\"crash\"}", true, true, false, NULL},
	{"kill-pod", "{\"how\":\"crash\"}", false, true, false, NULL},
	{"kill-pod", "{\"how\":\"force\"}", false, true, false, NULL},
	{"rolling-restart", NULL, false, true, false, NULL},
	{"claim-lost", NULL, false, true, false, NULL},
	{VOLUME, "", true, false, false, NULL},
	{"partition-node", "{\"api\":\"cut\",\"probes\":\"cut\"}", false, false, true, &kube_surroundings},
	{"pause", NULL, false, false, false, &kube_surroundings},
	{"pause", NULL, false, false, false, &kube_v2_surroundings},
	{"fill-disk", "{\"to\":\"full\"}", false, false, true, &kube_surroundings},
	{"kill-process", "{\"which\":\"server\"}", false, true, false, &kube_surroundings},
	{"kill-pod", "{\"how\":\"crash\"}", false, true, false, &kube_surroundings},
	{"kill-pod", "{\"how\":\"force\"}", false, true, false, &kube_surroundings},
	{"node-down", NULL, true, false, false, &host_surroundings},
	{"node-down", "{\"how\":\"stop\"}", true, false, false, &host_surroundings},
};

/* What a trial says of itself; shared. */
struct said {
	bool on, bites, seen, healed, done, local_gone;
	pid_t restarted;
	char why[600];
};

static struct machine {
	char dir[64], state[100], data[512], other[512]; /* data: of the pod's volume; other: of the next one's */
	struct volume_store store;
	pid_t pod, server;
	bool fresh; /* the pod need not be made anew */
} m;
static struct said *said;
static const struct variant *v;
static struct ground ground = {m.dir, m.state, m.data, UID, NODE};

/* Without threads there are no locks that a child would wait for; and a child
 * that is to die at any place has to run our own code. */
static pid_t branch(void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return fork();
#pragma GCC diagnostic pop
}

/* Where it goes on, for what is told. */
static const char *where(const struct variant *of)
{
	return of->at ? of->at->name : of->local ? "local" : "docker";
}

/* ---- the machine ---- */

static bool unified(void)
{
	return v->at && v->at->unified;
}

/* A file of the pod's cgroup; "": the cgroup. */
static void in_cgroup(const char *file, char out[200])
{
	snprintf(out, 200, "%s/ordeal/pod" UID "%s%s", unified() ? UNIFIED : FREEZER, *file ? "/" : "", file);
}

static bool write_file(const char *path, const char *text)
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

/* A process in the pod's cgroup, with a network of its own and an address to
 * which its packets go by the output hook. */
static pid_t start_pod(void)
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

static bool no_account(void *arg, const char *token, const char **ns, const char **name)
{
	(void)arg, (void)token, (void)ns, (void)name;
	return false;
}

static void put(struct store *s, enum kind_id kind, const char *text)
{
	cJSON *o = cJSON_Parse(text);

	assert_non_null(o);
	store_put(s, kind, o);
}

static void put_pod(struct store *s, const char *uid)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"db-0\",\"namespace\":\"trial\",\"uid\":\"%s\",\"ownerReferences\":["
			     "{\"kind\":\"StatefulSet\",\"name\":\"db\",\"uid\":\"set\"}]},"
			     "\"spec\":{\"nodeName\":\"" NODE "\",\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]},"
			     "\"status\":{\"phase\":\"Running\",\"podIP\":\"10.201.1.2\",\"conditions\":[{\"type\":\"Ready\","
			     "\"status\":\"True\"}]}}", uid);

	put(s, KIND_POD, text);
	free(text);
}

static void put_volume(struct store *s, const char *name, const char *path)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"%s\",\"annotations\":{\"pv.kubernetes.io/provisioned-by\":"
			     "\"ordeal.dev/loop\"}},\"spec\":{\"local\":{\"path\":\"%s\"}}}", name, path);

	put(s, KIND_PERSISTENT_VOLUME, text);
	free(text);
}

static void put_claim(struct store *s, const char *volume)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"c\",\"namespace\":\"trial\"},\"spec\":{\"volumeName\":\"%s\"}}", volume);

	put(s, KIND_PERSISTENT_VOLUME_CLAIM, text);
	free(text);
}

/* What the engine does: its processes end, and its object goes. */
static void delete_pod(void *arg, const char *ns, const char *name, int grace_s)
{
	struct pid_list pids = {0};
	struct err e = {0};

	(void)grace_s;
	kube_pids(NULL, UID, true, &pids, &e);
	for (size_t i = 0; i < pids.n; i++)
		procs_signal(pids.v[i], SIGKILL);
	pid_list_free(&pids);
	store_delete(arg, KIND_POD, ns, name);
}

/* What the controller of the pod's set does with these faults: a changed template, or
 * a claim that is lost, makes another pod. */
static void control(struct store *s)
{
	const cJSON *set = store_get(s, KIND_STATEFUL_SET, "trial", "db"), *pod = store_get(s, KIND_POD, "trial", "db-0");
	bool changed = json_path(set, "spec.template.metadata.annotations");

	if (changed && pod && !strcmp(kube_meta(pod, "uid"), UID)) {
		delete_pod(s, "trial", "db-0", 0);
		put_pod(s, NEXT_UID);
	} else if (!strcmp(v->fault, "claim-lost") && !pod && !store_get(s, KIND_PERSISTENT_VOLUME_CLAIM, "trial", "c")) {
		put_claim(s, "v3");
		put_pod(s, NEXT_UID);
	}
}

/* The API server, in a process of its own that has no threads of ours. */
static pid_t start_server(void)
{
	static struct store store;
	struct serve_conf conf = {.store = &store, .admin_token = "t", .account = no_account,
				  .delete_pod = delete_pod, .arg = &store};
	struct serve *serve;
	struct err e = {0};
	char path[200], *text;
	int ready[2];
	char c;
	pid_t p;

	assert_int_equal(pipe(ready), 0);
	p = branch();
	if (p) {
		close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		return p;
	}
	store_init(&store);
	store_lock(&store);
	put(&store, KIND_NAMESPACE, "{\"metadata\":{\"name\":\"trial\",\"labels\":{\"ordeal.dev/run\":\"r\"}}}");
	put(&store, KIND_STATEFUL_SET, "{\"metadata\":{\"name\":\"db\",\"namespace\":\"trial\",\"uid\":\"set\"},"
	    "\"spec\":{\"replicas\":1,\"template\":{\"metadata\":{}}}}");
	put_pod(&store, UID);
	put_claim(&store, "v1");
	text = v->at && v->at->volume ? mem_fmt("{\"metadata\":{\"name\":\"v1\"},\"spec\":{%s}}", v->at->volume) :
	       mem_fmt("{\"metadata\":{\"name\":\"v1\"},\"spec\":{\"local\":{\"path\":\"%s\"}}}", m.data);
	put(&store, KIND_PERSISTENT_VOLUME, text);
	free(text);
	put_volume(&store, "v3", m.other);
	put(&store, KIND_NODE, "{\"metadata\":{\"name\":\"" NODE "\",\"labels\":{\"node-role.kubernetes.io/control-plane\":"
	    "\"\"}},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.201.3.1\"}]}}");
	store_unlock(&store);
	if (serve_start(&conf, "127.0.0.1", 0, &serve, &e))
		_exit(1);
	text = mem_fmt("current-context: c\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
		       "users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n",
		       serve_port(serve));
	snprintf(path, sizeof(path), "%s/" DOCKER_KUBECONFIG, m.state);
	if (!write_file(path, text) || write(ready[1], "x", 1) != 1)
		_exit(1);
	for (;;) {
		store_lock(&store);
		control(&store);
		store_unlock(&store);
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
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

static void refresh(void)
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

/* Mounts and processes are this test's alone; the kernel takes all of it away
 * with its first process. */
static void build(void)
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
	if (mkdir(m.state, 0755) || mkdir(path, 0755) || mount(getenv("FAILPOINTS_CGROUP"), path, NULL, MS_BIND, NULL) ||
	    mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, NULL) || mkdir(unified() ? UNIFIED : FREEZER, 0755) ||
	    mount(path, unified() ? UNIFIED : FREEZER, NULL, MS_MOVE, NULL) || mkdir(ours, 0755) || mkdir(pod, 0755))
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

static void demolish(void)
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

/* ---- looks from outside ---- */

static bool in_pod_network(int (*fn)(void))
{
	char path[64];
	int fd, status = 1;
	pid_t p = branch();

	if (p == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)(said->restarted ? said->restarted : m.pod));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		_exit(fd < 0 || setns(fd, CLONE_NEWNET) ? 2 : fn());
	}
	waitpid(p, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A datagram that a drop in the output hook ends fails to be sent. */
static int packet_is_dropped(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, PEER, &to.sin_addr);
	return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EPERM ? 0 : 1;
}

static int no_table(void)
{
	struct buf names = {0};
	struct err e = {0};

	return nft_our_tables("/proc/self/ns/net", &names, &e) || names.len ? 1 : 0;
}

static char state_of(pid_t pid)
{
	struct proc_stat s;

	return procs_stat(pid, &s) ? '-' : s.state;
}

/* Unless it is known not to be. */
static bool frozen(void)
{
	char words[64] = "", path[200];
	int fd;

	in_cgroup(unified() ? "cgroup.events" : "freezer.state", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, words, sizeof(words) - 1) < 0)
		words[0] = '\0';
	close(fd);
	return unified() ? !strstr(words, "frozen 0") : strncmp(words, "THAWED", 6) != 0;
}

static bool is_volume(void)
{
	return !strcmp(v->fault, VOLUME);
}

/* Files, mounts and loop devices of the volume that trials make. */
static const char *volume_left(void)
{
	struct buf b = {0};
	struct err e = {0};
	const char *left = NULL;
	char path[400];

	snprintf(path, sizeof(path), "%s/v2.img", m.store.dir);
	if (file_exists(path))
		left = "the volume's file";
	snprintf(path, sizeof(path), "%s/v2.json", m.store.dir);
	if (!left && file_exists(path))
		left = "the volume's description";
	snprintf(path, sizeof(path), "%s/v2", m.store.dir);
	if (!left && file_exists(path))
		left = "the volume's folder";
	if (!left && (file_read("/proc/mounts", &b, &e) || strstr(buf_cstr(&b), path)))
		left = "the volume's mount";
	for (int i = 0; !left && i < 64; i++) {
		snprintf(path, sizeof(path), "/sys/block/loop%d/loop/backing_file", i);
		buf_reset(&b);
		if (file_exists(path) && file_read(path, &b, &e) == 0 && strstr(buf_cstr(&b), m.dir) &&
		    strstr(buf_cstr(&b), "/v2.img"))
			left = "the volume's loop device";
	}
	buf_free(&b);
	return left;
}

static bool disk_refuses(void)
{
	char path[600], data[65536] = "";
	bool refuses = false;
	struct fill_state s;
	struct err e = {0};
	int fd;

	snprintf(path, sizeof(path), "%s/one", m.data);
	if (strstr(v->params, "60"))
		return fill_look(path, false, &s, &e) == 0 && s.used_percent > 58;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		refuses = write(fd, data, sizeof(data)) != (ssize_t)sizeof(data);
		close(fd);
		unlink(path);
	}
	return fd < 0 || refuses;
}

static bool node_file(void)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/down/" NODE, m.state);
	return access(path, F_OK) == 0;
}

/* Is it there, whatever anybody says? */
static bool applied(void)
{
	if (v->at && v->at->applied)
		return v->at->applied(&ground);
	/* Of version 2, frozen tasks sleep like others. */
	if (!strcmp(v->fault, "pause"))
		return v->local ? state_of(m.pod) == 'T' : frozen() && (unified() || state_of(m.pod) == 'D');
	if (!strcmp(v->fault, "partition-node"))
		return in_pod_network(packet_is_dropped);
	if (!strcmp(v->fault, "fill-disk"))
		return disk_refuses();
	if (!strcmp(v->fault, "node-down"))
		return node_file() && strchr("Z-", state_of(m.pod));
	return strchr("Z-", state_of(m.pod)) != NULL;
}

static const char *anything_in(const char *dir, const char *but)
{
	static char found[600];
	const struct dirent *ent;
	DIR *d = opendir(dir);

	found[0] = '\0';
	while (d && (ent = readdir(d)))
		if (ent->d_name[0] == '.' ? strncmp(ent->d_name, FILL_PREFIX, strlen(FILL_PREFIX)) == 0 :
		    strcmp(ent->d_name, but) != 0)
			snprintf(found, sizeof(found), "%s/%s", dir, ent->d_name);
	if (d)
		closedir(d);
	return found[0] ? found : NULL;
}

/* Why the machine is not as it was; NULL: it is. `journal`: that it is empty, too. */
static const char *left_over(bool journal)
{
	char path[200];
	char mark[8];
	const char *file;

	if (is_volume())
		return volume_left();
	if (v->at && v->at->left && (file = v->at->left(&ground)))
		return file;
	if (frozen())
		return "the pod's cgroup is frozen";
	in_cgroup("", path);
	if (getxattr(path, "trusted.ordeal", mark, sizeof(mark)) >= 0)
		return "the pod's cgroup carries our mark";
	if (state_of(m.pod) == 'T')
		return "the pod's process is stopped";
	if (!v->kills && !said->restarted && strchr("Z-", state_of(m.pod)))
		return "the pod's process is dead";
	if (!strcmp(v->fault, "partition-node") && !in_pod_network(no_table))
		return "there are rules of ours in the pod's network";
	if ((file = anything_in(m.data, "")))
		return file;
	if (node_file())
		return "the node is down";
	snprintf(path, sizeof(path), "%s/nodes/" NODE "/journal", m.state);
	if (journal && (file = anything_in(path, "")))
		return file;
	snprintf(path, sizeof(path), "%s/journal", m.state);
	if (journal && (file = anything_in(path, "")))
		return file;
	snprintf(path, sizeof(path), "%s/down", m.state);
	return journal ? anything_in(path, "") : NULL;
}

/* ---- a trial ---- */

static int open_node(struct node *n, struct err *e)
{
	if (v->at)
		return v->at->open(n, &ground, e);
	if (!v->local)
		return docker_node_open(n, NODE, m.state, e);
	snprintf(n->name, sizeof(n->name), NODE);
	snprintf(n->state_dir, sizeof(n->state_dir), "%s", m.state);
	return node_env_local.open(n, e);
}

static void close_node(struct node *n)
{
	if (v->at)
		v->at->close(n);
	else if (v->local)
		node_env_local.close(n);
	else
		docker_node_close(n);
}

static cJSON *plan_of(void)
{
	cJSON *plan = help_plan("f1", v->fault, "db-0", UID, v->params), *peers, *p;

	json_set_str(cJSON_GetArrayItem(cJSON_GetObjectItem(plan, "targets"), 0), "node", NODE);
	peers = cJSON_AddArrayToObject(plan, "peers");
	for (int i = 1; i <= 2; i++) {
		char cidr[32], node[32];

		snprintf(cidr, sizeof(cidr), "10.201.%d.0/24", i);
		snprintf(node, sizeof(node), "ordeal-node%d", i);
		json_push(peers, p = cJSON_CreateObject());
		json_set_str(p, "node", node);
		json_set_str(p, "cidr", cidr);
	}
	return plan;
}

/* Whether it is there, seen without failures. */
static void look(bool claimed)
{
	int64_t end_ns = clock_mono_ns() + NS_PER_S;

	failpoints->armed = 0;
	/* A killed process takes a moment to go. */
	while (claimed && !(said->seen = applied()) && v->kills && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	if (claimed && !said->seen)
		snprintf(said->why, sizeof(said->why), "called on, but it is not there");
	failpoints->armed = getpid();
}

/* The pod's sandbox ends and is made anew; who follows is given time, as the
 * agent gives it. */
static void restart(struct node *n, struct live *l)
{
	struct err e = {0};
	int r = -1;

	failpoints->armed = 0;
	kill(m.pod, SIGKILL);
	while (!strchr("Z-", state_of(m.pod)))
		clock_sleep_until(clock_mono_ns() + NS_PER_MS / 4);
	said->restarted = start_pod();
	if (v->at && v->at->restart && v->at->restart(&ground, &e))
		snprintf(said->why, sizeof(said->why), "the pod is not made anew: %.500s", e.msg);
	failpoints->armed = getpid();
	for (int i = 0; i < 4 && r; i++)
		r = l->ops->follow(n, &l->j, &e);
	look(r == 0);
}

static void inject_and_heal(struct node *n, struct live *l)
{
	struct err e = {0};
	bool kills = !l->ops->lasting;

	if (live_begin(n, l, &e) == 0) {
		said->on = true;
		failpoints->armed = 0;
		if (!strcmp(v->fault, "partition-node"))
			in_pod_network(packet_is_dropped);
		failpoints->armed = getpid();
		for (int i = 0; i < (kills ? 60 : 2) && !l->bites; i++) {
			live_look(n, l, &e);
			if (kills && !l->bites)
				clock_sleep_until(clock_mono_ns() + NS_PER_MS);
		}
		said->bites = l->bites;
		look(l->bites);
		if (l->ops->follow && !said->why[0])
			l->ops->follow(n, &l->j, &e);
		if (v->restarts && l->bites && !said->why[0])
			restart(n, l);
	}
	for (int i = 0; i < 3 && !l->healed; i++)
		live_heal(n, l, &e);
	said->healed = l->healed;
}

static void make_and_remove(void)
{
	cJSON *about = cJSON_CreateObject();
	struct err e = {0};
	char path[512];

	volume_data_path(&m.store, "v2", path);
	failpoints->armed = getpid();
	if (volume_make(&m.store, "v2", INT64_C(8) << 20, about, &e) == 0) {
		failpoints->armed = 0;
		said->on = said->bites = true;
		if (!fill_bounded(path, m.dir))
			snprintf(said->why, sizeof(said->why), "called made, but it is not there");
		failpoints->armed = getpid();
	}
	said->healed = volume_remove(&m.store, "v2", &e) == 0;
	failpoints->armed = 0;
	said->done = true;
	_exit(0);
}

static void remove_volumes(void)
{
	cJSON *all = volume_list(&m.store);
	const cJSON *it;
	struct err e = {0};

	cJSON_ArrayForEach(it, all)
		if (strcmp(json_str(it, "name", ""), "v1") && strcmp(json_str(it, "name", ""), "v3") && volume_remove(&m.store, json_str(it, "name", ""), &e))
			snprintf(said->why, sizeof(said->why), "recover fails: %.500s", e.msg);
	_exit(0);
}

static void trial(void)
{
	struct live *l = mem_alloc(sizeof(*l));
	cJSON *plan = plan_of();
	struct node n = {0};
	struct err e = {0};

	if (is_volume())
		make_and_remove();
	l->ops = fault_find(v->fault);
	failpoints->armed = getpid();
	if (open_node(&n, &e) == 0) {
		if (journal_begin(n.state_dir, plan, &l->j, &e) == 0)
			inject_and_heal(&n, l);
	}
	failpoints->armed = 0;
	said->done = true;
	_exit(0);
}

/* What an agent does that starts where another one was, and `recover`. */
static void recover(void)
{
	struct node n = {0};
	struct node_faults *f;
	struct err e = {0};
	cJSON *o = NULL;
	char *text;

	if (is_volume())
		remove_volumes();
	if (open_node(&n, &e))
		snprintf(said->why, sizeof(said->why), "no node: %.500s", e.msg);
	if (said->why[0])
		_exit(1);
	f = node_faults_new(&n, INT64_MAX / 4);
	node_faults_recover(f);
	if (node_faults_heal_all(f, &o, &e))
		snprintf(said->why, sizeof(said->why), "recover fails: %.500s", e.msg);
	cJSON_Delete(o);
	o = node_faults_residue(f);
	if (!said->why[0] && !json_bool(o, "clean", false)) {
		text = json_text(o);
		snprintf(said->why, sizeof(said->why), "recover leaves: %.500s", text);
	}
	close_node(&n);
	_exit(0);
}

/* Its exit status; one that hangs is a failure. */
static int in_child(void (*fn)(void))
{
	int64_t end_ns = clock_mono_ns() + TRIAL_WITHIN_NS;
	pid_t p = branch();
	int status, quiet;

	if (p == 0) {
		quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(quiet, STDERR_FILENO);
		fn();
	}
	while (waitpid(p, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > end_ns) {
			snprintf(said->why, sizeof(said->why), "it hangs");
			kill(p, SIGKILL);
			waitpid(p, &status, 0);
			return -1;
		}
		clock_sleep_until(clock_mono_ns() + NS_PER_MS / 4);
	}
	return status;
}

static void count(void *n, const struct proc_stat *s)
{
	*(int *)n += s->pid != getpid() && s->pid != m.pod;
}

/* Whether processes run that are neither this one nor the pod. */
static bool others(void)
{
	int n = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return procs_each(count, &n) == 0 && n > 0;
}

/* One place that fails in one way; what is wrong with that goes to said->why. */
static void attempt(enum failure how, int at)
{
	const char *left;
	char *why = said->why;
	int status;

	memset(said, 0, sizeof(*said));
	refresh();
	failpoints->how = how;
	failpoints->at = at;
	failpoints->n = 0;
	status = in_child(trial);
	if (!why[0] && !said->done && !(how == FAIL_KILLED && WIFSIGNALED(status)))
		snprintf(why, sizeof(said->why), "it crashed (status %x)", (unsigned)status);
	if (!why[0] && said->healed && (left = left_over(false)))
		snprintf(why, sizeof(said->why), "called healed, but %.500s", left);
	failpoints->armed = 0;
	/* A mount(8) whose parent was killed goes on for a moment. */
	while ((is_volume() || (v->at && v->at->children)) && others())
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	if (!why[0])
		in_child(recover);
	if (!why[0] && (left = left_over(true)))
		snprintf(why, sizeof(said->why), "after recover %.500s", left);
	m.fresh = !v->kills && !said->restarted && !why[0];
	if (said->restarted) {
		kill(said->restarted, SIGKILL);
		while (waitpid(said->restarted, NULL, 0) < 0 && errno == EINTR)
			;
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* ---- which places ---- */

enum { BAD_MAX = 30 };
static int bad, tried;

static bool all_places(void)
{
	const char *all = getenv("ORDEAL_FAILPOINTS");

	return all && !strcmp(all, "all");
}

/* Quick enough for every day: an agent that dies anywhere in a pause, which stays,
 * or while it kills, which cannot be taken back. */
static bool dies_everywhere(void)
{
	return !strcmp(v->fault, "pause") || (!strcmp(v->fault, "kill-pod") && strstr(v->params, "crash"));
}

/* The first and the last time of each line, or all. */
static bool chosen(const struct place *p, int n, int i)
{
	bool first = true, last = true;

	for (int k = 0; k < i && first; k++)
		first = p[k].site != p[i].site;
	for (int k = i + 1; k < n && last; k++)
		last = p[k].site != p[i].site;
	return first || last || all_places();
}

static bool chosen_way(const struct place *p, enum failure how)
{
	return failpoint_can(p->call, how) && (all_places() || (how != FAIL_STUCK && how != FAIL_AFTER));
}

static void try(enum failure how, const struct place *p, int i)
{
	attempt(how, i);
	tried++;
	if (!said->why[0])
		return;
	if (bad++ < BAD_MAX)
		print_message("# %s %s, place %d: %s at %p fails %s: %s\n", where(v), v->fault, i,
			      failpoint_name(p[i].call), p[i].site, failure_words[how], said->why);
	/* Nothing of it is to spoil the next. */
	in_child(recover);
}

static void all_of(void)
{
	int64_t start_ns = clock_mono_ns();
	int n, chose = 0, before = tried;
	struct place *p;

	attempt(FAIL_NONE, -1);
	if (said->why[0] || !said->on || !said->bites || !said->healed)
		fail_msg("%s %s does not work: on %d, bites %d, healed %d, %s", where(v), v->fault, said->on,
			 said->bites, said->healed, said->why);
	n = failpoints->n;
	p = mem_alloc((size_t)n * sizeof(*p));
	memcpy(p, failpoints->v, (size_t)n * sizeof(*p));
	for (int i = 0; i < n; i++) {
		bool one = chosen(p, n, i);

		chose += one || dies_everywhere();
		for (int how = FAIL_ONCE; how < FAILURES; how++)
			if (one ? chosen_way(&p[i], (enum failure)how) : how == FAIL_KILLED && dies_everywhere())
				try((enum failure)how, p, i);
	}
	print_message("# %s %s %s: %d calls, %d of them failed in %d ways, %.1f s\n", where(v), v->fault,
		      v->params ? v->params : "", n, chose, tried - before,
		      (double)(clock_mono_ns() - start_ns) / 1e9);
	free(p);
}

static void every_call_may_fail(void **state)
{
	(void)state;
	build();
	all_of();
	demolish();
	if (bad)
		fail_msg("%d of %d went wrong", bad, tried);
}

/* One variant on a machine of its own; what it says goes to `out`. */
static pid_t start_variant(const struct variant *variant, int out)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_may_fail)};
	int status = 1, flags = CLONE_NEWNS | CLONE_NEWPID, at;
	char cgroup[100];
	pid_t watcher = branch();

	if (watcher)
		return watcher;
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	v = variant;
	if (v->at && v->at->own_network)
		flags |= CLONE_NEWNET;
	snprintf(cgroup, sizeof(cgroup), "%s/ordeal-failpoints-%d", unified() ? UNIFIED : FREEZER, (int)getpid());
	setenv("FAILPOINTS_CGROUP", cgroup, 1);
	failpoints = mmap(NULL, sizeof(*failpoints), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* By the folder that it is in, which cannot be seen from the namespace. */
	at = open(unified() ? UNIFIED : FREEZER, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mkdir(cgroup, 0755) || unshare(flags) || failpoints == MAP_FAILED || said == MAP_FAILED)
		_exit(1);
	if (branch() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(cmocka_run_group_tests_name(variant->fault, tests, NULL, NULL));
	}
	wait(&status);
	if (unlinkat(at, strrchr(cgroup, '/') + 1, AT_REMOVEDIR)) {
		print_message("# %s stays: %s\n", cgroup, strerror(errno));
		status = 1;
	}
	_exit(status ? 1 : 0);
}

/* As comments. */
static void tell(int from)
{
	char line[1000];
	FILE *f = fdopen(from, "r");

	rewind(f);
	while (fgets(line, sizeof(line), f))
		printf("# %s", line[0] == '#' ? line + 2 : line);
	fclose(f);
}

enum { AT_ONCE = 4 };

int main(int argc, char **argv)
{
	enum { N = ARRAY_LEN(variants) };
	pid_t pids[N] = {0}, pid;
	int outs[N], results[N], failed = 0, status;
	size_t begun = 0, ended = 0, told = 0;

	if (geteuid() || access("/dev/loop-control", W_OK) || access(FREEZER, W_OK)) {
		puts("1..0 # SKIP needs root, loop devices and a v1 freezer");
		return 0;
	}
	/* One alone, by its number. */
	if (argc == 2) {
		status = (int)strtol(argv[1], NULL, 10);
		assert_in_range(status, 1, N);
		waitpid(start_variant(&variants[status - 1], STDOUT_FILENO), &status, 0);
		return status != 0;
	}
	printf("1..%d\n", (int)N);
	while (told < N) {
		for (; begun < N && begun < ended + AT_ONCE; begun++) {
			outs[begun] = memfd_create("said", MFD_CLOEXEC);
			fflush(NULL);
			pids[begun] = start_variant(&variants[begun], outs[begun]);
		}
		pid = wait(&status);
		for (size_t i = 0; i < begun; i++)
			if (pids[i] == pid) {
				pids[i] = 0;
				results[i] = status;
				ended++;
			}
		for (; told < begun && !pids[told]; told++) {
			const struct variant *of = &variants[told];

			tell(outs[told]);
			failed += results[told] != 0;
			printf("%sok %d - %s %s %s\n", results[told] ? "not " : "", (int)told + 1, where(of), of->fault,
			       of->params ? of->params : "");
		}
	}
	return failed ? 1 : 0;
}
