/*
 * Server-sent events out of the body of an answer: EventSource can only GET.
 */

/* "event: x\ndata: {...}" -> the object; undefined for comments, which keep the connection open. */
function parse(block) {
  const data = block.split("\n").filter((line) => line.startsWith("data: "));
  return data.length ? JSON.parse(data.map((line) => line.slice(6)).join("\n")) : undefined;
}

export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (event) yield event;
    }
  }
}
