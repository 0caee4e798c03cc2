#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/rabbitmq/queues.h"

/* All that one member knows of itself and its queues, from its own memory: a hidden node
 * asks nobody else, so another member that is silent makes no answer late. Of a quorum
 * queue: its Raft server's state (ra_state), term and last applied index (a local query),
 * and of a leader whether a majority still answers it (a consistent query, which commits
 * nothing): one that is cut off stays leader of its term, and takes no write. Of a
 * classic queue: where its process runs, its mirrors, and whether it is meant to have any
 * (4.0 has lost the function that says so, with the mirrors). Of many queues the first ones are
 * told one by one, the others counted, with their names' hashes and whether the copy here is
 * whole: so they cost a look into a table. The metadata are read
 * from their table: whoever asks the broker for them asks other members along. JSON. */
static const char question[] =
	"(fun() -> "
	"Try = fun(F, D) -> try F() catch _:_ -> D end end, "
	"S = fun(A) -> io_lib:format(\"\\\"~s\\\"\", [A]) end, "
	"L = fun(Xs) -> [\"[\", lists:join(\",\", [S(X) || X <- Xs]), \"]\"] end, "
	"Now = erlang:system_time(millisecond), "
	"Prefix = \"%2F_" RABBIT_QUEUE "\", "
	"Raft = fun(Id, St) -> "
	"  Me = {Id, node()}, "
	"  Ld = Try(fun() -> element(2, ra_leaderboard:lookup_leader(Id)) end, ''), "
	"  Ms = Try(fun() -> [N || {_, N} <- ra_leaderboard:lookup_members(Id)] end, []), "
	"  {I, T, M, C} = Try(fun() -> "
	"    {ok, {{I0, T0}, O}, _} = ra:local_query(Me, fun(X) -> try rabbit_fifo:overview(X) catch _:_ -> #{} end end, 60), "
	"    {I0, T0, maps:get(num_messages, O, -1), maps:get(num_checked_out, O, -1)} end, {-1, -1, -1, -1}), "
	"  W = St =:= leader andalso Try(fun() -> {ok, _, _} = ra:consistent_query(Me, fun(_) -> ok end, 120), true end, false), "
	"  io_lib:format(\"{\\\"type\\\":\\\"quorum\\\",\\\"queue\\\":~s,\\\"state\\\":~s,\\\"leader\\\":~s,\\\"members\\\":~s,"
	"\\\"applied\\\":~b,\\\"term\\\":~b,\\\"messages\\\":~b,\\\"unacked\\\":~b,\\\"majority\\\":~s}\", "
	"  [S(lists:nthtail(4, atom_to_list(Id))), S(St), S(Ld), L(Ms), I, T, M, C, W]) end, "
	"Mirrored = fun(Q) -> erlang:function_exported(rabbit_mirror_queue_misc, is_mirrored, 1) andalso "
	"  Try(fun() -> rabbit_mirror_queue_misc:is_mirrored(Q) end, true) end, "
	"Up = fun(X) -> is_pid(X) andalso node(X) =:= node() andalso is_process_alive(X) end, "
	"Classic = fun(Q) -> "
	"  P = amqqueue:get_pid(Q), Ss = Try(fun() -> amqqueue:get_slave_pids(Q) end, []), "
	"  Sync = Try(fun() -> amqqueue:get_sync_slave_pids(Q) end, []), "
	"  Mine = [X || X <- Ss, node(X) =:= node()], "
	"  St = case {Up(P), lists:any(Up, Mine)} of {true, _} -> leader; {_, true} -> follower; _ -> none end, "
	"  {resource, _, _, Name} = amqqueue:get_name(Q), "
	"  io_lib:format(\"{\\\"type\\\":\\\"classic\\\",\\\"queue\\\":~s,\\\"state\\\":~s,\\\"leader\\\":~s,\\\"members\\\":~s,"
	"\\\"synchronised\\\":~s,\\\"mirrored\\\":~s}\", [S(Name), S(St), S(node(P)), L([node(X) || X <- [P | Ss]]), "
	"  L([node(X) || X <- [P | if is_list(Sync) -> Sync; true -> [] end]]), Mirrored(Q)]) end, "
	"Ra = Try(fun() -> [E || E <- lists:sort(ets:tab2list(ra_state)), "
	"  lists:prefix(Prefix, atom_to_list(element(1, E)))] end, []), "
	"Rs = Try(fun() -> [Raft(element(1, E), element(2, E)) || E <- lists:sublist(Ra, 4)] end, []), "
	"Tab = case ets:info(rabbit_khepri_queue, name) of undefined -> rabbit_queue; Projected -> Projected end, "
	"Qs = Try(fun() -> [Q || Q <- lists:sort(ets:tab2list(Tab)), amqqueue:get_type(Q) =:= rabbit_classic_queue] end, []), "
	"Cs = Try(fun() -> [Classic(Q) || Q <- lists:sublist(Qs, 4)] end, []), "
	"Led = [element(1, E) || E <- Ra, element(2, E) =:= leader] ++ [amqqueue:get_name(Q) || Q <- Qs, Up(amqqueue:get_pid(Q))], "
	"Of = [element(1, E) || E <- Ra] ++ [amqqueue:get_name(Q) || Q <- Qs], "
	"Kept = length([E || E <- Ra, lists:member(element(2, E), [leader, follower])]) + "
	"  length([Q || Q <- Qs, Up(amqqueue:get_pid(Q)) orelse not Mirrored(Q) orelse "
	"  Try(fun() -> lists:any(Up, amqqueue:get_sync_slave_pids(Q)) end, false)]), "
	"Hash = fun(Names) -> lists:sum([erlang:phash2(X) || X <- Names]) end, "
	"Al = Try(fun() -> gen_event:call(rabbit_alarm, rabbit_alarm, get_alarms, 60) end, []), "
	"Pa = Try(fun() -> gen_server:call(rabbit_node_monitor, partitions, 60) end, []), "
	"Su = Try(fun() -> [N || {N, F} <- maps:to_list(gen_server:call(aten_detector, get_failure_probabilities, 60)), "
	"  F > 0.99] end, []), "
	"Boot = Try(fun() -> rabbit_boot_state:get() end, unknown), "
	"Starts = 1 + Try(fun() -> gen_server:call(rabbit_guid, serial, 60) end, -1), "
	"Start = erlang:convert_time_unit(erlang:system_info(start_time) + erlang:time_offset(), native, millisecond), "
	"iolist_to_binary(io_lib:format(\"{\\\"node\\\":~s,\\\"boot\\\":~s,\\\"now_ms\\\":~b,\\\"started_ms\\\":~b,\\\"starts\\\":~b,"
	"\\\"nodes\\\":~s,\\\"partitions\\\":~s,\\\"suspects\\\":~s,\\\"alarms\\\":~s,\\\"of\\\":~b,"
	"\\\"of_hash\\\":~b,\\\"kept\\\":~b,\\\"led\\\":~b,\\\"led_hash\\\":~b,\\\"queues\\\":[~s]}\", "
	"[S(node()), S(Boot), Now, Start, Starts, L([node() | nodes()]), L(Pa), L(Su), "
	"L([io_lib:format(\"~s ~s\", [R, N]) || {{resource_limit, R, N}, _} <- Al]), length(Of), Hash(Of), Kept, "
	"length(Led), Hash(Led), lists:join(\",\", Rs ++ Cs)])) "
	"end)().";

