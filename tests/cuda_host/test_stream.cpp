/* Streams, events and graphs: work runs when it is waited for, in order, and again when replayed.
 */
#include <thread>

#include "tests/cuda_host/test_device.h"

/* x = x * 10 + digit: shows what ran, and in which order. */
__global__ void append(long *x, int digit)
{
    *x = *x * 10 + digit;
}

struct stream {
    cudaStream_t s;

    explicit stream(unsigned flags = cudaStreamNonBlocking)
    {
        expect_success(cudaStreamCreateWithFlags(&s, flags));
    }
    ~stream()
    {
        cudaStreamDestroy(s);
    }
};

struct event {
    cudaEvent_t e;

    event()
    {
        expect_success(cudaEventCreate(&e));
    }
    ~event()
    {
        cudaEventDestroy(e);
    }
};

static void work_waits_for_a_wait(void **)
{
    stream a, b;
    device_array<long> x(1), y(1);
    LAUNCH(append, 1, 1, 0, a.s, x.data, 1);
    LAUNCH(append, 1, 1, 0, b.s, y.data, 2);
    LAUNCH(append, 1, 1, 0, a.s, x.data, 3);
    assert_int_equal(x[0], 0);
    expect_success(cudaStreamSynchronize(a.s));
    assert_int_equal(x[0], 13);
    assert_int_equal(y[0], 0);
    expect_success(cudaStreamSynchronize(b.s));
    assert_int_equal(y[0], 2);
}

static void asking_again_and_again_ends(void **)
{
    stream a;
    device_array<long> x(1);
    int n_asked = 0;
    LAUNCH(append, 1, 1, 0, a.s, x.data, 1);
    while (cudaStreamQuery(a.s) == cudaErrorNotReady)
        n_asked++;
    assert_int_equal(n_asked, 1);
    assert_int_equal(x[0], 1);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
}

static void events_order_streams(void **)
{
    for (int seed = 1; seed <= 4; seed++) {
        set_option("CUDA_HOST_SEED", seed);
        stream a, b;
        event done;
        device_array<long> x(1);
        LAUNCH(append, 1, 1, 0, a.s, x.data, 1);
        LAUNCH(append, 1, 1, 0, a.s, x.data, 2);
        expect_success(cudaEventRecord(done.e, a.s));
        expect_success(cudaStreamWaitEvent(b.s, done.e));
        LAUNCH(append, 1, 1, 0, b.s, x.data, 3);
        run_well();
        assert_int_equal(x[0], 123);
    }
}

/* Without an event some order of the streams is another one. */
static void a_missing_event_shows(void **)
{
    bool shown = false;
    for (int seed = 1; seed <= 8; seed++) {
        set_option("CUDA_HOST_SEED", seed);
        stream a, b;
        device_array<long> x(1);
        LAUNCH(append, 1, 1, 0, a.s, x.data, 1);
        LAUNCH(append, 1, 1, 0, b.s, x.data, 2);
        run_well();
        shown = shown || x[0] == 21;
    }
    assert_true(shown);
}

static void events_tell_time(void **)
{
    stream a;
    event before, after;
    float ms = -1;
    device_array<long> x(1);
    expect_success(cudaEventRecord(before.e, a.s));
    LAUNCH(append, 1, 1, 0, a.s, x.data, 1);
    expect_success(cudaEventRecord(after.e, a.s));
    assert_int_equal(cudaEventElapsedTime(&ms, before.e, after.e), cudaErrorNotReady);
    expect_success(cudaEventSynchronize(after.e));
    assert_int_equal(x[0], 1);
    expect_success(cudaEventElapsedTime(&ms, before.e, after.e));
    assert_true(ms >= 0);
    expect_success(cudaEventQuery(after.e));
}

static void the_default_stream_waits_for_blocking_ones(void **)
{
    stream blocking(cudaStreamDefault);
    device_array<long> x(1);
    LAUNCH(append, 1, 1, 0, blocking.s, x.data, 1);
    LAUNCH(append, 1, 1, 0, nullptr, x.data, 2);
    LAUNCH(append, 1, 1, 0, blocking.s, x.data, 3);
    expect_success(cudaStreamSynchronize(blocking.s));
    assert_int_equal(x[0], 123);
}

static cudaGraphExec_t recorded(cudaStream_t s, long *x)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    size_t n;
    expect_success(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    LAUNCH(append, 1, 1, 0, s, x, 1);
    LAUNCH(append, 1, 1, 0, s, x, 2);
    expect_success(cudaStreamEndCapture(s, &graph));
    expect_success(cudaGraphGetNodes(graph, nullptr, &n));
    assert_int_equal(n, 2);
    expect_success(cudaGraphInstantiate(&exec, graph));
    expect_success(cudaGraphDestroy(graph));
    return exec;
}

