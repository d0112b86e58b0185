/*
 * Graphs: what the context's stream is given, recorded and launched again as a whole.
 */
#include "kernels/cuda/launch.cuh"

/* Of this thread alone: others load models meanwhile. */
int cuda_graph_begin(void *ctx, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    if (c->blocking)
        return err_set(e, ERR_UNSUPPORTED,
                       "graphs: with CUDA_LAUNCH_BLOCKING every launch is on its own");
    cudaError_t code = cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal);
    return code == cudaSuccess ? 0 : cuda_fail("recording a graph", NULL, code, e);
}

int cuda_graph_end(void *ctx, void **ret_graph, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    cudaGraph_t recorded;
    cudaGraphExec_t graph;
    cudaError_t code = cudaStreamEndCapture(c->stream, &recorded);
    if (code != cudaSuccess)
        return cuda_fail("the end of a recorded graph", NULL, code, e);
    code = cudaGraphInstantiate(&graph, recorded, 0);
    cudaGraphDestroy(recorded);
    if (code != cudaSuccess)
        return cuda_fail("making a graph", NULL, code, e);
    *ret_graph = graph;
    return 0;
}

int cuda_graph_replay(void *ctx, void *graph, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    cudaError_t code = cudaGraphLaunch((cudaGraphExec_t)graph, c->stream);
    return code == cudaSuccess ? 0 : cuda_fail("replaying a graph", NULL, code, e);
}

void cuda_graph_free(void *ctx, void *graph)
{
    (void)ctx;
    cudaGraphExecDestroy((cudaGraphExec_t)graph);
}
