#ifndef ORDEAL_YAML_PARTS_H
#define ORDEAL_YAML_PARTS_H

#include "yaml/yaml.h"

/* Between value.c and resolve.c only. */

/* [-+] digits [. digits] [e [-+] digits]: no hexadecimal, no infinity. */
bool yaml_is_number(const char *text);

#endif