struct probe {
	struct erl_login login;
	struct erl *erl;
};

struct probe *rabbit_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	erl_login_from(&p->login, acc, m);
	return p;
}

void rabbit_probe_free(struct probe *p)
{
	erl_drop(p->erl);
	free(p);
}

/* Its role is that in the first queue. */
static void read_answer(struct sample *s)
{
	const cJSON *q = cJSON_GetArrayItem(json_get(s->extra, "queues"), 0);
	const char *state = json_str(q, "state", "");
	bool runs = !strcmp(json_str(s->extra, "boot", ""), "ready");

	s->ok = true;
	if (runs && !strcmp(state, "leader"))
		s->role = ROLE_PRIMARY;
	else if (runs && q)
		s->role = ROLE_REPLICA;
	s->writable = s->role == ROLE_PRIMARY && json_bool(q, "majority", true) &&
		      !cJSON_GetArraySize(json_get(s->extra, "alarms"));
	s->timeline = json_i64(q, "term", -1);
	s->position = json_i64(q, "applied", -1);
}

void rabbit_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t from = clock_mono_ns();
	struct buf answer = {0};
	struct err e = {0};
	bool usable = true;

	if (!p->erl)
		p->erl = erl_open(&p->login, from + timeout_ns, s->error, sizeof(s->error));
	if (p->erl && erl_eval(p->erl, question, from + timeout_ns, &answer, &usable, s->error,
			       sizeof(s->error)))
		s->extra = json_parse(buf_cstr(&answer), s->member, &e);
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
	s->closed = !p->erl && error_is_refusal(s->error);
	if (s->extra)
		read_answer(s);
	else if (e.msg[0])
		mem_copy_str(s->error, sizeof(s->error), e.msg);
	if (!usable) {
		erl_drop(p->erl);
		p->erl = NULL;
	}
	buf_free(&answer);
}
