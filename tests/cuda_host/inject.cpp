#include "tests/cuda_host/inject.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/cuda_host/options.h"

namespace cuda_host {

/* "CALL N ERROR" */
struct wish {
    std::string text, call;
    long n;
    cudaError_t error;
    long seen; /* calls with that name */
};

static wish read_wish(const std::string &text)
{
    char call[64] = "";
    long n = 0;
    int error = 0;
    if (!text.empty() && sscanf(text.c_str(), "%63s %ld %d", call, &n, &error) != 3) {
        fprintf(stderr, "cuda_host: CUDA_HOST_FAIL: '%s' is not CALL N ERROR\n", text.c_str());
        abort();
    }
    return { text, call, n, (cudaError_t)error, 0 };
}

cudaError_t injected(const char *call)
{
    static wish present;
    std::string text = option_fail();
    if (text != present.text)
        present = read_wish(text);
    if (text.empty() || !strstr(call, present.call.c_str()))
        return cudaSuccess;
    return ++present.seen == present.n ? present.error : cudaSuccess;
}

bool is_sticky(cudaError_t error)
{
    return error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure;
}

}
