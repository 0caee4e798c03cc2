#include "report/html/page.h"

/* style.css, as the build leaves it. */
static const char style[] =
#include "report/html/style.css.inc"
;

void html_open(FILE *f, struct arena *a, const char *title)
{
	fprintf(f, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n"
		"<title>%s</title>\n<style>\n%s\n</style>\n</head>\n<body>\n",
		text_xml(a, title), style);
}

void html_close(FILE *f)
{
	fputs("</body>\n</html>\n", f);
}

void html_chip(FILE *f, enum verdict v)
{
	fprintf(f, "<span class=\"chip %s\"><i aria-hidden=\"true\">%s</i>%s</span>",
		verdict_name(v), text_verdict_mark(v), verdict_name(v));
}
