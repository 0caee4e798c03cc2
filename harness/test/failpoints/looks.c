/* What became of the machine, seen from outside. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/nft.h"
#include "base/procs.h"
#include "fault/fill.h"
#include "test/failpoints/room.h"

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

bool packet_dropped(void)
{
	return in_pod_network(packet_is_dropped);
}

static int no_table(void)
{
	struct buf names = {0};
	struct err e = {0};

	return nft_our_tables("/proc/self/ns/net", &names, &e) || names.len ? 1 : 0;
}

char state_of(pid_t pid)
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

bool is_volume(void)
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
		if (file_exists(path) && file_read(path, &b, &e) == 0 &&
		    strstr(buf_cstr(&b), m.dir) && strstr(buf_cstr(&b), "/v2.img"))
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

bool applied(void)
{
	if (v->at && v->at->applied)
		return v->at->applied(&ground);
	/* Of version 2, frozen tasks sleep like others. */
	if (!strcmp(v->fault, "pause"))
		return v->local ? state_of(m.pod) == 'T' :
				  frozen() && (unified() || state_of(m.pod) == 'D');
	if (!strcmp(v->fault, "partition-node"))
		return packet_dropped();
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
		if (ent->d_name[0] == '.' ?
			    strncmp(ent->d_name, FILL_PREFIX, strlen(FILL_PREFIX)) == 0 :
			    strcmp(ent->d_name, but) != 0)
			snprintf(found, sizeof(found), "%s/%s", dir, ent->d_name);
	if (d)
		closedir(d);
	return found[0] ? found : NULL;
}

const char *left_over(bool journal)
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
