#ifndef ORDEAL_SYSTEM_POSTGRES_PATRONI_H
#define ORDEAL_SYSTEM_POSTGRES_PATRONI_H

#include <cjson/cJSON.h>

/* What Patroni's REST API says, made into what a sample and a report hold. */

/* From an answer to GET /patroni, the fields of a sample's extra that say
 * what Patroni believes: patroni_ok, patroni_state, patroni_role, patroni_tl,
 * cluster_unlocked, dcs_last_seen, pending_restart, pause. `answer` NULL:
 * patroni_ok is false, with patroni_err. */
void patroni_to_extra(const cJSON *answer, const char *error, cJSON *extra);

/* From an answer to GET /config (the dynamic configuration), {name, value,
 * unit} for each knob, with Patroni's own default where it is silent. */
void patroni_to_settings(const cJSON *config, cJSON *settings);

#endif
