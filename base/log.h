/*
 * Log lines to stderr, one event a line: `2026-01-31T12:00:00.123Z info sched: text`; with a
 * journal behind it (JOURNAL_STREAM set) the form is `<6>sched: text`. The level is the process's
 * one global. Any thread; a line is one write. base, kernels and model return errors instead
 * (log_debug is allowed there).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_LEVELS "error|warn|info|debug" /* in order */

void log_set_level(enum log_level level);
enum log_level log_level(void);
const char *log_level_name(enum log_level level);

/* A line that says everything itself, such as a JSON object: it goes out as it is, in a journal
 * with its priority in front. Bytes over 2,000 are cut off. */
void log_as_it_is(enum log_level level, const char *line);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
