#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "measure/parts.h"

/* What was sent and where it ended up. */

bool messages_left(const cJSON *final, struct messages *out)
{
	const cJSON *runs = json_get(final, "messages"), *run, *value;

	memset(out, 0, sizeof(*out));
	cJSON_ArrayForEach(run, runs) {
		struct final_message m = { .partition = json_i64(run, "part", OP_NO_VALUE),
					   .offset = json_i64(run, "off", OP_NO_VALUE),
					   .redelivered = json_bool(run, "redel", false) };

		cJSON_ArrayForEach(value, json_get(run, "val")) {
			if (!cJSON_IsNumber(value))
				continue;
			m.value = json_whole(value->valuedouble);
			*VEC_PUSH(out->v, out->n, out->alloc) = m;
			m.offset += m.offset != OP_NO_VALUE;
		}
	}
	return cJSON_IsArray(runs);
}

bool op_received(const struct op *op)
{
	return op->f == OP_RECEIVE && op->outcome == OP_OK && op->value != OP_NO_VALUE;
}
