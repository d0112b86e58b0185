#include "tests/cuda_host/stream.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "tests/cuda_host/error.h"
#include "tests/cuda_host/memory.h"
#include "tests/cuda_host/options.h"

namespace cuda_host {

static std::vector<cudaStream_t> &streams() /* made by the caller */
{
    static std::vector<cudaStream_t> all;
    return all;
}

static cudaStream_t default_stream(int device)
{
    static std::map<int, CUstream_st> all;
    CUstream_st &s = all[device];
    s.device = device;
    return &s;
}

static bool is_default(cudaStream_t stream)
{
    return stream == default_stream(stream->device);
}

double seconds()
{
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

cudaStream_t stream_of(cudaStream_t stream)
{
    if (!stream)
        return default_stream(present_device());
    if (std::find(streams().begin(), streams().end(), stream) == streams().end()) {
        refuse(cudaErrorInvalidResourceHandle, "no such stream");
        return nullptr;
    }
    if (stream->device != present_device()) {
        refuse(cudaErrorInvalidResourceHandle,
               "the stream is of device %d, but device %d is the present one", stream->device,
               present_device());
        return nullptr;
    }
    return stream;
}

/* ---- running ---- */

bool run_one(cudaStream_t stream)
{
    if (stream->queue.empty())
        return false;
    work w = std::move(stream->queue.front());
    stream->queue.pop_front();
    if (fault_text().empty())
        w();
    return true;
}

/* Until the mark is behind us. */
static void run_to(const std::shared_ptr<mark> &m)
{
    while (!m->reached && run_one(m->stream))
        ;
}

static void run_all(cudaStream_t stream)
{
    while (run_one(stream))
        ;
    memory_check();
}

static std::vector<cudaStream_t> with_work(int device)
{
    std::vector<cudaStream_t> some;
    if (!default_stream(device)->queue.empty())
        some.push_back(default_stream(device));
    for (cudaStream_t s : streams())
        if (s->device == device && !s->queue.empty())
            some.push_back(s);
    return some;
}

cudaError_t run_everything()
{
    shuffler random = { option_seed() };
    for (;;) {
        std::vector<cudaStream_t> some = with_work(present_device());
        if (some.empty())
            break;
        run_one(some[random.below((uint32_t)some.size())]);
    }
    memory_check();
    return cudaSuccess;
}

/* ---- queueing ---- */

static std::shared_ptr<mark> put_mark(cudaStream_t stream)
{
    auto m = std::make_shared<mark>(mark{ stream, false, 0 });
    stream->queue.push_back([m] {
        m->reached_at = seconds();
        m->reached = true;
    });
    return m;
}

static void wait_for_end_of(cudaStream_t other, cudaStream_t stream)
{
    if (other == stream || other->queue.empty())
        return;
    auto m = put_mark(other);
    stream->queue.push_back([m] { run_to(m); });
}

/* The default stream waits for all blocking streams, and they for it. */
static void wait_for_others(cudaStream_t stream)
{
    if (is_default(stream)) {
        for (cudaStream_t s : streams())
            if (s->device == stream->device && s->blocking)
                wait_for_end_of(s, stream);
    } else if (stream->blocking) {
        wait_for_end_of(default_stream(stream->device), stream);
    }
}

cudaError_t enqueue(cudaStream_t stream, work w)
{
    stream = stream_of(stream);
    if (!stream)
        return cudaErrorInvalidResourceHandle;
    if (stream->recording) {
        stream->recording->nodes.push_back(std::move(w));
        return cudaSuccess;
    }
    if (is_default(stream) && recording())
        return refuse_while_recording("work on the default stream");
    wait_for_others(stream);
    stream->queue.push_back(std::move(w));
    return cudaSuccess;
}

static const std::thread::id ANYBODY;

/* What this thread does may disturb the recording. */
static bool is_mine(const CUgraph_st *graph)
{
    return graph && (graph->owner == ANYBODY || graph->owner == std::this_thread::get_id());
}

bool recording()
{
    for (cudaStream_t s : streams())
        if (is_mine(s->recording))
            return true;
    return false;
}

cudaError_t refuse_while_recording(const char *call)
{
    if (!recording())
        return cudaSuccess;
    for (cudaStream_t s : streams())
        if (is_mine(s->recording))
            s->recording->invalid = true;
    return refuse(cudaErrorStreamCaptureUnsupported, "%s while a stream records a graph", call);
}

}

using namespace cuda_host;

/* ---- streams ---- */

cudaError_t cudaStreamCreate(cudaStream_t *ret_stream)
{
    return cudaStreamCreateWithFlags(ret_stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *ret_stream, unsigned flags)
{
    return api([&] {
        cudaStream_t s = new CUstream_st();
        s->device = present_device();
        s->blocking = !(flags & cudaStreamNonBlocking);
        streams().push_back(s);
        *ret_stream = s;
        return cudaSuccess;
    });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *ret_stream, unsigned flags, int)
{
    return cudaStreamCreateWithFlags(ret_stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    return api_release([&] {
        if (!stream || !stream_of(stream))
            return cudaErrorInvalidResourceHandle;
        run_all(stream);
        streams().erase(std::find(streams().begin(), streams().end(), stream));
        delete stream;
        return cudaSuccess;
    });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    return api([&] {
        cudaStream_t s = stream_of(stream);
        if (!s)
            return cudaErrorInvalidResourceHandle;
        if (s->recording)
            return refuse_while_recording("cudaStreamSynchronize");
        run_all(s);
        return cudaSuccess;
    });
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    return api([&] {
        cudaStream_t s = stream_of(stream);
        if (!s)
            return cudaErrorInvalidResourceHandle;
        if (s->recording)
            return refuse_while_recording("cudaStreamQuery");
        return run_one(s) ? cudaErrorNotReady : cudaSuccess;
    });
}

cudaError_t cudaDeviceSynchronize()
{
    return api([&] {
        cudaError_t error = refuse_while_recording("cudaDeviceSynchronize");
        return error ? error : run_everything();
    });
}

/* ---- events ---- */

cudaError_t cudaEventCreate(cudaEvent_t *ret_event)
{
    return cudaEventCreateWithFlags(ret_event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *ret_event, unsigned)
{
    return api([&] {
        *ret_event = new CUevent_st();
        return cudaSuccess;
    });
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    return api_release([&] {
        delete event;
        return cudaSuccess;
    });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return api([&] {
        cudaStream_t s = stream_of(stream);
        if (!s)
            return cudaErrorInvalidResourceHandle;
        event->recorded_in = s->recording;
        if (!s->recording) {
            wait_for_others(s);
            event->last = put_mark(s);
        }
        return cudaSuccess;
    });
}

/* A stream that waits for an event inside a graph joins its recording. */
static cudaError_t join(cudaStream_t stream, CUgraph_st *graph)
{
    if (stream->recording == graph)
        return cudaSuccess;
    stream->recording = graph;
    graph->streams.push_back(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    return api([&] {
        cudaStream_t s = stream_of(stream);
        if (!s)
            return cudaErrorInvalidResourceHandle;
        if (event->recorded_in)
            return join(s, event->recorded_in);
        std::shared_ptr<mark> m = event->last;
        return m ? enqueue(s, [m] { run_to(m); }) : cudaSuccess;
    });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    return api([&] {
        if (event->recorded_in)
            return refuse_while_recording("cudaEventSynchronize");
        if (event->last)
            run_to(event->last);
        memory_check();
        return cudaSuccess;
    });
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    return api([&] {
        if (event->recorded_in)
            return refuse_while_recording("cudaEventQuery");
        if (!event->last || event->last->reached)
            return cudaSuccess;
        run_one(event->last->stream);
        return cudaErrorNotReady;
    });
}

cudaError_t cudaEventElapsedTime(float *ret_ms, cudaEvent_t from, cudaEvent_t to)
{
    return api([&] {
        if (!from->last || !to->last)
            return cudaErrorInvalidResourceHandle;
        if (!from->last->reached || !to->last->reached)
            return cudaErrorNotReady;
        *ret_ms = (float)((to->last->reached_at - from->last->reached_at) * 1e3);
        return cudaSuccess;
    });
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    return api([&] {
        if (!stream || !stream_of(stream))
            return refuse(cudaErrorStreamCaptureUnsupported,
                          "the default stream cannot record a graph");
        if (stream->recording)
            return refuse(cudaErrorInvalidValue, "the stream records a graph already");
        stream->recording = new CUgraph_st();
        stream->recording->owner =
            mode == cudaStreamCaptureModeGlobal ? ANYBODY : std::this_thread::get_id();
        stream->recording->streams.push_back(stream);
        return cudaSuccess;
    });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *ret_graph)
{
    return api([&] {
        CUgraph_st *graph = stream && stream_of(stream) ? stream->recording : nullptr;
        if (!graph || graph->streams[0] != stream)
            return refuse(cudaErrorStreamCaptureUnmatched, "the stream did not begin to record");
        for (cudaStream_t s : graph->streams)
            s->recording = nullptr;
        *ret_graph = graph->invalid ? nullptr : graph;
        if (!graph->invalid)
            return cudaSuccess;
        delete graph;
        return cudaErrorStreamCaptureInvalidated;
    });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *ret_status)
{
    return api([&] {
        cudaStream_t s = stream_of(stream);
        if (!s)
            return cudaErrorInvalidResourceHandle;
        *ret_status = !s->recording           ? cudaStreamCaptureStatusNone
                      : s->recording->invalid ? cudaStreamCaptureStatusInvalidated
                                              : cudaStreamCaptureStatusActive;
        return cudaSuccess;
    });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ret_exec, cudaGraph_t graph, unsigned long long)
{
    return api([&] {
        *ret_exec = new CUgraphExec_st{ graph->nodes };
        return cudaSuccess;
    });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *, size_t *ret_n)
{
    return api([&] {
        *ret_n = graph->nodes.size();
        return cudaSuccess;
    });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    return api([&] {
        for (const work &w : exec->nodes) {
            cudaError_t error = enqueue(stream, w);
            if (error)
                return error;
        }
        return cudaSuccess;
    });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t)
{
    return api([&] { return cudaSuccess; });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    return api_release([&] {
        delete exec;
        return cudaSuccess;
    });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    return api_release([&] {
        delete graph;
        return cudaSuccess;
    });
}
