/*
 * The page at /: one form, one request at a time, pictures in a gallery. Plain modules of the browser; nothing is built.
 *
 *   capabilities -> limits and defaults of the form
 *   form -> JSON -> POST /v1/generate as a stream -> events -> cards of the gallery
 */
import { events } from "./events.js";

const $ = (id) => document.getElementById(id);
const form = $("form");
let picture = null; // base64 of a file, without the head of its data: URL
let drawing = null; // AbortController of the request that runs

/* ---- the form ---- */

const SLIDERS = { guidance: "guidance_scale", temperature: "temperature", top_p: "top_p" };

function showValue(slider) {
  document.querySelector(`output[for=${slider.id}]`).value = Number(slider.value).toFixed(2);
}

function headers() {
  const key = $("key").value;
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/* Limits and defaults of this daemon. */
async function fit() {
  const answer = await fetch("v1/capabilities", { headers: headers() });
  if (!answer.ok) return complain(answer.status, await words(answer));
  const { model, limits, endpoints } = await answer.json();
  const fields = endpoints["/v1/generate"];
  say(""); // the key that was asked for has come
  $("model").textContent = `${model.id}, ${model.width} × ${model.height}`;
  $("n").max = limits.n;
  $("candidates").max = limits.candidates;
  $("seed").max = limits.seed;
  $("guidance").max = fields.guidance_scale.max;
  for (const [id, field] of Object.entries(SLIDERS)) {
    $(id).value = model.defaults[field];
    showValue($(id));
  }
}

function number(id) {
  return $(id).value === "" ? undefined : Number($(id).value);
}

/* What the request is about: words, a picture, or both. */
function subject() {
  const prompt = $("prompt").value.trim();
  const weight = Number($("weight").value);
  if (!picture) return { prompt };
  if (!prompt) return { image: picture };
  return { mix: [{ text: prompt, weight: 1 - weight }, { image: picture, weight }] };
}

function request() {
  const guidance = number("guidance");
  const body = {
    ...subject(),
    n: number("n"),
    candidates: number("candidates"),
    seed: number("seed"),
    guidance_scale: guidance,
    temperature: number("temperature"),
    top_p: number("top_p"),
    output_format: $("format").value,
    stream: true,
    partial_images: 3,
  };
  if ($("negative").value && guidance > 1) body.negative_prompt = $("negative").value;
  return JSON.stringify(body);
}

/* ---- words for people ---- */

function say(text, isError = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", isError);
}

async function words(answer) {
  try {
    return (await answer.json()).error.message;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

function complain(status, message) {
  for (const part of document.querySelectorAll(".key")) part.hidden = part.hidden && status !== 401;
  say(message, true);
}

/* ---- the gallery ---- */

const file = (base64, format) => `data:image/${format};base64,${base64}`;

/* The cards of a request that is drawn: one for each picture, made when there is something to show, in front of those
 * of earlier requests. */
class Sheet {
  constructor(format, prompt) {
    this.format = format;
    this.prompt = prompt;
    this.earlier = $("gallery").firstElementChild;
    this.cards = [];
  }

  at(i) {
    this.cards[i] ??= $("card").content.firstElementChild.cloneNode(true);
    for (const one of this.cards) if (one) $("gallery").insertBefore(one, this.earlier);
    return this.cards[i];
  }

  showPartial({ image_index: i, b64_json: base64 }) {
    this.at(i).querySelector("img").src = file(base64, this.format);
  }

  /* Of more candidates than pictures the best are kept: the cards of the others go. */
  finish(images) {
    images.forEach((image, i) => this.fill(this.at(i), image));
    for (const left of this.cards.splice(images.length)) left?.remove();
  }

  fill(figure, { b64_json: base64, seed, score }) {
    const url = file(base64, this.format);
    const save = figure.querySelector(".save");
    figure.querySelector("img").src = url;
    figure.querySelector("img").alt = this.prompt || "a picture like another";
    figure.querySelector(".facts").textContent = `seed ${seed}, score ${score.toFixed(3)}`;
    save.href = url;
    save.download = `clipgen-${seed}.${this.format}`;
    figure.querySelector(".again").onclick = () => { $("seed").value = seed; $("seed").focus(); };
    figure.querySelector(".alike").onclick = () => take(url);
  }

  drop() {
    for (const one of this.cards) one?.remove();
  }
}

/* ---- drawing ---- */

function show(event, sheet) {
  switch (event.type) {
    case "queued":
      return say(event.queue_position ? `${event.queue_position} before you` : "waiting");
    case "progress":
      $("progress").value = event.progress;
      return say("drawing");
    case "partial_image":
      return sheet.showPartial(event);
    case "completed":
      sheet.finish(event.images);
      return say(`${(event.timings_ms.total / 1000).toFixed(2)} s, seed ${event.seed}`);
    case "error":
      throw new Error(event.error.message);
  }
}

async function draw(sheet) {
  const answer = await fetch("v1/generate", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers() },
    body: request(),
    signal: drawing.signal,
  });
  if (!answer.ok) return complain(answer.status, await words(answer));
  for await (const event of events(answer.body)) show(event, sheet);
}

function busy(is) {
  $("draw").disabled = is;
  $("stop").disabled = !is;
  $("progress").hidden = !is;
  $("progress").value = 0;
}

async function submit(event) {
  event?.preventDefault();
  if (drawing || !form.reportValidity()) return;
  const sheet = new Sheet($("format").value, $("prompt").value.trim());
  drawing = new AbortController();
  busy(true);
  say("sending");
  try {
    await draw(sheet);
  } catch (error) {
    sheet.drop();
    say(error.name === "AbortError" ? "stopped" : error.message, error.name !== "AbortError");
  }
  drawing = null;
  busy(false);
}

function stop() {
  drawing?.abort();
}

/* ---- the picture to start from ---- */

function setPicture(url) {
  picture = url && url.slice(url.indexOf(",") + 1);
  $("picture").hidden = $("picture-row").hidden = !url;
  if (url) $("picture").src = url;
  $("file").value = "";
}

function take(url) {
  setPicture(url);
  $("drop").focus();
}

function read(blob) {
  if (!blob?.type.startsWith("image/")) return;
  const reader = new FileReader();
  reader.onload = () => setPicture(reader.result);
  reader.readAsDataURL(blob);
}

function watchDrop() {
  const drop = $("drop");
  drop.onclick = () => $("file").click();
  drop.onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    $("file").click();
  };
  $("file").onclick = (event) => event.stopPropagation();
  $("file").onchange = () => read($("file").files[0]);
  drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    read(event.dataTransfer.files[0]);
  };
  document.onpaste = (event) => read(event.clipboardData.files[0]);
  $("forget").onclick = () => setPicture(null);
}

/* ---- everything together ---- */

function watchKeys(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  if (event.key === "Escape") stop();
}

form.onsubmit = submit;
$("stop").onclick = stop;
document.onkeydown = watchKeys;
for (const id of Object.keys(SLIDERS)) $(id).oninput = () => showValue($(id));
$("key").onchange = fit;
watchDrop();
fit();
