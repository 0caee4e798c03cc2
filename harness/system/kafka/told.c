#include "base/json.h"
#include "system/kafka/model.h"

/* What samples tell, as the model's parts read it. */

int64_t kafka_told(const struct sample *s, const char *list, int n)
{
	const cJSON *v = cJSON_GetArrayItem(json_get(s->extra, list), n);

	return cJSON_IsNumber(v) ? json_whole(v->valuedouble) : -1;
}

int kafka_partitions(const struct sample *s)
{
	return cJSON_GetArraySize(json_get(s->extra, "leaders"));
}
