#include "tests/cuda_host/options.h"

#include <cstdlib>
#include <fstream>

#include "tests/cuda_host/runtime_api.h"

namespace cuda_host {

static uint64_t option(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, nullptr, 10) : otherwise;
}

uint64_t option_seed()
{
    return option("CUDA_HOST_SEED", 1);
}

uint64_t option_devices()
{
    return option("CUDA_HOST_DEVICES", 1);
}

uint64_t option_memory()
{
    return option("CUDA_HOST_MEMORY", (uint64_t)4 << 30);
}

uint64_t option_compute()
{
    return option("CUDA_HOST_COMPUTE", 80);
}

uint64_t option_driver()
{
    return option("CUDA_HOST_DRIVER", CUDART_VERSION);
}

static std::string first_line_of(const char *path)
{
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    return line;
}

std::string option_fail()
{
    const char *wish = getenv("CUDA_HOST_FAIL"), *path = getenv("CUDA_HOST_FAIL_FILE");
    return wish ? wish : path ? first_line_of(path) : "";
}

bool option_blocking()
{
    return option("CUDA_LAUNCH_BLOCKING", 0);
}

uint64_t shuffler::next()
{
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t shuffler::below(uint32_t n)
{
    return (uint32_t)((next() >> 32) * n >> 32);
}

}
