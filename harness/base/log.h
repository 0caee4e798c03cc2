#ifndef ORDEAL_BASE_LOG_H
#define ORDEAL_BASE_LOG_H

/* Progress and warnings for people, on standard error, one line each with
 * the time of day; TAP keeps standard output
 * for itself. Any thread may call. */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A line without the time: why a command failed. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
