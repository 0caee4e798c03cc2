#ifndef ORDEAL_BASE_BANNED_H
#define ORDEAL_BASE_BANNED_H

#include <stdarg.h>
#include <stddef.h>
#include <time.h>

/* Functions that do not compile here: the Makefile includes this before every
 * file. Declared anew with a reason, so that the compiler says it. */
#define BANNED(why) __attribute__((deprecated(why)))

#define BANNED_BOUND BANNED("knows no bound: mem_copy_str(), snprintf() or a struct buf")
char *gets(char *) BANNED_BOUND;
int sprintf(char *, const char *, ...) BANNED_BOUND;
int vsprintf(char *, const char *, va_list) BANNED_BOUND;
char *strcpy(char *, const char *) BANNED_BOUND;
char *stpcpy(char *, const char *) BANNED_BOUND;
char *strcat(char *, const char *) BANNED_BOUND;

#define BANNED_END BANNED("its bound is not that of the target, or it leaves no end: mem_copy_str()")
char *strncpy(char *, const char *, size_t) BANNED_END;
char *stpncpy(char *, const char *, size_t) BANNED_END;
char *strncat(char *, const char *, size_t) BANNED_END;

#define BANNED_SHARED BANNED("its result is shared by all threads: take the variant with _r")
char *strtok(char *, const char *) BANNED_SHARED;
struct tm *gmtime(const time_t *) BANNED_SHARED;
struct tm *localtime(const time_t *) BANNED_SHARED;
char *ctime(const time_t *) BANNED_SHARED;
char *asctime(const struct tm *) BANNED_SHARED;

struct hostent;
struct hostent *gethostbyname(const char *) BANNED("has no deadline and one result: base/resolve.h");

#define BANNED_PLACE BANNED("some builds of cJSON take no item in the middle: json_insert()")
struct cJSON;
int cJSON_InsertItemInArray(struct cJSON *, int, struct cJSON *) BANNED_PLACE;

#define BANNED_NUMBER BANNED("tells no mistake, and overflow is undefined: strtol() and its kin")
int atoi(const char *) BANNED_NUMBER;
long atol(const char *) BANNED_NUMBER;
long long atoll(const char *) BANNED_NUMBER;
double atof(const char *) BANNED_NUMBER;

#define BANNED_CHILD BANNED("copies locks that other threads hold, or asks a shell: base/proc.h")
int fork(void) BANNED_CHILD;
int vfork(void) BANNED_CHILD;
int system(const char *) BANNED_CHILD;
struct _IO_FILE *popen(const char *, const char *) BANNED_CHILD; /* NOLINT: the libc's name */

#define BANNED_CHANCE BANNED("every choice comes from the seed of the run: base/rng.h")
int rand(void) BANNED_CHANCE;
void srand(unsigned) BANNED_CHANCE;
long random(void) BANNED_CHANCE;
double drand48(void) BANNED_CHANCE;

#define BANNED_RACE BANNED("somebody else may take the name first: mkstemp() or mkdtemp()")
char *mktemp(char *) BANNED_RACE;
char *tmpnam(char *) BANNED_RACE;
char *tempnam(const char *, const char *) BANNED_RACE;

#define BANNED_SLEEP BANNED("a signal cuts it short: clock_sleep_until(), or wait for a condition")
unsigned sleep(unsigned) BANNED_SLEEP;
int usleep(unsigned) BANNED_SLEEP;

#define BANNED_HEAP BANNED("may return NULL: base/mem.h ends the program instead")
void *malloc(size_t) BANNED_HEAP;
void *calloc(size_t, size_t) BANNED_HEAP;
void *realloc(void *, size_t) BANNED_HEAP;
char *strdup(const char *) BANNED_HEAP;
char *strndup(const char *, size_t) BANNED_HEAP;
int asprintf(char **, const char *, ...) BANNED_HEAP;
int vasprintf(char **, const char *, va_list) BANNED_HEAP;

#endif
