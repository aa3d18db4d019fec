/**
 * Shows the tab in a notebook. The tab runs as it does in TensorBoard, in a frame, and this gives it what it has there:
 * a server, which is the kernel, asked by messages; and a page around it, with an address and a theme.
 *
 * The tab's code comes from the kernel as well. It is loaded from blobs: an import map stands in for the relative
 * addresses of its files, which blobs do not have.
 */

/** Where the tab believes that it is. Nothing is ever sent there. */
const PLACE = "http://kernel.invalid/";
/** When the kernel has not taken a request for so long, the user is told what that may mean, and then the tab. */
const [SAY_MS, FAIL_MS] = [4_000, 30_000];
const SILENT =
  "The kernel does not answer. If it runs a cell, this view goes on after it. If there is no kernel, or it was restarted, run this cell again.";
/** Pictures and sounds that are kept at most. */
const CONTENTS = 500;

function render({ model, el }) {
  const note = document.createElement("div");
  note.setAttribute("role", "status");
  note.style.cssText = "font: 13px/20px system-ui, sans-serif; opacity: 0.75; padding: 2px 0";
  const frame = document.createElement("iframe");
  frame.title = "ActiVis";
  frame.srcdoc = '<!doctype html><html><head></head><body style="margin: 0"></body></html>';
  const resize = () => (frame.style.height = `${model.get("height")}px`);
  // Nothing but the note is there until the kernel has answered.
  frame.style.cssText = "display: block; width: 100%; border: 0; visibility: hidden; position: absolute; height: 0";
  el.style.position = "relative";
  el.append(note, frame);
  const kernel = connect(model, (text) => (note.textContent = text));
  let stop = () => {};
  // A notebook that takes an output out of the page and puts it back loads the frame again.
  frame.addEventListener("load", () => {
    stop();
    stop = start(frame.contentWindow, model, el, kernel, () => {
      frame.style.visibility = frame.style.position = "";
      resize();
    });
  });
  model.on("change:height", resize);
  return () => {
    model.off("change:height", resize);
    stop();
    kernel.close();
  };
}

/** Sends requests to the kernel as messages. `say` shows a text while it takes none, an empty one when it does. */
function connect(model, say) {
  const own = Math.random().toString(36).slice(2); // other views of the same widget get its answers, too
  const waiting = new Map();
  let number = 0;
  const send = (message) => {
    try {
      model.send(message);
    } catch {
      // The kernel has gone: no answer comes, which is said.
    }
  };
  const look = () => {
    const untaken = [...waiting.values()].filter(({ taken }) => !taken);
    const age = ({ sent }) => Date.now() - sent;
    say(untaken.some((one) => age(one) > SAY_MS) ? SILENT : "");
    for (const one of untaken) if (age(one) > FAIL_MS) one.answer(null);
  };
  const timer = setInterval(look, 1_000);
  const receive = (message, buffers) => {
    const one = waiting.get(message.taken ?? message.id);
    if (!one) return;
    if (message.taken) one.taken = true;
    else one.answer({ ...message, content: buffers[0] });
    look();
  };
  model.on("msg:custom", receive);
  return {
    /** Status, content type and content of the answer; null when the kernel does not take the request. */
    ask: (request, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const id = `${own}-${number++}`;
        const abort = () => {
          waiting.delete(id);
          send({ cancel: id });
          reject(signal.reason);
        };
        const answer = (value) => {
          waiting.delete(id);
          signal?.removeEventListener("abort", abort);
          resolve(value);
        };
        signal?.addEventListener("abort", abort, { once: true });
        waiting.set(id, { sent: Date.now(), taken: false, answer });
        send({ id, ...request });
      }),
    close() {
      clearInterval(timer);
      model.off("msg:custom", receive);
    },
  };
}

