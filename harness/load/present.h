#ifndef ORDEAL_LOAD_PRESENT_H
#define ORDEAL_LOAD_PRESENT_H

#include <cjson/cJSON.h>

#include "system/system.h"

/* A final read as the fields of a "final" event: present [[lo,hi],...] (each
 * value once, ascending), duplicates [[value,count],...], registers
 * {"key": value or null}. Sorts f->values. The caller deletes the result. */
cJSON *present_json(struct final_read *f);

#endif
