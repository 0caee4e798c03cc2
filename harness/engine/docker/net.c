/* The network of the pods, the names on it, and Services' addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/nft.h"
#include "base/proc.h"
#include "engine/docker/docker.h"
#include "manifest/names.h"

#define TOOL_NS (10 * NS_PER_S)

/* Services are whoever's may write them, thousands of them with a hundred ports of a thousand
 * addresses; and what they come to is loaded into each pod with each change. So those that
 * came first have their names and rules, and a trial's own come first. */
enum { DOCKER_NET_BYTES = 256 << 10 };

int docker_net_up(struct docker *d, struct err *e)
{
	static const char *const addr[] = {"ip", "addr", "replace", DOCKER_API_IP "/16", "dev",
					   DOCKER_BRIDGE, NULL};
	cJSON *b = cJSON_CreateObject(), *o, *ipam = cJSON_CreateObject(), *conf;
	int r;

	json_set_str(b, "Name", DOCKER_NETWORK);
	json_set_bool(b, "CheckDuplicate", true);
	json_set_str(b, "Driver", "bridge");
	/* Nothing that runs here may send a packet out of this machine. */
	json_set_bool(b, "Internal", true);
	o = cJSON_AddObjectToObject(b, "Options");
	json_set_str(o, "com.docker.network.bridge.name", DOCKER_BRIDGE);
	json_set_str(o, "com.docker.network.bridge.enable_ip_masquerade", "false");
	o = cJSON_AddObjectToObject(b, "Labels");
	json_set_str(o, DOCKER_LABEL, "docker");
	conf = cJSON_CreateObject();
	json_set_str(conf, "Subnet", DOCKER_SUBNET);
	json_set_str(conf, "Gateway", DOCKER_HOST_IP);
	json_push(cJSON_AddArrayToObject(ipam, "Config"), conf);
	json_set(b, "IPAM", ipam);
	r = docker_do(&d->api, "POST", "/networks/create", b, 0, NULL, "make the network " DOCKER_NETWORK, e);
	cJSON_Delete(b);
	return r || proc_must(addr, NULL, TOOL_NS, NULL, e) ? -1 : 0;
}

int docker_net_down(struct docker *d, struct err *e)
{
	return docker_do(&d->api, "DELETE", "/networks/" DOCKER_NETWORK, NULL, 404, NULL,
			 "remove the network " DOCKER_NETWORK, e);
}

/* ---- names ---- */

static int write_names(struct docker *d, const char *text, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3900s/dns/hosts", d->state);
	if (file_write_atomic(path, text, strlen(text), e))
		return -1;
	return chmod(path, 0644);
}

/* dnsmasq: hosts' names only, sure of cluster.local, asks nobody else. */
int docker_dns_up(struct docker *d, struct err *e)
{
	static const char *const argv[] = {
		"dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--no-daemon",
		"--addn-hosts=/dns/hosts", "--local=/cluster.local/", "--domain-needed",
		"--cache-size=0", "--local-ttl=0", "--log-facility=-", "--user=root",
	};
	cJSON *b = cJSON_CreateObject(), *host, *o;
	struct docker_state st;
	struct proc_stat ps;
	char dir[PATH_MAX];
	int r;

	snprintf(dir, sizeof(dir), "%.3900s/dns", d->state);
	if (file_mkdirs(dir, e) || write_names(d, "", e)) {
		cJSON_Delete(b);
		return -1;
	}
	json_set_str(b, "Image", d->dns_image);
	json_set(b, "Entrypoint", cJSON_CreateStringArray(argv, ARRAY_LEN(argv)));
	o = cJSON_AddObjectToObject(b, "Labels");
	json_set_str(o, DOCKER_LABEL, "docker");
	json_set_str(o, DOCKER_RUN_LABEL, d->kube.base.conf.run_id);
	host = cJSON_AddObjectToObject(b, "HostConfig");
	docker_bound_log(host);
	json_set_str(host, "NetworkMode", DOCKER_NETWORK);
	json_pushf(cJSON_AddArrayToObject(host, "Binds"), "%s:/dns:ro", dir);
	o = cJSON_AddObjectToObject(cJSON_AddObjectToObject(b, "NetworkingConfig"), "EndpointsConfig");
	o = cJSON_AddObjectToObject(o, DOCKER_NETWORK);
	json_set_str(cJSON_AddObjectToObject(o, "IPAMConfig"), "IPv4Address", DOCKER_DNS_IP);
	r = docker_create(&d->api, "ordeal-dns", b, d->dns_id, e) || docker_start(&d->api, d->dns_id, e) ||
	    docker_look(&d->api, d->dns_id, &st, e) ? -1 : 0;
	cJSON_Delete(b);
	if (!r && !st.running) {
		struct buf said = {0};

		docker_logs(&d->api, d->dns_id, 5, false, &said, e);
		r = err_set(e, ERR_BROKEN, "the DNS server does not start: %s", buf_cstr(&said));
		buf_free(&said);
	}
	d->dns = (struct proc_id){0};
	if (!r && procs_stat(st.pid, &ps) == 0)
		d->dns = proc_id_of(&ps);
	return r;
}

