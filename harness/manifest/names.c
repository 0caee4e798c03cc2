#include "manifest/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool alphanumeric(char c)
{
	return lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/* `more` are what may stand between the first and the last character. */
static bool made_of(const char *s, size_t len, bool (*ends)(char), const char *more)
{
	for (size_t i = 0; i < len; i++)
		if (!ends(s[i]) && (i == 0 || i == len - 1 || !strchr(more, s[i])))
			return false;
	return len > 0;
}

bool name_is_label(const char *s)
{
	size_t len = strlen(s);

	return len <= NAME_LABEL_MAX && made_of(s, len, lower_or_digit, "-");
}

bool name_is_label_1035(const char *s)
{
	return *s >= 'a' && *s <= 'z' && name_is_label(s);
}

bool name_is_subdomain(const char *s)
{
	if (strlen(s) > NAME_SUBDOMAIN_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(s, ".");

		if (!made_of(s, len, lower_or_digit, "-"))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

bool name_is_segment(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p == '/' || *p == '%' || iscntrl((unsigned char)*p))
			return false;
	return *s && strlen(s) <= NAME_SUBDOMAIN_MAX && strcmp(s, ".") && strcmp(s, "..");
}

bool name_is_key(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (!alphanumeric(s[i]) && !strchr("-_.", s[i]))
			return false;
	return len && len <= NAME_SUBDOMAIN_MAX && strcmp(s, ".") && strncmp(s, "..", 2);
}

bool name_is_port(const char *s)
{
	size_t len = strlen(s);

	return len <= 15 && made_of(s, len, lower_or_digit, "-") && !strstr(s, "--") &&
	       strpbrk(s, "abcdefghijklmnopqrstuvwxyz");
}

bool name_is_variable(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p < ' ' || *p > '~' || *p == '=')
			return false;
	return *s;
}

bool name_is_label_value(const char *s)
{
	size_t len = strlen(s);

	return !len || (len <= NAME_LABEL_MAX && made_of(s, len, alphanumeric, "-_."));
}

bool name_is_label_key(const char *s)
{
	const char *slash = strchr(s, '/'), *name = slash ? slash + 1 : s;
	char prefix[NAME_SUBDOMAIN_MAX + 1];

	if (slash) {
		if ((size_t)(slash - s) >= sizeof(prefix))
			return false;
		snprintf(prefix, sizeof(prefix), "%.*s", (int)(slash - s), s);
		if (!name_is_subdomain(prefix))
			return false;
	}
	return *name && name_is_label_value(name);
}

bool name_is_path_below(const char *s)
{
	if (!*s || *s == '/')
		return false;
	for (;;) {
		size_t len = strcspn(s, "/");

		if (len == 2 && !strncmp(s, "..", 2))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

bool name_is_address(const char *s, const char *subnet)
{
	struct in_addr have, net;
	char text[INET_ADDRSTRLEN];
	const char *slash;
	uint32_t mask;

	if (inet_pton(AF_INET, s, &have) != 1)
		return false;
	if (!subnet)
		return true;
	slash = strchr(subnet, '/');
	snprintf(text, sizeof(text), "%.*s", (int)(slash - subnet), subnet);
	mask = 0xffffffffu << (32 - strtol(slash + 1, NULL, 10));
	return inet_pton(AF_INET, text, &net) == 1 &&
	       (ntohl(have.s_addr) & mask) == (ntohl(net.s_addr) & mask);
}

bool name_is_any_address(const char *s)
{
	struct in6_addr any;

	return inet_pton(AF_INET, s, &any) == 1 || inet_pton(AF_INET6, s, &any) == 1;
}

bool name_is_word(const char *s)
{
	const char *end = s;

	while ((unsigned char)*end > ' ' && *end != 0x7f)
		end++;
	return *s && !*end;
}

bool name_is_search_domain(const char *s)
{
	char domain[NAME_SUBDOMAIN_MAX + 2];
	size_t len = strlen(s);

	if (!strcmp(s, "."))
		return true;
	if (len >= sizeof(domain))
		return false;
	memcpy(domain, s, len + 1);
	if (len && domain[len - 1] == '.')
		domain[len - 1] = '\0';
	for (char *p = domain; *p; p++)
		if (*p == '_')
			*p = 'x';
	return name_is_subdomain(domain);
}
