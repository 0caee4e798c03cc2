/* What Docker answers, before anything is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/docker/daemon.h"

static void frames(void **state)
{
	static const char stream[] = "\1\0\0\0\0\0\0\3abc\2\0\0\0\0\0\0\2de\1\0\0\0\0\0\1\0torn";
	struct buf out = {0};

	(void)state;
	docker_demultiplex(stream, sizeof(stream) - 1, &out);
	assert_string_equal(buf_cstr(&out), "abcdetorn");
	buf_reset(&out);
	docker_demultiplex("\1\0\0", 3, &out);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

struct one {
	int fd;
	const char *says;
	char asked[1000];
};

static void *answer(void *arg)
{
	struct one *o = arg;
	int fd = accept(o->fd, NULL, NULL);
	ssize_t n = recv(fd, o->asked, sizeof(o->asked) - 1, 0);

	o->asked[n > 0 ? n : 0] = '\0';
	if (send(fd, o->says, strlen(o->says), MSG_NOSIGNAL) < 0)
		perror("send");
	close(fd);
	return NULL;
}

static int user_of(const char *image, const char *says, char user[256], struct one *o)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/ordeal-daemon-XXXXXX";
	struct docker_api api = {0};
	struct err e = {0};
	pthread_t thread;
	int r;

	assert_non_null(mkdtemp(dir));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", dir);
	mem_copy_str(api.socket, sizeof(api.socket), at.sun_path);
	*o = (struct one){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .says = says};
	assert_int_equal(bind(o->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(o->fd, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, answer, o), 0);
	r = docker_image_user(&api, image, user, &e);
	pthread_join(thread, NULL);
	close(o->fd);
	unlink(at.sun_path);
	rmdir(dir);
	return r;
}

#define HEAD(status) "HTTP/1.1 " status "\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n"

static void users_of_images(void **state)
{
	char user[256] = "?";
	struct one o;

	(void)state;
	assert_int_equal(user_of("a.example:5000/x/redis:7.0", HEAD("200 OK") "{\"Config\":{\"User\":\"999:998\"}}", user, &o), 0);
	assert_string_equal(user, "999:998");
	assert_non_null(strstr(o.asked, "/images/a.example:5000/x/redis:7.0/json HTTP"));
	assert_int_equal(user_of("redis", HEAD("200 OK") "{\"Config\":{\"Cmd\":null}}", user, &o), 0);
	assert_string_equal(user, "");
	assert_int_equal(user_of("no", HEAD("404 Not Found") "{\"message\":\"No such image: no:latest\"}", user, &o), 1);
	assert_int_equal(user_of("no", HEAD("500 Oh") "{\"message\":\"oh\"}", user, &o), -1);
	assert_int_equal(user_of("no?x=#y", HEAD("404 Not Found") "{}", user, &o), 1);
	assert_non_null(strstr(o.asked, "/images/no_x=_y/json HTTP"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(users_of_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