/* What is written into the file of names and into rules, by root, was admitted
 * (apiserver/admit.h); here nothing else gets there either. */
static bool is_ours(const char *ip)
{
	return name_is_address(ip, DOCKER_SUBNET);
}

static bool is_services(const char *ip)
{
	return name_is_address(ip, DOCKER_SERVICES);
}

static void name_addresses(const cJSON *endpoints, const char *ns, const char *svc, bool headless,
			   struct buf *b)
{
	const cJSON *subset, *a;

	cJSON_ArrayForEach(subset, json_get(endpoints, "subsets")) {
		cJSON_ArrayForEach(a, json_get(subset, "addresses")) {
			const char *ip = json_str(a, "ip", ""), *host = json_str(a, "hostname", NULL);

			if (!is_ours(ip))
				continue;
			if (headless)
				buf_fmt(b, "%s %s.%s.svc.cluster.local\n", ip, svc, ns);
			if (host && name_is_label(host))
				buf_fmt(b, "%s %s.%s.%s.svc.cluster.local\n", ip, host, svc, ns);
		}
	}
}

char *docker_dns_names(const struct store *s)
{
	struct buf b = {0};
	char *out;

	store_assert_locked(s);
	buf_fmt(&b, "%s kubernetes.default.svc.cluster.local\n", DOCKER_API_IP);
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *o = s->v[i].object, *m = json_get(o, "metadata");
		const char *ns = json_str(m, "namespace", ""), *name = json_str(m, "name", "");
		const char *ip = json_str(json_get(o, "spec"), "clusterIP", "");
		bool headless = !strcmp(ip, "None");

		if (s->v[i].kind->id != KIND_SERVICE || !name_is_subdomain(name) ||
		    !name_is_label(ns) || b.len > DOCKER_NET_BYTES)
			continue;
		if (!headless && is_services(ip))
			buf_fmt(&b, "%s %s.%s.svc.cluster.local\n", ip, name, ns);
		name_addresses(store_get(s, KIND_ENDPOINTS, ns, name), ns, name, headless, &b);
	}
	out = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	return out;
}

/* ---- Services' addresses ---- */

/* The port of a Service's port in a subset: by name, or the only one. */
static int64_t target_of(const cJSON *subset, const cJSON *port)
{
	const cJSON *p, *ports = json_get(subset, "ports");
	int64_t n = 0;

	if (cJSON_GetArraySize(ports) == 1)
		n = json_i64(cJSON_GetArrayItem(ports, 0), "port", 0);
	else
		cJSON_ArrayForEach(p, ports)
			if (!n && !strcmp(json_str(p, "name", ""), json_str(port, "name", "")))
				n = json_i64(p, "port", 0);
	return n > 0 && n <= UINT16_MAX ? n : 0;
}

static void forward_port(const char *ip, const cJSON *port, const cJSON *endpoints, struct buf *b)
{
	const char *said = json_str(port, "protocol", "TCP"), *proto = strcmp(said, "UDP") ? "tcp" : "udp";
	const cJSON *subset, *a;
	struct buf to = {0};
	int n = 0;

	/* An API server takes SCTP; nothing here forwards it. */
	if (strcmp(said, "TCP") && strcmp(said, "UDP"))
		return;

	cJSON_ArrayForEach(subset, json_get(endpoints, "subsets"))
		cJSON_ArrayForEach(a, json_get(subset, "addresses"))
			if (target_of(subset, port) && is_ours(json_str(a, "ip", "")))
				buf_fmt(&to, "%s%d : %s . %lld", n ? ", " : "", n, json_str(a, "ip", ""),
					(long long)target_of(subset, port)), n++;
	if (n && json_i64(port, "port", 0) > 0 && json_i64(port, "port", 0) <= UINT16_MAX)
		buf_fmt(b, "add rule ip ordeal_services out ip daddr %s %s dport %lld dnat ip to "
			"numgen random mod %d map { %s }\n", ip, proto, (long long)json_i64(port, "port", 0), n,
			buf_cstr(&to));
	buf_free(&to);
}

/* What kube-proxy does with iptables, in the pod's own namespace: a choice
 * for each connection, and a refusal when nobody is ready. Chains stay while
 * rules change, so connections that are known keep their way. A Service is
 * reached from every namespace. */
