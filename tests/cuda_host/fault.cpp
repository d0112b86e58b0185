#include "tests/cuda_host/fault.h"

#include <cstdio>

namespace cuda_host {

static std::string first;

std::string format_words(const char *format, va_list args)
{
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    return text;
}

std::string words(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    std::string text = format_words(format, args);
    va_end(args);
    return text;
}

void fault_report(const std::string &text)
{
    fprintf(stderr, "cuda_host: %s\n", text.c_str());
    if (first.empty())
        first = text;
}

const std::string &fault_text()
{
    return first;
}

void fault_forget()
{
    first.clear();
}

}
