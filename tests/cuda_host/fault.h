/*
 * What went wrong on the device, in words. Kept until the process ends, as a device error is; also
 * printed on stderr, because callers may know only the error's code.
 */
#ifndef CUDA_HOST_FAULT_H
#define CUDA_HOST_FAULT_H

#include <cstdarg>
#include <string>

namespace cuda_host {

std::string format_words(const char *format, va_list args);
std::string words(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Keeps the first one. */
void fault_report(const std::string &text);
/* Empty: none yet. */
const std::string &fault_text();
/* For tests of the shim alone: a device starts anew. */
void fault_forget();

}

#endif
