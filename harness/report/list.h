/* Every reporter, one line each: X(name of its `const struct reporter_ops`). */
#define REPORTER_LIST(X) \
	X(reporter_tap) \
	X(reporter_junit) \
	X(reporter_result) \
	X(reporter_html)
