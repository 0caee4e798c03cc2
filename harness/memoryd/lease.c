#include "memoryd/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The word: holder + 1 in 4 bits, the epoch in 20, the end in 40 (34 years
 * of milliseconds). All zero: nobody has ever held it. */
enum { EPOCH_BITS = 20, END_BITS = 40 };

struct memory_lease {
	_Atomic uint64_t word;
	_Atomic uint64_t committed;
	struct {
		_Atomic uint64_t reach;
		_Atomic int64_t at_ms;
	} member[MEMORY_MEMBERS_MAX];
};

static uint64_t pack(int holder, uint64_t epoch, int64_t expires_ms)
{
	return (uint64_t)(holder + 1) << (EPOCH_BITS + END_BITS) | epoch << END_BITS |
	       (uint64_t)expires_ms;
}

static void unpack(uint64_t word, struct lease_state *out)
{
	out->word = word;
	out->holder = (int)(word >> (EPOCH_BITS + END_BITS)) - 1;
	out->epoch = word >> END_BITS & ((UINT64_C(1) << EPOCH_BITS) - 1);
	out->expires_ms = (int64_t)(word & ((UINT64_C(1) << END_BITS) - 1));
}

int memory_lease_open(const char *dir, struct memory_lease **out, struct err *e)
{
	char path[PATH_MAX];
	void *p = MAP_FAILED;
	int fd;

	snprintf(path, sizeof(path), "%s/lease", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0 && ftruncate(fd, sizeof(struct memory_lease)) == 0)
		p = mmap(NULL, sizeof(struct memory_lease), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
	if (p == MAP_FAILED)
		err_set(e, ERR_BROKEN, "cannot map the lease %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return -1;
	*out = p;
	return 0;
}

void memory_lease_close(struct memory_lease *l)
{
	if (l)
		munmap(l, sizeof(*l));
}

void memory_lease_read(const struct memory_lease *l, struct lease_state *out)
{
	unpack(atomic_load(&l->word), out);
}

bool memory_lease_change(struct memory_lease *l, struct lease_state *seen, int holder,
			 uint64_t epoch, int64_t expires_ms)
{
	uint64_t was = seen->word, want = pack(holder, epoch, expires_ms);
	bool done = atomic_compare_exchange_strong(&l->word, &was, want);

	unpack(done ? want : was, seen);
	return done;
}

uint64_t memory_reach(uint64_t last_epoch, uint64_t n)
{
	return last_epoch << END_BITS | n;
}

void memory_lease_commit(struct memory_lease *l, uint64_t reach)
{
	uint64_t was = atomic_load(&l->committed);

	while (was < reach && !atomic_compare_exchange_weak(&l->committed, &was, reach))
		;
}

uint64_t memory_lease_committed(const struct memory_lease *l)
{
	return atomic_load(&l->committed);
}

void memory_lease_tell(struct memory_lease *l, int member, uint64_t reach, int64_t now_ms)
{
	atomic_store(&l->member[member].reach, reach);
	atomic_store(&l->member[member].at_ms, now_ms);
}

void memory_lease_told(const struct memory_lease *l, int member, uint64_t *reach, int64_t *at_ms)
{
	*at_ms = atomic_load(&l->member[member].at_ms);
	*reach = atomic_load(&l->member[member].reach);
}
