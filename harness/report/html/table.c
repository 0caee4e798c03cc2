#include "report/html/page.h"

/* Faults in a table, one row each: those of one scenario, or of several. A
 * column that the first row has not is none. */

static const struct {
	const char *head;
	size_t at;
} columns[] = {
	{"Target", offsetof(struct fault_row, target)},
	{"What differs", offsetof(struct fault_row, differs)},
	{"Writes down", offsetof(struct fault_row, down)},
	{"Predicted", offsetof(struct fault_row, predicted)},
	{"Ended by", offsetof(struct fault_row, ended)},
	{"Lost", offsetof(struct fault_row, lost)},
	{"Refused", offsetof(struct fault_row, refused)},
	{"Redundant again", offsetof(struct fault_row, redundant)},
};

static const char *column(const struct fault_row *r, size_t i)
{
	return *(const char *const *)((const char *)r + columns[i].at);
}

void html_fault_table(struct page *p, const char *head, const struct fault_row *rows, size_t n)
{
	fprintf(p->f, "<table class=\"cards\"><thead><tr><th>%s</th>", head);
	for (size_t i = 0; n && i < ARRAY_LEN(columns); i++) {
		if (column(&rows[0], i))
			fprintf(p->f, "<th>%s</th>", columns[i].head);
	}
	fputs("</tr></thead><tbody>\n", p->f);
	for (size_t j = 0; j < n; j++) {
		fprintf(p->f, "<tr><td>%s</td>", rows[j].lead);
		for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
			if (column(&rows[0], i))
				fprintf(p->f, "<td data-l=\"%s\">%s</td>", columns[i].head,
					column(&rows[j], i) ? column(&rows[j], i) : "–");
		}
		fputs("</tr>\n", p->f);
	}
	fputs("</tbody></table>\n", p->f);
}
