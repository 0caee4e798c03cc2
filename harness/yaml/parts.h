#ifndef ORDEAL_YAML_PARTS_H
#define ORDEAL_YAML_PARTS_H

#include "base/buf.h"
#include "yaml/yaml.h"

/* Between the files of this folder only. */

/* [-+] digits [. digits] [e [-+] digits]: no hexadecimal, no infinity. */
bool yaml_is_number(const char *text);

/* Where the JSON map ends that the text begins with; 0: that is none. */
size_t yaml_json_end(const char *text, size_t len);
/* How many JSON maps there are, one behind the other, and nothing else; 0: there is
 * something else. What begins with { kubectl takes for a stream of these. */
size_t yaml_json_values(const char *text, size_t len);
/* JSON as YAML has it: a character that is written as two halves, \ud83d\ude00, is
 * itself there, and what stands behind its text stays in its column. */
void yaml_of_json(const char *text, size_t len, struct buf *out);

#endif
