/** Talks to TensorBoard's page around the frame: its reload messages and its window. Also works without TensorBoard. */

type Message = { type: string; id: number; payload: unknown; error: string | null; isReply: boolean };

/** Calls `callback` whenever TensorBoard reports new data. Returns a function that stops it. */
export function onDataReloaded(callback: () => void): () => void {
  if (window.parent === window) return () => {};
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }: MessageEvent<string>) => {
    const message = JSON.parse(data) as Message;
    if (message.isReply) return;
    channel.port1.postMessage(JSON.stringify({ ...message, payload: null, error: null, isReply: true }));
    if (message.type === "experimental.DataReloaded" || message.type === "experimental.RunsChanged") callback();
  };
  window.parent.postMessage("experimental.bootstrap", "*", [channel.port2]);
  return () => channel.port1.close();
}

/** The window that has the address bar. */
export function hostWindow(): Window {
  return window.parent;
}
