/* What Docker answers, before anything is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