/** Starts the tab in its frame's window; `ready` is called when its code is there. Returns a function that ends it. */
function start(win, model, el, kernel, ready) {
  const own = new AbortController();
  const files = new Map();
  const browserFetch = win.fetch.bind(win);
  const failure = (kind, message, status) =>
    new win.Response(JSON.stringify({ error: { kind, message } }), { status, statusText: message });
  const ask = async (address, { method = "GET", body, signal } = {}) => {
    const [route, search = ""] = String(address).slice(PLACE.length).split("?");
    if (files.has(route)) return new win.Response(files.get(route));
    const answer = await kernel.ask({ method, route, search, body: body ?? null }, signal);
    if (!answer) return failure("unreachable", SILENT, 503);
    return new win.Response(answer.content, { status: answer.status, headers: { "Content-Type": answer.type } });
  };
  win.fetch = (address, options) =>
    String(address).startsWith(PLACE) ? ask(address, options) : browserFetch(address, options);
  // To the tab, what is around the frame is TensorBoard's page.
  win.parent = pageAround(win, model, el, own.signal);
  showContents(win, ask);

  const load = async () => {
    const get = async (name) => {
      let answer = await ask(PLACE + name);
      // Only silence is waited out: the cell may have been run before the kernel had time.
      while (!own.signal.aborted && answer.status === 503) answer = await ask(PLACE + name, await later(2_000));
      return answer.ok ? answer.text() : Promise.reject(new Error(await answer.text()));
    };
    const main = await get("index.js");
    const names = new Set(main.match(/[\w.]+-[\w-]{8}\.js/g) ?? []);
    const code = new Map([
      ["index.js", main],
      ...(await Promise.all([...names].map(async (name) => [name, await get(name)]))),
    ]);
    if (own.signal.aborted) return;
    const blobs = new Map();
    for (const [name, text] of code) {
      files.set(name, text);
      const placed = text
        .replace(/(\b(?:from|import)\s*\(?\s*["'`])\.\/(?=[\w.-]+\.js["'`])/g, "$1activis/")
        .replaceAll("import.meta.url", JSON.stringify(PLACE + name));
      blobs.set(name, URL.createObjectURL(new Blob([placed], { type: "text/javascript" })));
    }
    own.signal.addEventListener("abort", () => blobs.forEach((blob) => URL.revokeObjectURL(blob)));
    win.Worker = class extends win.Worker {
      constructor(address, options) {
        super(blobs.get(String(address).replace(PLACE, "")) ?? address, options);
      }
    };
    const imports = Object.fromEntries([...blobs].map(([name, blob]) => [`activis/${name}`, blob]));
    add(win, "importmap", JSON.stringify({ imports }));
    add(win, "module", 'import { render } from "activis/index.js"; render();');
    ready();
  };
  load().catch((error) => {
    if (own.signal.aborted) return;
    win.document.body.textContent = `The ActiVis view could not be loaded: ${error.message}`;
    ready();
  });
  return () => own.abort();
}

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function add(win, type, text) {
  const script = win.document.createElement("script");
  script.type = type;
  script.textContent = text;
  win.document.head.append(script);
}

/** A page for the tab, without a picture: its address is the widget's `state`, its theme that of the notebook. */
function pageAround(win, model, el, signal) {
  const page = win.document.implementation.createHTMLDocument();
  const location = {
    hash: model.get("state"),
    get href() {
      return this.hash;
    },
  };
  const write = (_state, _title, hash) => {
    location.hash = hash;
    model.set("state", hash);
    model.save_changes();
  };
  const around = new win.EventTarget();
  const history = { state: null, pushState: write, replaceState: write };
  Object.assign(around, { document: page, location, history, postMessage() {} });

  const follow = () => {
    if (model.get("state") === location.hash) return;
    location.hash = model.get("state");
    around.dispatchEvent(new win.Event("hashchange"));
  };
  model.on("change:state", follow);

  const paint = () => {
    const dark = isDark(model.get("theme"), el);
    page.body.classList.toggle("dark-mode", dark);
    page.body.classList.toggle("light-mode", !dark);
  };
  paint();
  model.on("change:theme", paint);
  // A notebook says a change of theme in attributes, before or after its style sheet is there.
  const repaint = () => {
    paint();
    setTimeout(paint, 500);
  };
  const observer = new MutationObserver(repaint);
  for (const element of [document.documentElement, document.body]) observer.observe(element, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint, { signal });
  signal.addEventListener("abort", () => {
    observer.disconnect();
    model.off("change:state", follow);
    model.off("change:theme", paint);
  });
  return around;
}

/** Light text stands on a dark ground, in whatever notebook. */
function isDark(theme, el) {
  if (theme !== "auto") return theme === "dark";
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = getComputedStyle(el).color;
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
  return 0.3 * red + 0.59 * green + 0.11 * blue > 140;
}

/** Has pictures and sounds come from the kernel: a browser asks for their addresses itself, and never a kernel. */
function showContents(win, ask) {
  const known = new Map();
  const blobOf = (address) => {
    if (!known.has(address)) {
      const made = ask(address).then(async (answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        return URL.createObjectURL(await answer.blob());
      });
      made.catch(() => known.delete(address));
      known.set(address, made);
      for (const [oldest, blob] of known) {
        if (known.size <= CONTENTS) break;
        known.delete(oldest);
        blob.then(URL.revokeObjectURL, () => {});
      }
    }
    return known.get(address);
  };
  const wanted = new WeakMap();
  for (const { prototype } of [win.HTMLImageElement, win.HTMLMediaElement]) {
    const { get, set } = Object.getOwnPropertyDescriptor(prototype, "src");
    Object.defineProperty(prototype, "src", {
      configurable: true,
      enumerable: true,
      get,
      set(address) {
        wanted.set(this, address);
        if (!String(address).startsWith(PLACE)) return set.call(this, address);
        blobOf(address).then(
          (blob) => wanted.get(this) === address && set.call(this, blob),
          () => wanted.get(this) === address && this.dispatchEvent(new win.Event("error")),
        );
      },
    });
  }
}

export default { render };
