/*
 * Streams: queues of work that runs when somebody waits, and graphs that keep work to run again.
 */
#ifndef CUDA_HOST_STREAM_H
#define CUDA_HOST_STREAM_H

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/cuda_host/runtime_api.h"

namespace cuda_host {

typedef std::function<void()> work;

/* A place in a stream. */
struct mark {
    cudaStream_t stream;
    bool reached;
    double reached_at; /* seconds */
};

}

struct CUgraph_st {
    std::vector<cuda_host::work> nodes;
    std::vector<cudaStream_t> streams; /* that record; the first is where recording began */
    bool invalid;
    std::thread::id owner; /* whose other calls are refused; of no thread: everybody's */
};

struct CUgraphExec_st {
    std::vector<cuda_host::work> nodes;
};

struct CUstream_st {
    int device;
    bool blocking; /* waits for the default stream, and it for this one */
    std::deque<cuda_host::work> queue;
    CUgraph_st *recording; /* where work goes instead */
};

struct CUevent_st {
    std::shared_ptr<cuda_host::mark> last; /* null: not recorded, so not waited for */
    CUgraph_st *recorded_in;               /* instead of last */
};

namespace cuda_host {

/* The stream itself, or the default stream of the present device. Null after telling why: it is
 * none of ours. */
cudaStream_t stream_of(cudaStream_t stream);
/* Puts work at the end of the stream, or into the graph that it records. */
cudaError_t enqueue(cudaStream_t stream, work w);
/* Refuses while anything is recorded: waiting would never end on a device. */
cudaError_t refuse_while_recording(const char *call);
/* Runs what all streams of the present device hold, in any order between streams. */
cudaError_t run_everything();
/* The next piece of work; false: none is left. */
bool run_one(cudaStream_t stream);

int present_device();
/* This thread records a graph. */
bool recording();
double seconds();

}

#endif
