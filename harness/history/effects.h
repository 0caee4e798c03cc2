#ifndef ORDEAL_HISTORY_EFFECTS_H
#define ORDEAL_HISTORY_EFFECTS_H

#include <stdbool.h>
#include <stdint.h>

/* What a fault does to its targets, whatever it is called. Each fault computes
 * them from its parameters (fault_ops.effects); whoever predicts, explains or
 * tells of an outage asks for these and never for a fault's name. */
enum effect {
	EFFECT_PROCESS_DIES = 1 << 0,    /* a process of the server ends; its pod stays */
	EFFECT_POD_RECREATED = 1 << 1,   /* the pod goes, and its controller makes it anew */
	EFFECT_NEW_ADDRESS = 1 << 2,     /* ... with another address */
	EFFECT_SILENT = 1 << 3,          /* stands still; its connections stay open */
	EFFECT_CUT_OFF = 1 << 4,         /* packets are dropped: see `cut`, `inbound`, `outbound` */
	EFFECT_NODE_GONE = 1 << 5,       /* its node is away, with everything on it */
	EFFECT_STORAGE_REFUSES = 1 << 6, /* its volume takes no more writes */
	EFFECT_STORAGE_EMPTY = 1 << 7,   /* it comes back without its data */
	EFFECT_NETWORK_SLOW = 1 << 8,
	EFFECT_DISK_SLOW = 1 << 9,
	EFFECT_ROLLED_BACK = 1 << 10,    /* its storage is as it was last synced */
};

/* What a target that ends is told before. */
enum notice {
	NOTICE_NONE,  /* nothing: killed */
	NOTICE_SHORT, /* SIGTERM, and killed about two seconds later */
	NOTICE_FULL,  /* SIGTERM, and all the time that its manifest gives it */
};

/* From whom a target is cut off, besides the members on other nodes. */
enum cut {
	CUT_API = 1 << 0,    /* the API server of Kubernetes */
	CUT_DNS = 1 << 1,
	CUT_PROBES = 1 << 2, /* its own node, from where the kubelet asks */
};

struct effects {
	uint32_t what;      /* enum effect, or-ed; 0: nobody knows this fault */
	enum notice notice; /* of those that end a process, a pod or a node */
	bool whole_container; /* EFFECT_PROCESS_DIES: with its container, which the kubelet starts
				 again */
	bool by_its_name;   /* EFFECT_PROCESS_DIES: of a process that the scenario names, which need
			       not be the one that serves */
	bool whole_node;    /* whatever else runs on the targets' nodes is hit as well */
	bool one_by_one;    /* each target only once the one before is whole again */
	bool told_at_once;  /* one agent tells of all targets, wherever they are */
	bool lasts;         /* stays until it is healed; else it is over once it is done */
	uint32_t cut;       /* EFFECT_CUT_OFF: enum cut, or-ed ... */
	bool partly;        /* ... some other nodes still hear it ... */
	bool inbound, outbound; /* ... and which packets are dropped, seen from the target */
};

/* Whether the target's server or all of its pod ends: it has to start again. */
static inline bool effects_die(const struct effects *e)
{
	return e->what & (EFFECT_PROCESS_DIES | EFFECT_POD_RECREATED);
}

/* Whether no client elsewhere gets an answer from a target from the effective
 * instant on: bounds the beginning of an outage where clients merely hang.
 * False: nothing so sharp is known. */
static inline bool effects_silence(const struct effects *e)
{
	return (e->what & EFFECT_SILENT) ||
	       ((e->what & EFFECT_CUT_OFF) && e->inbound && e->outbound);
}

#endif