char *docker_vip_script(const struct store *s)
{
	struct buf b = {0};
	char *out;

	store_assert_locked(s);
	buf_str(&b, "add table ip ordeal_services\n"
		    "add chain ip ordeal_services out { type nat hook output priority -100 ; }\n"
		    "add chain ip ordeal_services refuse { type filter hook output priority 0 ; }\n"
		    "flush chain ip ordeal_services out\nflush chain ip ordeal_services refuse\n");
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *o = s->v[i].object, *m = json_get(o, "metadata"), *port;
		const char *ip = json_str(json_get(o, "spec"), "clusterIP", "");

		if (s->v[i].kind->id != KIND_SERVICE || !is_services(ip))
			continue;
		cJSON_ArrayForEach(port, json_path(o, "spec.ports")) {
			if (b.len > DOCKER_NET_BYTES)
				break;
			forward_port(ip, port, store_get(s, KIND_ENDPOINTS, json_str(m, "namespace", ""),
							 json_str(m, "name", "")), &b);
		}
	}
	buf_fmt(&b, "add rule ip ordeal_services out ip daddr " DOCKER_API_IP " tcp dport %d dnat ip to " DOCKER_API_IP
		":%d\n", DOCKER_API_PORT_OF_PODS, DOCKER_API_PORT);
	/* Of this machine, which has two addresses on the network, pods may reach the
	 * API and nothing else that listens there. */
	buf_fmt(&b, "add rule ip ordeal_services refuse ip daddr " DOCKER_API_IP " tcp dport %d accept\n"
		"add rule ip ordeal_services refuse ip daddr { " DOCKER_HOST_IP ", " DOCKER_API_IP " } "
		"tcp flags & (syn | ack) == syn reject with tcp reset\n"
		"add rule ip ordeal_services refuse ip daddr { " DOCKER_HOST_IP ", " DOCKER_API_IP " } "
		"ip protocol udp ct state new reject with icmp type admin-prohibited\n", DOCKER_API_PORT);
	/* A cluster routes none, and a partition, which goes by addresses, has none for them. */
	buf_str(&b, "add rule ip ordeal_services refuse oifname != \"lo\" ip daddr " DOCKER_ALL_IPS " drop\n");
	/* This machine has other addresses, too, and Docker may have left a way to them. */
	buf_str(&b, "add rule ip ordeal_services refuse oifname != \"lo\" ip daddr != " DOCKER_SUBNET
		    " reject with icmp type net-unreachable\n");
	buf_str(&b, "add rule ip ordeal_services refuse ip daddr " DOCKER_SERVICES
		    " ip protocol tcp reject with tcp reset\n"
		    "add rule ip ordeal_services refuse ip daddr " DOCKER_SERVICES
		    " reject with icmp type port-unreachable\n");
	out = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	return out;
}

/* Into this very process's network: its number alone may be another's by now. */
static int apply_rules(struct proc_id id, const char *script, struct err *e)
{
	char netns[64];
	int fd, r;

	snprintf(netns, sizeof(netns), "/proc/%d/ns/net", (int)id.pid);
	fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !procs_same(id.pid, id.start_ticks)) {
		r = err_set(e, ERR_BROKEN, "the process %d, whose network it was, has ended", (int)id.pid);
	} else {
		snprintf(netns, sizeof(netns), "/proc/self/fd/%d", fd);
		r = nft_run(netns, script, e);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

char *docker_net_begin(struct docker *d, struct proc_id pause, struct err *e)
{
	char *script;

	store_lock(&d->store);
	script = docker_vip_script(&d->store);
	store_unlock(&d->store);
	if (!apply_rules(pause, script, e))
		return script;
	free(script);
	return NULL;
}

/* The i-th pod's rules; what failed is tried again with the next call. */
static void sync_pod(struct docker *d, size_t i, const char *script)
{
	struct docker_pod *p = NULL;
	struct proc_id id = {0};
	struct err e = {0};
	bool failed;

	store_lock(&d->store);
	if (i < d->npods && d->pods[i]->sandbox && d->pods[i]->pause_pid &&
	    (!d->pods[i]->vips || strcmp(d->pods[i]->vips, script))) {
		p = d->pods[i];
		id = (struct proc_id){p->pause_pid, p->pause_ticks};
	}
	store_unlock(&d->store);
	if (!p)
		return;
	failed = apply_rules(id, script, &e) != 0;
	/* A pod that has just ended takes its namespace along. */
	if (failed && !procs_ended(id.pid, id.start_ticks))
		log_warn("Services in a pod: %s", e.msg);
	store_lock(&d->store);
	if (!failed && p->pause_pid == id.pid && p->pause_ticks == id.start_ticks) {
		free(p->vips);
		p->vips = mem_strdup(script);
	}
	store_unlock(&d->store);
}

static void sync_names(struct docker *d, const char *names)
{
	struct err e = {0};

	if (d->dns_text && !strcmp(d->dns_text, names))
		return;
	if (write_names(d, names, &e)) {
		log_warn("names: %s", e.msg);
		return;
	}
	if (d->dns.pid > 1 && procs_signal(d->dns, SIGHUP))
		log_warn("names: the DNS server is not told: %s", strerror(errno));
	free(d->dns_text);
	d->dns_text = mem_strdup(names);
}

void docker_net_sync(struct docker *d)
{
	char *names, *script;
	size_t n;

	store_lock(&d->store);
	names = docker_dns_names(&d->store);
	script = docker_vip_script(&d->store);
	n = d->npods;
	store_unlock(&d->store);
	if ((strlen(names) > DOCKER_NET_BYTES || strlen(script) > DOCKER_NET_BYTES) && !d->net_full)
		log_warn("Services: more of them than have room in pods' rules and names; later ones have none");
	d->net_full = strlen(names) > DOCKER_NET_BYTES || strlen(script) > DOCKER_NET_BYTES;
	sync_names(d, names);
	for (size_t i = 0; i < n; i++)
		sync_pod(d, i, script);
	free(names);
	free(script);
}