static void graphs_are_replayed(void **)
{
    stream a;
    device_array<long> x(1);
    cudaGraphExec_t exec = recorded(a.s, x.data);
    expect_success(cudaStreamSynchronize(a.s));
    assert_int_equal(x[0], 0); /* recorded, not run */
    expect_success(cudaGraphLaunch(exec, a.s));
    LAUNCH(append, 1, 1, 0, a.s, x.data, 3);
    expect_success(cudaGraphLaunch(exec, a.s));
    assert_int_equal(x[0], 0);
    expect_success(cudaStreamSynchronize(a.s));
    assert_int_equal(x[0], 12312);
    expect_success(cudaGraphExecDestroy(exec));
}

static void a_graph_takes_in_other_streams(void **)
{
    stream a, b;
    event fork, join;
    cudaGraph_t graph;
    size_t n;
    device_array<long> x(1);
    expect_success(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeGlobal));
    LAUNCH(append, 1, 1, 0, a.s, x.data, 1);
    expect_success(cudaEventRecord(fork.e, a.s));
    expect_success(cudaStreamWaitEvent(b.s, fork.e));
    LAUNCH(append, 1, 1, 0, b.s, x.data, 2);
    expect_success(cudaEventRecord(join.e, b.s));
    expect_success(cudaStreamWaitEvent(a.s, join.e));
    expect_success(cudaStreamEndCapture(a.s, &graph));
    expect_success(cudaGraphGetNodes(graph, nullptr, &n));
    assert_int_equal(n, 2);
    expect_success(cudaGraphDestroy(graph));
    LAUNCH(append, 1, 1, 0, b.s, x.data, 3);
    expect_success(cudaStreamSynchronize(b.s));
    assert_int_equal(x[0], 3);
}

static void nobody_waits_inside_a_graph(void **)
{
    stream a;
    cudaGraph_t graph;
    void *data;
    expect_success(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeGlobal));
    assert_int_equal(cudaMalloc(&data, 1), cudaErrorStreamCaptureUnsupported);
    assert_int_equal(cudaStreamSynchronize(a.s), cudaErrorStreamCaptureUnsupported);
    assert_int_equal(cudaStreamEndCapture(a.s, &graph), cudaErrorStreamCaptureInvalidated);
    assert_null(graph);
    assert_int_equal(cudaStreamEndCapture(a.s, &graph), cudaErrorStreamCaptureUnmatched);
    cudaGetLastError();
}

static void other_threads_go_on(void **)
{
    stream a;
    cudaGraph_t graph;
    expect_success(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeThreadLocal));
    std::thread([] {
        void *data;
        expect_success(cudaMalloc(&data, 1));
        expect_success(cudaFree(data));
    }).join();
    expect_success(cudaStreamEndCapture(a.s, &graph));
    expect_success(cudaGraphDestroy(graph));
}

static void a_wanted_fault_comes(void **)
{
    stream a;
    device_array<long> x(1);
    setenv("CUDA_HOST_FAIL", "pend 2 719", 1);
    LAUNCH(append, 1, 1, 0, a.s, x.data, 3);
    LAUNCH(append, 1, 1, 0, a.s, x.data, 1);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    run_ill("kernel append: the failure that CUDA_HOST_FAIL asks for");
    assert_int_equal(x[0], 3);
    unsetenv("CUDA_HOST_FAIL");
    LAUNCH(append, 1, 1, 0, a.s, x.data, 2);
    run_well();
    assert_int_equal(x[0], 32);
}

/* What a call is refused with is told once, and changes nothing. */
static void a_call_fails_once(void **)
{
    void *data;
    setenv("CUDA_HOST_FAIL", "cudaMalloc 1 2", 1);
    assert_int_equal(cudaMalloc(&data, 1), cudaErrorMemoryAllocation);
    assert_int_equal(cudaGetLastError(), cudaErrorMemoryAllocation);
    expect_success(cudaMalloc(&data, 1));
    expect_success(cudaFree(data));
    unsetenv("CUDA_HOST_FAIL");
    run_well();
}

static void a_blocking_launch_tells_at_once(void **)
{
    stream a;
    device_array<long> x(1);
    setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
    LAUNCH(append, 1, 1, 0, a.s, x.data, 4);
    assert_int_equal(x[0], 4);
    setenv("CUDA_HOST_FAIL", "append 1 719", 1);
    LAUNCH(append, 1, 1, 0, a.s, x.data, 5);
    assert_int_equal(cudaGetLastError(), cudaErrorLaunchFailure);
    run_ill("kernel append");
    unsetenv("CUDA_HOST_FAIL");
    unsetenv("CUDA_LAUNCH_BLOCKING");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(work_waits_for_a_wait),
    cmocka_unit_test(asking_again_and_again_ends),
    cmocka_unit_test(events_order_streams),
    cmocka_unit_test(a_missing_event_shows),
    cmocka_unit_test(events_tell_time),
    cmocka_unit_test(the_default_stream_waits_for_blocking_ones),
    cmocka_unit_test(graphs_are_replayed),
    cmocka_unit_test(a_graph_takes_in_other_streams),
    cmocka_unit_test(nobody_waits_inside_a_graph),
    cmocka_unit_test(other_threads_go_on),
    cmocka_unit_test(a_wanted_fault_comes),
    cmocka_unit_test(a_call_fails_once),
    cmocka_unit_test(a_blocking_launch_tells_at_once),
};

TEST_MAIN(tests)
