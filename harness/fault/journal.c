#include "fault/journal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

/* A name that is safe as a file's and as a part of an nft table's. */
static bool plain_name(const char *s, size_t size)
{
	size_t len = strlen(s);

	if (!len || len >= size || s[0] == '.')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return true;
}

static int set_path(const char *state_dir, struct journal_entry *j, struct err *e)
{
	int len = snprintf(j->path, sizeof(j->path), "%s/journal/%s.json", state_dir, j->id);

	if (len < 0 || (size_t)len >= sizeof(j->path))
		return err_set(e, ERR_INPUT, "the state folder's name is too long: %s", state_dir);
	return 0;
}

int journal_begin(const char *state_dir, const cJSON *plan, struct journal_entry *j,
		  struct err *e)
{
	const char *id = json_str(plan, "id", ""), *fault = json_str(plan, "fault", "");

	memset(j, 0, sizeof(*j));
	if (!plain_name(id, sizeof(j->id)))
		return err_set(e, ERR_INPUT,
			       "a fault's id is 1 to 63 letters, digits, '.', '_' or '-', not \"%.80s\"",
			       id);
	if (!plain_name(fault, sizeof(j->fault)))
		return err_set(e, ERR_INPUT, "the plan of %s names no fault", id);
	mem_copy_str(j->id, sizeof(j->id), id);
	mem_copy_str(j->fault, sizeof(j->fault), fault);
	mem_copy_str(j->state, sizeof(j->state), "begun");
	if (set_path(state_dir, j, e))
		return -1;
	j->plan = cJSON_Duplicate(plan, 1);
	j->record = cJSON_CreateObject();
	return 0;
}

int journal_write(struct journal_entry *j, struct err *e)
{
	cJSON *o = cJSON_CreateObject();
	char dir[512], *text;
	int r;

	json_set_str(o, "id", j->id);
	json_set_str(o, "fault", j->fault);
	json_set_str(o, "state", j->state);
	json_set_i64(o, "injected_ns", j->injected_ns);
	json_set_i64(o, "effective_ns", j->effective_ns);
	json_set_i64(o, "healed_ns", j->healed_ns);
	cJSON_AddItemReferenceToObject(o, "plan", j->plan);
	cJSON_AddItemReferenceToObject(o, "record", j->record);
	text = json_text(o);
	cJSON_Delete(o);
	mem_copy_str(dir, sizeof(dir), j->path);
	*strrchr(dir, '/') = '\0';
	r = file_mkdirs(dir, e);
	if (!r)
		r = file_write_atomic(j->path, text, strlen(text), e);
	free(text);
	return r ? err_prefix(e, "the undo journal") : 0;
}

/* False: what it says makes no sense. */
static bool read_entry(const char *state_dir, const char *path, const char *text,
		       struct journal_entry *j)
{
	struct err ignored = {0};
	cJSON *o = json_parse(text, path, &ignored);
	const cJSON *plan = json_get(o, "plan"), *record = json_get(o, "record");
	bool good = false;

	if (!cJSON_IsObject(plan) || !cJSON_IsObject(record) ||
	    journal_begin(state_dir, plan, j, &ignored))
		goto out;
	cJSON_Delete(j->record);
	j->record = cJSON_Duplicate(record, 1);
	mem_copy_str(j->state, sizeof(j->state), json_str(o, "state", "begun"));
	j->injected_ns = json_i64(o, "injected_ns", 0);
	j->effective_ns = json_i64(o, "effective_ns", 0);
	j->healed_ns = json_i64(o, "healed_ns", 0);
	/* An entry under a name that is not its own would never be removed. */
	good = !strcmp(path, j->path);
out:
	cJSON_Delete(o);
	return good;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

/* One that cannot be read now may hold something all the same. */
static int take_file(const char *state_dir, const char *dir, const char *name,
		     struct journal_list *out, struct err *e)
{
	struct journal_entry j;
	struct buf text = {0};
	char path[512];
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return 0;
	memset(&j, 0, sizeof(j));
	r = file_read(path, &text, e);
	if (!r && ends_with(name, ".json") && read_entry(state_dir, path, buf_cstr(&text), &j)) {
		*VEC_PUSH(out->v, out->n, out->alloc) = j;
	} else if (!r) {
		journal_entry_free(&j);
		mem_copy_str(*VEC_PUSH(out->torn, out->ntorn, out->torn_alloc), sizeof(path), path);
	}
	buf_free(&text);
	return r;
}

int journal_read_all(const char *state_dir, struct journal_list *out, struct err *e)
{
	struct dirent **names = NULL;
	char dir[400];
	int n, r = 0;

	memset(out, 0, sizeof(*out));
	snprintf(dir, sizeof(dir), "%s/journal", state_dir);
	n = scandir(dir, &names, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 :
		       err_set(e, ERR_BROKEN, "cannot read the undo journal %s: %s", dir,
			       strerror(errno));
	for (int i = 0; i < n; i++) {
		if (strcmp(names[i]->d_name, ".") && strcmp(names[i]->d_name, "..") &&
		    take_file(state_dir, dir, names[i]->d_name, out, e))
			r = -1;
		free(names[i]);
	}
	free(names);
	return r ? err_prefix(e, "the undo journal") : 0;
}

void journal_list_free(struct journal_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		journal_entry_free(&l->v[i]);
	free(l->v);
	free(l->torn);
	memset(l, 0, sizeof(*l));
}

int journal_remove(const struct journal_entry *j, struct err *e)
{
	char dir[512];
	int fd;

	if (unlink(j->path) && errno != ENOENT)
		return err_set(e, ERR_BROKEN, "cannot remove %s: %s", j->path, strerror(errno));
	mem_copy_str(dir, sizeof(dir), j->path);
	*strrchr(dir, '/') = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

bool journal_on_disk(const struct journal_entry *j)
{
	return file_exists(j->path);
}

void journal_entry_free(struct journal_entry *j)
{
	cJSON_Delete(j->plan);
	cJSON_Delete(j->record);
	memset(j, 0, sizeof(*j));
}
